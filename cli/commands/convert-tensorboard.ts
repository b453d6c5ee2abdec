// `matyan convert tensorboard`: makes an archive of a folder of TensorBoard logs and says what it did and what it could not do.
import { type ConvertReport, convertTensorboard, type RunReport } from "../../server/archive/tensorboard/convert.ts";
import type { Output } from "../output.ts";
import { type Define, examples, execute } from "../runtime.ts";
import { counted, groupDigits } from "../ui/numbers.ts";
import { safeText } from "../ui/text.ts";
import { countBetween } from "./options.ts";

interface Options {
  readonly experiment?: string;
  readonly compress?: boolean;
  readonly workers?: number;
  readonly strict?: boolean;
}

export const define: Define = (command) => {
  command
    .description("Make an archive of a folder of TensorBoard logs.")
    .argument(
      "<logdir>",
      "folder of event files, as for tensorboard --logdir; every folder in it that holds some is a run",
    )
    .argument("<out>", "folder to make the archive in, or a name ending in .tar.gz or .tgz")
    .option("--experiment <name>", "put all runs into this experiment")
    .option("--compress", "make a .tar.gz instead of a folder")
    .option("--workers <n>", "threads that write points (default: 2 for large logs)", countBetween(1, 256))
    .option("--strict", "fail, and leave no archive, when any file is damaged")
    .addHelpText(
      "after",
      examples(
        "matyan convert tensorboard runs/ backups/",
        "matyan convert tensorboard runs/ runs.tar.gz --experiment 'learning rates'",
        "matyan convert tensorboard runs/ backups/ --strict --json | jq .totals",
      ),
    )
    .action(
      execute<[string, string], Options>(async ({ out, progress, signal }, options, logdir, archive) => {
        const report = await convertTensorboard({ logdir, out: archive, ...options, progress, signal });
        for (const warning of warningsOf(report)) out.warn(warning);
        printReport(out, report);
        out.record(toJson(report));
      }),
    );
};

/** The `--json` object; shape in docs/json.md. */
function toJson({ archive, runs, unreadable, totals }: ConvertReport): object {
  const { blobBytes, lostBytes, ...counts } = totals;
  return {
    archive,
    runs: runs.map(({ files, ...run }) => ({
      ...run,
      files: files.map(({ lostBytes: lost, ...file }) => ({ ...file, lost_bytes: lost })),
    })),
    unreadable,
    totals: { ...counts, blob_bytes: blobBytes, lost_bytes: lostBytes },
  };
}

const listedPerFile = 3;

/** Damage, what was replaced, and what has no place in an archive: one line each. */
function warningsOf({ runs, unreadable }: ConvertReport): string[] {
  const warnings = unreadable.map(({ path, reason }) => `${path}: ${reason}`);
  for (const run of runs) {
    for (const { path, skipped, losses, lostBytes } of run.files) {
      for (const { offset, bytes, reason } of skipped.slice(0, listedPerFile))
        warnings.push(`${path}: ${reason} at byte ${groupDigits(offset)}; ${counted(bytes, "byte")} skipped`);
      if (losses > listedPerFile)
        warnings.push(
          `${path}: ${groupDigits(losses - listedPerFile)} more damaged places; ${counted(lostBytes, "byte")} skipped in all`,
        );
    }
    for (const [kind, times] of Object.entries(run.notes))
      warnings.push(`${run.name}: ${kind} (${groupDigits(times)})`);
  }
  return warnings;
}

function printReport(out: Output, { archive, runs, totals }: ConvertReport): void {
  for (const run of runs) out.info(safeText(describeRun(run)));
  out.info(
    `${counted(totals.runs, "run")}: ${counted(totals.records, "record")}, ${counted(totals.traces, "trace")}, ${counted(totals.blobs, "blob")} ` +
      `from ${counted(totals.files, "file")} of ${counted(totals.bytes, "byte")}${totals.losses > 0 ? `; ${counted(totals.losses, "damaged place")}` : ""}`,
  );
  out.line(archive);
}

function describeRun(run: RunReport): string {
  const parts = [counted(run.records, "record"), counted(run.traces, "trace")];
  if (run.blobs > 0) parts.push(counted(run.blobs, "blob"));
  const asides: string[] = [];
  if (run.dropped.restart > 0) asides.push(`${counted(run.dropped.restart, "value")} dropped by restarts`);
  const unconverted = Object.entries(run.unconverted).map(([kind, times]) => `${groupDigits(times)} ${kind}`);
  if (unconverted.length > 0) asides.push(`not converted: ${unconverted.join(", ")}`);
  return `${run.name} -> ${run.hash} (${parts.join(", ")}${asides.length > 0 ? `; ${asides.join("; ")}` : ""})`;
}
