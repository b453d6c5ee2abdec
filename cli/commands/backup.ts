// `matyan backup`: runs of the store as an archive.
import { MatyanError } from "../../formats/error.ts";
import { type BackupReport, backup } from "../../server/archive/backup.ts";
import { openStack } from "../../server/stack.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { counted, groupDigits, shortBytes } from "../ui/numbers.ts";

interface Options {
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
and the exit code is 0. An unknown run or experiment is an error.`;

export const define: Define = (command) => {
  command
    .argument("<out>", "folder to make the archive in, or a file ending in .tar.gz or .tgz")
    .option("--runs <list>", "only these runs: hashes or beginnings of them, separated by commas")
    .option("--experiment <name>", "only runs of this experiment")
    .option("--since <date>", "only runs created then or later: 2026-01-31 or 2026-01-31T12:00, local without a zone")
    .option("--no-blobs", "without images, audio and artifacts")
    .option("--compress", "a .tar.gz instead of a folder")
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan backup /backups --compress",
        "matyan backup best.tar.gz --runs 3f9c1a20,77ab",
        "matyan backup /backups --experiment mnist --since 2026-01-31",
      ),
    )
    .action(execute<[string], Options>(runBackup));
};

async function runBackup({ out, progress, config, signal }: Context, options: Options, path: string): Promise<void> {
  await using stack = await openStack(config, { missing: "fail", access: "read" });
  const report = await backup({
    store: stack.store,
    blobs: stack.blobs,
    out: path,
    runs: parseRuns(options.runs),
    experiment: options.experiment,
    since: options.since,
    includeBlobs: options.blobs,
    compress: options.compress,
    progress,
    signal,
  });
  for (const warning of report.warnings) out.warn(warning);
  const untold = report.warningCount - report.warnings.length;
  if (untold > 0) out.warn(`and ${groupDigits(untold)} more like these`);
  for (const hash of report.gone) out.info(`Run ${hash} was deleted meanwhile: it is not in the backup.`);
  for (const hash of report.pendingDeletion) out.info(`Run ${hash} is being deleted: it is not in the backup.`);
  for (const line of summary(report)) out.info(line);
  out.record(toJson(report));
}

function parseRuns(list: string | undefined): string[] | undefined {
  if (list === undefined) return undefined;
  const prefixes = list
    .split(",")
    .map((prefix) => prefix.trim())
    .filter((prefix) => prefix !== "");
  if (prefixes.length > 0) return prefixes;
  throw new MatyanError("usage", "--runs names no run", { hint: "Leave it out to back up all runs." });
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
 */
function toJson(report: BackupReport): object {
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
  };
}
