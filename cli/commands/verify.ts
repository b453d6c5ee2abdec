// `matyan verify`: checks an archive and names everything that is wrong with it.
import { type Fault, type VerifyResult, verifyArchive } from "../../formats/archive/index.ts";
import { type Define, examples, execute, exitCodes } from "../runtime.ts";
import { counted } from "../ui/numbers.ts";
import { safeText } from "../ui/text.ts";

export const define: Define = (command) => {
  command
    .description("Check an archive: structure, counts, checksums, references.")
    .argument("<archive>", "folder, .tar.gz, .tgz or .tar; - reads a tar from standard input")
    .addHelpText(
      "after",
      examples(
        "matyan verify backups/matyan-backup-20261122-104930",
        "matyan verify run.tar.gz --json | jq .faults",
        "ssh host cat run.tar.gz | matyan verify -",
      ),
    )
    .addHelpText(
      "after",
      "\nFails (1) when the archive has errors. Warnings name oddities that it can be restored with.",
    )
    .action(
      execute(async ({ out, progress, signal }, _options, archive: string) => {
        const result = await verifyArchive(archive, { progress, signal });
        for (const fault of result.faults) out.line(safeText(describeFault(fault)));
        out.info(safeText(describeResult(result)));
        out.record(result);
        return result.ok ? exitCodes.done : exitCodes.failed;
      }),
    );
};

function describeFault({ severity, file, line, message }: Fault): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return `${severity}: ${place === "" ? "" : `${place}: `}${message}`;
}

function describeResult(result: VerifyResult): string {
  const { runs, records, blobs, bytes, errors, warnings } = result;
  const checksums = {
    verified: "all checksums right",
    absent: "no checksums: structural checks only",
    failed: "checksums failed",
  }[result.checksums];
  const verdict = errors > 0 ? `${counted(errors, "error")}, ${counted(warnings, "warning")}` : "valid";
  const odd = errors === 0 && warnings > 0 ? `, ${counted(warnings, "warning")}` : "";
  const content = [
    counted(runs, "run"),
    counted(records, "record"),
    counted(blobs, "blob"),
    counted(bytes, "byte"),
  ].join(", ");
  return `${result.archive}: ${verdict}${odd}; ${content}; ${checksums}`;
}
