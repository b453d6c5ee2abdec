// matyan verify: checks an archive and names everything that is wrong with it.
import { type Fault, type VerifyResult, verifyArchive } from "../../formats/archive/index.ts";
import { type Define, examples, execute, exitCodes } from "../runtime.ts";

export const define: Define = (command) => {
  command
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
        for (const fault of result.faults) out.line(describeFault(fault));
        out.info(describeResult(result));
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
  const verdict = errors > 0 ? `${count(errors, "error")}, ${count(warnings, "warning")}` : "valid";
  const odd = errors === 0 && warnings > 0 ? `, ${count(warnings, "warning")}` : "";
  const content = [count(runs, "run"), count(records, "record"), count(blobs, "blob"), count(bytes, "byte")].join(", ");
  return `${result.archive}: ${verdict}${odd}; ${content}; ${checksums}`;
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}
