// Rows as CSV, JSON lines or Parquet, written as they come: to standard output, or to a file that appears when it is whole.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { MatyanError, messageOf } from "../../formats/error.ts";
import { formatJson } from "../../formats/json.ts";
import type { Value } from "../../formats/value.ts";
import { storedToJson } from "../json.ts";
import type { Output } from "../output.ts";
import { csvRecord } from "./csv.ts";
import { safeText } from "./text.ts";

export const exportFormats = ["csv", "jsonl", "parquet"] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** A column of the table; `text` also holds other values, as JSON. */
export interface ExportColumn {
  readonly name: string;
  readonly type: "text" | "integer" | "float";
}

/** Cells in the order of the columns; undefined where there is nothing. */
export type ExportRow = readonly (Value | undefined)[];

export interface RowWriter {
  write(rows: readonly ExportRow[]): Promise<void>;
  /** After it the file is there, whole and durable. */
  finish(): Promise<void>;
  /** Leaves nothing behind. */
  abort(): void;
}

/** Parquet's rows are written in groups of so many: what is held in memory. */
const rowGroup = 100_000;

/**
 * @param file where to; undefined for standard output. @throws MatyanError `usage` for Parquet without a file, `io` when the file can't
 * be written
 */
export async function openRowWriter(
  out: Output,
  format: ExportFormat,
  columns: readonly ExportColumn[],
  file: string | undefined,
): Promise<RowWriter> {
  if (format === "parquet") {
    if (file === undefined)
      throw new MatyanError("usage", "Parquet can't be written to standard output", {
        hint: "Name a file: -o metrics.parquet",
      });
    return openParquet(columns, file);
  }
  const isRead = file === undefined && out.terminal.stdout;
  const text = format === "csv" ? csvText(columns, isRead) : jsonText(columns);
  if (file === undefined) {
    out.raw(text.head);
    return {
      write: async (rows) => out.raw(rows.map(text.row).join("")),
      finish: async () => out.flush(),
      abort() {},
    };
  }
  const target = openPartial(file);
  target.write(Buffer.from(text.head));
  return {
    write: async (rows) => target.write(Buffer.from(rows.map(text.row).join(""))),
    finish: async () => target.finish(),
    abort: () => target.abort(),
  };
}

interface RowText {
  readonly head: string;
  row(row: ExportRow): string;
}

/** @param isRead on a terminal, by a person: what could move its cursor is escaped there */
function csvText(columns: readonly ExportColumn[], isRead: boolean): RowText {
  const record = (cells: readonly string[]) => csvRecord(isRead ? cells.map(safeText) : cells);
  return { head: record(columns.map(({ name }) => name)), row: (row) => record(row.map(csvCell)) };
}

/** Text as it is, numbers so that reading them gives the same one, anything else as JSON. */
function csvCell(value: Value | undefined): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  return typeof value === "bigint" ? String(value) : formatJson(value);
}

function jsonText(columns: readonly ExportColumn[]): RowText {
  return {
    head: "",
    row: (row) =>
      `{${columns.map(({ name }, i) => `${storedToJson(name)}:${storedToJson(row[i] ?? null)}`).join(",")}}\n`,
  };
}

async function openParquet(columns: readonly ExportColumn[], file: string): Promise<RowWriter> {
  const { ByteWriter, ParquetWriter, schemaFromColumnData } = await import("hyparquet-writer");
  const types = { text: "STRING", integer: "INT64", float: "DOUBLE" } as const;
  const columnData = (rows: readonly ExportRow[]) =>
    columns.map(({ name, type }, i) => ({
      name,
      type: types[type],
      nullable: true,
      data: rows.map((row) => parquetCell(row[i], type)),
    }));
  const target = openPartial(file);
  const bytes = new ByteWriter();
  const drain = () => {
    target.write(bytes.getBytes());
    bytes.index = 0;
  };
  let held: ExportRow[] = [];
  const parquet = new ParquetWriter({
    writer: bytes,
    schema: schemaFromColumnData({ columnData: columnData([]) }),
    createdBy: "matyan",
  });
  const writeGroup = async () => {
    if (held.length === 0) return;
    await parquet.write({ columnData: columnData(held), rowGroupSize: rowGroup });
    drain();
    held = [];
  };
  return {
    async write(rows) {
      for (const row of rows) held.push(row);
      if (held.length >= rowGroup) await writeGroup();
    },
    async finish() {
      await writeGroup();
      await parquet.finish();
      drain();
      target.finish();
    },
    abort: () => target.abort(),
  };
}

function parquetCell(value: Value | undefined, type: ExportColumn["type"]): string | bigint | number | undefined {
  if (value === undefined || value === null) return undefined;
  if (type === "text") return csvCell(value);
  if (type === "integer") return typeof value === "bigint" ? value : undefined;
  return typeof value === "bigint" || typeof value === "number" ? Number(value) : undefined;
}

interface PartialFile {
  write(bytes: Uint8Array): void;
  finish(): void;
  abort(): void;
}

function openPartial(file: string): PartialFile {
  const partial = `${file}.partial-${process.pid}`;
  const named = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw new MatyanError("io", `'${file}' can't be written: ${messageOf(error)}`, {
        hint: "Name a file in a folder that exists and that you may write to.",
        cause: error,
      });
    }
  };
  const fd = named(() => openSync(partial, "wx"));
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  return {
    write(bytes) {
      named(() => {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      });
    },
    finish() {
      named(() => {
        fsyncSync(fd);
        close();
        renameSync(partial, file);
      });
    },
    abort() {
      close();
      rmSync(partial, { force: true });
    },
  };
}
