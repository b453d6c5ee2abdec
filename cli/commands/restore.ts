// `matyan restore`: the runs and entities of an archive into the store, or into a live server.
import { openArchive } from "../../formats/archive/index.ts";
import { MatyanError } from "../../formats/error.ts";
import { type RestoreReport, type RunOutcome, restore } from "../../server/archive/restore.ts";
import type { OnConflict } from "../../server/archive/restoreDecide.ts";
import type { EntityOutcome } from "../../server/archive/restoreEntities.ts";
import { openStack } from "../../server/stack.ts";
import { restoreRemote } from "../move/restoreRemote.ts";
import type { Output } from "../output.ts";
import { type Context, type Define, examples, execute, exitCodes } from "../runtime.ts";
import {
  describeEntity,
  describeRun,
  entityToJson,
  entityWords,
  reportToJson,
  runToJson,
  summarize,
} from "../ui/restoreReport.ts";
import { safeText } from "../ui/text.ts";

interface Options {
  readonly dryRun?: boolean;
  readonly skipEntities?: boolean;
  readonly skipBlobs?: boolean;
  readonly onConflict: OnConflict;
  readonly url?: string;
  readonly frontier?: string;
}

const notes = `
A run becomes visible when all of it is there. Run again after an interruption, the restore goes on where it stopped;
run again after it was done, it changes nothing. A run counts as unchanged when its fields, attributes, contexts and
table of sequences are the archive's; its points are not compared. A run that is damaged in the archive is left out as a whole, the others
are restored, and the exit code is 1. Experiments and tags that the store has under another id are found by name, and
the archive's runs belong to those; entities and settings that differ stay as they are, unless with --on-conflict replace.
Run counts follow from the runs that are there. A run that was deleted here, or whose deletion had been asked for when
it was backed up, comes back as a run like any other. Check an archive before with: matyan verify ARCHIVE

With --url the archive goes to a live server, this program's or the existing Python one, through its API and its frontier. Each run is
compared with the archive there before it gets its name; until then it is called "being restored by matyan". What the server
can't take is said: docs/moving.md lists it.`;

export const define: Define = (command) => {
  command
    .description("Put an archive's runs and entities into the store, or into a live server.")
    .argument("<archive>", "folder, .tar.gz, .tgz or .tar; - reads a tar from standard input")
    .option("--dry-run", "read all of the archive, say what would be done, and write nothing")
    .option("--skip-entities", "only runs: no experiments, tags, dashboards, reports, notes, settings")
    .option("--skip-blobs", "without images, audio and artifacts")
    .addOption(
      command
        .createOption(
          "--on-conflict <way>",
          "runs that the store has: skip keeps them, replace takes the archive's, fail refuses to begin",
        )
        .choices(["skip", "replace", "fail"])
        .default("skip"),
    )
    .option("--url <api>", "restore into the live server at this address instead of the store")
    .option("--frontier <address>", "the server's frontier, where that is another address than --url's")
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan restore backups/matyan-backup-20261122-104930.tar.gz",
        "matyan restore backups/matyan-backup-20261122-104930 --dry-run",
        "ssh host cat backup.tar.gz | matyan restore - --on-conflict replace",
        "matyan restore backups/matyan-backup-20261122-104930 --url http://localhost:53800",
      ),
    )
    .action(execute<[string], Options>(runRestore));
};

async function runRestore(context: Context, options: Options, path: string): Promise<number> {
  const { out, config, progress, signal } = context;
  const { dryRun = false, skipEntities, skipBlobs, onConflict, url, frontier } = options;
  if (url === undefined && frontier !== undefined)
    throw new MatyanError("usage", "--frontier is of use only with --url", { hint: "Name the API with --url." });
  await using archive = await openArchive(path, { signal });
  const common = { archive, dryRun, skipEntities, skipBlobs, onConflict, progress, signal, ...reporters(out, dryRun) };
  if (url !== undefined) {
    const report = await restoreRemote({ ...common, url, frontier });
    for (const note of report.notes) out.info(`note: ${safeText(note)}`);
    return conclude(out, report, { notes: report.notes });
  }
  await using stack = await openStack(config, { missing: dryRun ? "empty" : "create" });
  const { store, blobs } = stack;
  return conclude(out, await restore({ ...common, store, blobs, now: Date.now() / 1000 }));
}

export function reporters(out: Output, dryRun: boolean) {
  return {
    onRun(outcome: RunOutcome) {
      const text = describeRun(outcome, dryRun);
      if (outcome.action === "fail") out.warn(text);
      else out.info(safeText(text));
      for (const note of outcome.notes) out.info(`  ${safeText(note)}`);
      out.record(runToJson(outcome));
    },
    onEntity(outcome: EntityOutcome) {
      if (dryRun || (outcome.action !== "create" && outcome.action !== "same"))
        out.info(safeText(describeEntity(outcome, dryRun)));
      out.record(entityToJson(outcome));
    },
  };
}

export function conclude(out: Output, report: RestoreReport, more: object = {}): number {
  for (const { setting, action } of report.settings) {
    if (report.dryRun || action === "keep") out.info(`setting ${setting}: ${entityWords(report.dryRun)[action]}`);
    out.record({ type: "setting", setting, action });
  }
  out.info(summarize(report));
  out.record({ ...reportToJson(report), ...more });
  return report.failures.length > 0 ? exitCodes.failed : exitCodes.done;
}
