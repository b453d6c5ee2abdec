// Records of a command as rows of CSV instead of JSON lines, for `--format csv`.
import type { Command } from "commander";
import { Stored, toJsonText } from "../json.ts";
import type { Output } from "../output.ts";
import { csvRecord } from "./csv.ts";
import { safeText } from "./text.ts";

export type TableFormat = "table" | "csv";

export function addFormatOption(command: Command): Command {
  return command.addOption(
    command.createOption("--format <format>", "how to print").choices(["table", "csv"]).default("table"),
  );
}

/**
 * An output that a command takes for one with `--json`: its records are rows, with `fields` as columns, whose names are
 * printed at once; its lines for people are not printed. Text stands as it is, numbers are exact, null is nothing, and what is
 * made of several values is JSON. With `table`, or with `--json`, the output itself.
 */
export function inFormat(out: Output, format: TableFormat, fields: readonly string[]): Output {
  if (format === "table" || out.json) return out;
  printCsv(out, fields);
  return {
    ...out,
    json: true,
    record: (document) => {
      const values = new Map(Object.entries(document));
      printCsv(
        out,
        fields.map((field) => cellOf(values.get(field))),
      );
    },
    line: () => undefined,
    info: () => undefined,
  };
}

/** A record as it is, but on a terminal with what could move its cursor escaped: there it is read by a person. */
export function printCsv(out: Output, fields: readonly string[]): void {
  out.raw(csvRecord(out.terminal.stdout ? fields.map(safeText) : fields));
}

function cellOf(value: unknown): string {
  const plain = value instanceof Stored ? value.value : value;
  if (plain === null || plain === undefined) return "";
  if (typeof plain === "number" && !Number.isFinite(plain)) return String(plain);
  return typeof plain === "string" ? plain : toJsonText(value);
}
