// Reads checksums.json as it streams by and compares it with the files, whichever of them came first.
import { MatyanError } from "../error.ts";
import { parseJson } from "../json.ts";
import { isMap, type Value, type ValueMap } from "../value.ts";
import type { FaultList } from "./faults.ts";
import { DocumentCheck, type FileCheck } from "./fileCheck.ts";
import { type FileFacts, type FileTable, listed, seen } from "./fileTable.ts";
import { checksumsName, pathFault } from "./layout.ts";
import { LineSplitter } from "./lines.ts";

const opening = '{"version": 1, "files": {';

export interface SeenTotals {
  readonly runs: number;
  readonly records: number;
  readonly blobs: number;
  readonly blobBytes: number;
}

export class ChecksumCheck implements FileCheck {
  readonly #faults: FaultList;
  readonly #table: FileTable;
  readonly #splitter = new LineSplitter();
  #started = false;
  /** For a file that something else has written anew: the same JSON, but not a line per file. */
  #document: DocumentCheck | undefined;
  #totals: ValueMap | undefined;
  #files = 0;
  #bytes = 0;

  constructor(table: FileTable, faults: FaultList) {
    this.#table = table;
    this.#faults = faults;
  }

  push(chunk: Uint8Array): void {
    for (const { bytes, number } of this.#splitter.push(chunk)) this.#line(bytes, number);
  }

  end(): void {
    for (const { bytes, number } of this.#splitter.end()) this.#line(bytes, number);
    this.#document?.end();
    if (this.#totals === undefined && this.#faults.errors === 0) {
      this.#faults.error(checksumsName, "checksums", "the list is cut short: it has no totals");
    }
  }

  /** All files have been seen: reports those that only one side has, and totals that differ. */
  finish(seenTotals: SeenTotals): void {
    for (let number = 0; number < this.#table.count; number++) {
      const flags = this.#table.flags(number);
      if (flags === listed)
        this.#faults.error(this.#table.path(number), "file-missing", "listed in checksums.json but missing");
      if (flags === seen) this.#faults.error(this.#table.path(number), "file-unlisted", "not listed in checksums.json");
    }
    const totals = this.#totals;
    if (totals === undefined) return;
    const real = [
      ["files", this.#files],
      ["bytes", this.#bytes],
      ["runs", seenTotals.runs],
      ["records", seenTotals.records],
      ["blobs", seenTotals.blobs],
      ["blob_bytes", seenTotals.blobBytes],
    ] as const;
    for (const [field, count] of real) {
      const said = totals.get(field);
      if (said !== BigInt(count)) {
        this.#faults.error(
          checksumsName,
          "totals",
          `totals.${field} is ${String(said ?? "missing")}, the archive has ${count}`,
        );
      }
    }
  }

  #line(bytes: Uint8Array, number: number): void {
    if (this.#document !== undefined) {
      this.#document.push(bytes);
      this.#document.push(Buffer.from("\n"));
      return;
    }
    const text = Buffer.from(bytes).toString("utf8");
    if (!this.#started) {
      this.#started = true;
      if (text === opening) return;
      this.#document = new DocumentCheck(checksumsName, this.#faults, (value) => this.#whole(value));
      this.#line(bytes, number);
      return;
    }
    if (text === "" || text === "}") return;
    const closing = text.startsWith("}, ");
    const value = this.#parse(closing ? `{${text.slice(3)}` : `{${text.replace(/,$/, "")}}`, number);
    if (value === undefined) return;
    if (closing) this.#readTotals(value.get("totals"));
    else for (const [path, entry] of value) this.#entry(path, entry, number);
  }

  #parse(text: string, line: number): ValueMap | undefined {
    try {
      const value = parseJson(text);
      if (isMap(value)) return value;
    } catch (error) {
      if (!(error instanceof MatyanError)) throw error;
    }
    this.#faults.error(checksumsName, "checksums", "not an entry of the list", line);
    return undefined;
  }

  #whole(value: Value): void {
    const files = isMap(value) ? value.get("files") : undefined;
    if (!isMap(value) || value.get("version") !== 1n || !isMap(files)) {
      this.#faults.error(checksumsName, "checksums", "not a list of version 1");
    } else {
      for (const [path, entry] of files) this.#entry(path, entry);
      this.#readTotals(value.get("totals"));
    }
  }

  #readTotals(totals: Value | undefined): void {
    if (isMap(totals)) this.#totals = totals;
    else this.#faults.error(checksumsName, "checksums", "totals is not an object");
  }

  #entry(path: string, entry: Value, line?: number): void {
    const facts = isMap(entry) && pathFault(path) === undefined ? readFacts(entry) : undefined;
    if (facts === undefined) {
      const message = `the entry of ${path.slice(0, 300)} has no valid path, sha256 and size`;
      this.#faults.error(checksumsName, "checksums", message, line);
      return;
    }
    this.#files++;
    this.#bytes += facts.size;
    const number = this.#table.find(path);
    if (number < 0) this.#table.add(path, facts, listed);
    else if (this.#table.flags(number) & listed)
      this.#faults.error(checksumsName, "checksums", `${path} is listed twice`, line);
    else {
      this.#table.mark(number, listed);
      compareFacts(path, facts, this.#table.facts(number), this.#faults);
    }
  }
}

/** Reports how a file differs from what the list says of it. */
export function compareFacts(path: string, said: FileFacts, real: FileFacts, faults: FaultList): void {
  if (said.size !== real.size) faults.error(path, "size", `${real.size} bytes, checksums.json says ${said.size}`);
  else if (said.sha256 !== real.sha256)
    faults.error(path, "sha256", "the content is not what was written: its SHA-256 differs");
  if (said.records !== undefined && said.records !== real.records) {
    faults.error(path, "records", `${real.records ?? 0} lines, checksums.json says ${said.records}`);
  }
}

function readFacts(entry: ValueMap): FileFacts | undefined {
  const sha256 = entry.get("sha256");
  const size = entry.get("size");
  const records = entry.get("records");
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  if (typeof size !== "bigint" || size < 0n) return undefined;
  if (records !== undefined && (typeof records !== "bigint" || records < 0n)) return undefined;
  return { sha256, size: Number(size), ...(records === undefined ? {} : { records: Number(records) }) };
}
