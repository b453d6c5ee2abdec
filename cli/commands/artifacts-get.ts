// `matyan artifacts get`: files of a run, written below a folder.
import { join } from "node:path";
import { MatyanError, messageOf } from "../../formats/error.ts";
import { byNearness } from "../../server/listing/nearest.ts";
import { type ArtifactPlace, openArtifactPlace } from "../client/artifactPlace.ts";
import { fileNames, isThere, type SavedName, saveFile } from "../client/savedFiles.ts";
import { Turns } from "../client/turns.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { counted, shortBytes } from "../ui/numbers.ts";
import { existingOption } from "./options.ts";

interface Options {
  readonly out: string;
  readonly existing: "fail" | "skip" | "replace";
  readonly url?: string;
}

const together = 4;

const notes = `
PATH is an artifact, or a folder of them; without any, all are written. Files are written under another name first and then
put in place, so that one that is there is whole: after an interruption, --existing skip goes on. Names that would lead
out of the folder, or that no file can have, are changed.`;

export const define: Define = (command) => {
  command
    .description("Write artifacts of a run to files.")
    .argument("<run>", "the run's hash, or a beginning of it that no other run shares")
    .argument("[artifact...]", "paths of artifacts, or what comes before a slash in them")
    .option("--out <dir>", "the folder to write to", ".")
    .addOption(existingOption())
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan artifacts get 3f9c1a20 --out ./files",
        "matyan artifacts get 3f9c1a20 model.pt checkpoints --existing replace",
      ),
    )
    .action(execute<[string, string[]], Options>(getArtifacts));
};

async function getArtifacts(context: Context, options: Options, run: string, paths: string[]): Promise<void> {
  const { out, config, signal, progress } = context;
  await using place = await openArtifactPlace(run, {
    url: options.url,
    config,
    access: "read",
    signal,
    onTrouble: progress.note,
  });
  const wanted = await choose(place, paths);
  const files = await withoutExisting(context, options, wanted);
  progress.stage("downloading", files.length, "files");
  const turns = new Turns(together);
  let failures = 0;
  let bytes = 0;
  await Promise.all(
    files.map(({ path, name }) =>
      turns.take(async () => {
        if (signal.aborted) return;
        progress.item(path);
        try {
          const size = await saveFile(options.out, name, await place.read(path));
          bytes += size;
          out.record({ path, file: join(options.out, name), size });
        } catch (error) {
          if (signal.aborted) throw error;
          failures++;
          out.warn(`${path}: ${messageOf(error)}`);
        }
        progress.advance(1);
      }),
    ),
  );
  signal.throwIfAborted();
  if (failures > 0)
    throw new MatyanError("io", `${counted(failures, "file")} of ${files.length} could not be written`, {
      hint: "The others are. Run the command again with --existing skip.",
    });
  const kept = wanted.length - files.length;
  out.info(
    `${counted(files.length, "file")} (${shortBytes(bytes)}) written to ${options.out}${kept === 0 ? "" : `, ${kept} were there`}.`,
  );
}

/** The artifacts that are meant, with their files. @throws MatyanError `not_found` for a path that means none. */
async function choose(place: ArtifactPlace, asked: readonly string[]): Promise<SavedName[]> {
  const all = (await place.list()).map(({ path }) => path);
  if (all.length === 0) throw new MatyanError("not_found", `the run ${place.hash} has no artifacts`);
  // Names depend on all of them, so that a file is the same whichever are asked for.
  const named = fileNames(all);
  if (asked.length === 0) return named;
  const meant = new Set<string>();
  for (const path of asked) {
    const folder = `${path.replace(/\/+$/, "")}/`;
    const found = all.filter((one) => one === path || one.startsWith(folder));
    if (found.length === 0)
      throw new MatyanError("not_found", `the run ${place.hash} has no artifact '${path}'`, {
        hint: `There are: ${byNearness(path, all).slice(0, 8).join(", ")}${all.length > 8 ? ", ..." : ""}.`,
      });
    for (const one of found) meant.add(one);
  }
  return named.filter(({ path }) => meant.has(path));
}

async function withoutExisting(
  { out }: Context,
  { existing, out: folder }: Options,
  wanted: readonly SavedName[],
): Promise<readonly SavedName[]> {
  for (const { path, name } of wanted)
    if (path !== name) out.warn(`'${path}' is written as '${name}': its own name can't be a file's here`);
  if (existing === "replace") return wanted;
  const there = await Promise.all(wanted.map(({ name }) => isThere(join(folder, name))));
  const first = wanted.find((_, i) => there[i]);
  if (existing === "fail" && first !== undefined)
    throw new MatyanError("conflict", `'${join(folder, first.name)}' is there already`, {
      hint: "Name another folder with --out, or say --existing skip or replace.",
    });
  return wanted.filter((_, i) => !there[i]);
}
