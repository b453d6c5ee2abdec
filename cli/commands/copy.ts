// `matyan copy`: runs from one place into another, each a server, a store's folder or (to read from) an archive.
import type { OnConflict } from "../../server/archive/restoreDecide.ts";
import { copy } from "../move/copy.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { safeText } from "../ui/text.ts";
import { parseMoment, sinceHelp } from "./moment.ts";
import { parseRuns } from "./options.ts";
import { conclude, reporters } from "./restore.ts";

interface Options {
  readonly from: string;
  readonly to: string;
  readonly frontier?: string;
  readonly runs?: string;
  readonly experiment?: string;
  readonly since?: string;
  readonly skipBlobs?: boolean;
  readonly dryRun?: boolean;
  readonly onConflict: OnConflict;
}

const notes = `
A place is the address of a server's API (matyan serve, or the existing Python one), the folder of an embedded store, or, to
copy from, an archive. A store that is not there is made. Experiments, tags, dashboards, reports and settings come first,
then the runs in the order of their creation, then notes. A run must pass all filters; archived runs are included.

One run at a time is kept in the folder for temporary files, and checked against its digests before it is written. Copied
again after an interruption, what is there already is skipped; copied again after that, nothing changes. A run that has grown
at the source is taken again with --on-conflict replace. A run that can't be read or written is left out as a whole, the
others are copied, and the exit code is 1. What a server's API does not tell is not copied (docs/moving.md).`;

export const define: Define = (command) => {
  command
    .description("Copy runs between stores, live servers and archives.")
    .requiredOption("--from <place>", "address of a server, folder of a store, or archive")
    .requiredOption("--to <place>", "address of a server, or folder of a store")
    .option("--frontier <url>", "of the server copied to, when its frontier has another address")
    .option("--runs <list>", "only these runs: hashes or beginnings of them, separated by commas")
    .option("--experiment <name>", "only runs of this experiment")
    .option("--since <date>", sinceHelp, parseMoment)
    .option("--skip-blobs", "without images, audio and artifacts")
    .option("--dry-run", "say what would be done, and write nothing")
    .addOption(
      command
        .createOption(
          "--on-conflict <way>",
          "runs that are there already: skip keeps them, replace takes the source's, fail refuses to begin",
        )
        .choices(["skip", "replace", "fail"])
        .default("skip"),
    )
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan copy --from http://tracking.example:53800 --to ./mine",
        "matyan copy --from .matyan --to http://tracking.example:53800 --experiment mnist",
        "matyan copy --from old.tar.gz --to .matyan --runs 3f9c1a20 --dry-run",
      ),
    )
    .action(execute<[], Options>(runCopy));
};

async function runCopy({ out, progress, config, signal }: Context, options: Options): Promise<number> {
  const { dryRun = false } = options;
  const report = await copy({
    ...options,
    durability: config.durability,
    runs: parseRuns(options.runs),
    progress,
    signal,
    warn: (message) => out.warn(message),
    ...reporters(out, dryRun),
  });
  for (const hash of report.gone) out.info(`Run ${hash} was deleted meanwhile: it is not copied.`);
  if (!dryRun && report.points > 0 && report.notGiven.length > 0) {
    out.info("Not told by the server, so not copied:");
    for (const what of report.notGiven) out.info(`  ${what}`);
  }
  for (const note of report.notes) out.info(`note: ${safeText(note)}`);
  return conclude(out, report, { gone: report.gone, not_given: report.notGiven, notes: report.notes });
}
