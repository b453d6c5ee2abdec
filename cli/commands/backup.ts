// `matyan backup`: runs of the store, or of a live server, as an archive.
import { type BackupReport, backup } from "../../server/archive/backup.ts";
import { openStack } from "../../server/stack.ts";
import { type BackupRemoteReport, backupRemote } from "../move/backupRemote.ts";
import { type Context, type Define, examples, execute, exitCodes } from "../runtime.ts";
import { counted, groupDigits, shortBytes } from "../ui/numbers.ts";
import { parseMoment, sinceHelp } from "./moment.ts";
import { parseRuns } from "./options.ts";

interface Options {
  readonly url?: string;
  readonly runs?: string;
  readonly experiment?: string;
  readonly since?: string;
  readonly blobs: boolean;
  readonly compress?: boolean;
}

const notes = `
Writes a folder matyan-backup-<time> into OUT, or the file OUT if that ends in .tar.gz or .tgz. It exists whole or not
at all. Each run is a consistent snapshot. A run must pass all filters; archived runs are included, runs that are being
deleted are not. Experiments, tags, dashboards, reports, notes and settings always go along, all of them. Without
filters an empty store gives an archive without runs; when filters are given and no run passes them, nothing is written
and the exit code is 0. An unknown run or experiment is an error.

With --url, all that the server's REST API gives is written, by any server that speaks it: matyan serve or the existing
Python one. What no such server tells is said at the end (docs/moving.md). A run that changes while it is read is warned of. A
run of which the server can't give all is left out as a whole, the others are written, and the exit code is 1. Notes are
those of the archive's runs and of all experiments.`;

export const define: Define = (command) => {
  command
    .description("Write runs of the store, or of a live server, to an archive.")
    .argument("<out>", "folder to make the archive in, or a file ending in .tar.gz or .tgz")
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .option("--runs <list>", "only these runs: hashes or beginnings of them, separated by commas")
    .option("--experiment <name>", "only runs of this experiment")
    .option("--since <date>", sinceHelp, parseMoment)
    .option("--no-blobs", "without images, audio and artifacts")
    .option("--compress", "a .tar.gz instead of a folder")
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan backup /backups --compress",
        "matyan backup best.tar.gz --runs 3f9c1a20,77ab",
        "matyan backup /backups --experiment mnist --since 2026-01-31",
        "matyan backup /backups --url http://tracking.example:53800",
      ),
    )
    .action(execute<[string], Options>(runBackup));
};

async function runBackup(context: Context, options: Options, path: string): Promise<number> {
  const { out, config, progress, signal } = context;
  const { experiment, since, compress, blobs: includeBlobs, url } = options;
  const runs = parseRuns(options.runs);
  const common = { out: path, runs, experiment, since, includeBlobs, compress, progress, signal };
  if (url !== undefined) {
    const report = await backupRemote({ ...common, url });
    tell(context, report);
    for (const { hash, reason } of report.failures) out.warn(`run ${hash} is not in the backup: ${reason}`);
    if (report.notGiven.length > 0) out.info("Not told by the server, so not in it:");
    for (const what of report.notGiven) out.info(`  ${what}`);
    out.record(toJson(report));
    return report.failures.length > 0 ? exitCodes.failed : exitCodes.done;
  }
  await using stack = await openStack(config, { missing: "fail", access: "read" });
  const report = await backup({ ...common, store: stack.store, blobs: stack.blobs });
  tell(context, report);
  out.record(toJson(report));
  return exitCodes.done;
}

function tell({ out }: Context, report: BackupReport): void {
  for (const warning of report.warnings) out.warn(warning);
  const untold = report.warningCount - report.warnings.length;
  if (untold > 0) out.warn(`and ${groupDigits(untold)} more like these`);
  for (const hash of report.gone) out.info(`Run ${hash} was deleted meanwhile: it is not in the backup.`);
  for (const hash of report.pendingDeletion) out.info(`Run ${hash} is being deleted: it is not in the backup.`);
  for (const line of summary(report)) out.info(line);
}

function summary({ path, runs, points, blobs, blobBytes, entities }: BackupReport): string[] {
  if (path === null) return ["No runs matched the filters: nothing was written."];
  const others = Object.values(entities).reduce((sum, count) => sum + count, 0);
  const counts = [
    counted(runs, "run"),
    counted(points, "point"),
    `${counted(blobs, "blob")} (${shortBytes(blobBytes)})`,
  ];
  return [`Backed up ${counts.join(", ")}, ${counted(others, "entity", "entities")}.`, `Archive: ${path}`];
}

/**
 * The `--json` object: `archive` (path, or null when filters matched nothing), `runs`, `points`, `blobs`, `blob_bytes`, `bytes` (of all files
 * before compression), `entities` (kind -> count), `pending_deletion` and `gone` (hashes left out), `warnings`, `warning_count`.
 * With `--url` also `failures` (`[{hash, reason}]`) and `not_given`.
 */
function toJson(report: BackupReport | BackupRemoteReport): object {
  const { path, runs, points, blobs, bytes, entities, gone, warnings } = report;
  return {
    archive: path,
    runs,
    points,
    blobs,
    blob_bytes: report.blobBytes,
    bytes,
    entities,
    pending_deletion: report.pendingDeletion,
    gone,
    warnings,
    warning_count: report.warningCount,
    ...("failures" in report ? { failures: report.failures, not_given: report.notGiven } : {}),
  };
}
