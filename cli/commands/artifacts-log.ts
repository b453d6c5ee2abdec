// `matyan artifacts log`: files and folders become artifacts of a run, what `log_artifact` and `log_artifacts` do.
import { MatyanError, messageOf } from "../../formats/error.ts";
import { type ArtifactFile, listArtifactFiles } from "../client/artifactFiles.ts";
import { openArtifactPlace } from "../client/artifactPlace.ts";
import { Turns } from "../client/turns.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { counted, shortBytes } from "../ui/numbers.ts";

interface Options {
  readonly name?: string;
  readonly url?: string;
}

/** Files on their way at the same time. */
const together = 4;

const notes = `
A file becomes the artifact NAME, else one of its own name. Of a folder all files become artifacts, as NAME/relative/path, or
just relative/path. Links to files are followed, links to folders are not. An artifact of the same path is replaced.
With --url files go through the frontier's upload URLs; what fails is tried again, and checksums are compared where the
store tells them. Without it they go into the store of this machine.`;

export const define: Define = (command) => {
  command
    .description("Store files and folders as artifacts of a run.")
    .argument("<run>", "the run's hash; without --url a beginning that no other run shares will do")
    .argument("<path...>", "files and folders")
    .option("--name <name>", "the artifact's path, or for folders what comes before it")
    .option("--url <frontier>", "send them to the frontier at this address instead of opening the store")
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan artifacts log 3f9c1a20 model.pt",
        "matyan artifacts log 3f9c1a20 ./checkpoints --name checkpoints",
        'matyan artifacts log "$RUN" model.pt --name models/best.pt --url http://localhost:53801',
      ),
    )
    .action(execute<[string, string[]], Options>(logArtifacts));
};

async function logArtifacts(context: Context, options: Options, run: string, paths: string[]): Promise<void> {
  const { out, config, signal, progress } = context;
  const files = await gather(context, paths, options.name);
  await using place = await openArtifactPlace(run, {
    url: options.url,
    config,
    access: "write",
    signal,
    onTrouble: progress.note,
  });
  await place.checkRun();
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  progress.stage("uploading", bytes, "bytes");
  const turns = new Turns(together);
  const failures: string[] = [];
  await Promise.all(
    files.map((file) =>
      turns.take(async () => {
        if (signal.aborted) return;
        progress.item(file.path);
        try {
          const { checked } = await place.log(file);
          out.record({ path: file.path, size: file.size, checked: checked ?? null });
        } catch (error) {
          if (signal.aborted || isGeneral(error)) throw error;
          failures.push(file.path);
          out.warn(messageOf(error));
        }
        progress.advance(file.size);
      }),
    ),
  );
  signal.throwIfAborted();
  if (failures.length > 0)
    throw new MatyanError("io", `${counted(failures.length, "file")} of ${files.length} could not be stored`, {
      hint: "The others are. Run the command again for what is missing.",
    });
  out.info(`${counted(files.length, "file")} (${shortBytes(bytes)}) stored in run ${place.hash}.`);
}

/** What stops all files, not just one. */
function isGeneral(error: unknown): boolean {
  return error instanceof MatyanError && error.code !== "io" && error.code !== "too_large";
}

async function gather({ out }: Context, paths: readonly string[], name: string | undefined): Promise<ArtifactFile[]> {
  const byPath = new Map<string, ArtifactFile>();
  for (const path of paths) {
    const { files, skipped } = await listArtifactFiles(path, name);
    for (const file of skipped) out.warn(`'${file}' is left out: it is a link to a folder, or no file`);
    for (const file of files) {
      const taken = byPath.get(file.path);
      if (taken !== undefined && taken.file !== file.file)
        throw new MatyanError(
          "usage",
          `'${taken.file}' and '${file.file}' would both become the artifact '${file.path}'`,
          {
            hint: "Log them one by one, each with a --name of its own.",
          },
        );
      byPath.set(file.path, file);
    }
  }
  if (byPath.size === 0)
    throw new MatyanError("not_found", "there are no files in what was named", {
      hint: "Name files, or folders that hold some.",
    });
  return [...byPath.values()];
}
