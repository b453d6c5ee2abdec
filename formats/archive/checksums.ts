// checksums.json: SHA-256, size and record count of every other file of an archive, one file per line so that any number
// of them can be written and read in bounded memory.
import { createReadStream } from "node:fs";
import { type Durability, FileSink, type FileSum } from "./fileSink.ts";
import { checksumsName } from "./layout.ts";
import { readLines } from "./lines.ts";

export interface ChecksumEntry extends FileSum {
  /** Path below the top folder. */
  readonly path: string;
  /** Lines, for `.jsonl` files. */
  readonly records?: number;
}

export interface ChecksumTotals {
  readonly files: number;
  readonly bytes: number;
  readonly runs: number;
  readonly records: number;
  readonly blobs: number;
  readonly blobBytes: number;
}

/** Collects entries on disk, while the archive is written. */
export class ChecksumSpool {
  readonly #sink: FileSink;
  readonly #dropped: Buffer[] = [];
  #files = 0;
  #bytes = 0;

  constructor(path: string) {
    this.#sink = new FileSink(path);
  }

  add(entry: ChecksumEntry): void {
    this.#sink.writeText(`${formatEntry(entry)}\n`);
    this.#files++;
    this.#bytes += entry.size;
  }

  /** Leaves out the entries of a run's folder. `files` and `bytes` are what was added for it. */
  drop(hash: string, files: number, bytes: number): void {
    this.#dropped.push(Buffer.from(JSON.stringify(`runs/${hash}/`).slice(0, -1)));
    this.#files -= files;
    this.#bytes -= bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Writes `<folder>/checksums.json`. `totals` without what the spool knows. */
  async finish(
    folder: string,
    totals: Omit<ChecksumTotals, "files" | "bytes">,
    durability: Durability,
    unsynced: Durability,
  ): Promise<FileSum> {
    await this.#sink.close(unsynced);
    const sink = new FileSink(`${folder}/${checksumsName}`);
    sink.writeText('{"version": 1, "files": {\n');
    let first = true;
    for await (const { bytes } of readLines(createReadStream(this.#sink.path, { highWaterMark: 1 << 20 }))) {
      if (this.#dropped.some((prefix) => prefix.equals(bytes.subarray(0, prefix.length)))) continue;
      if (!first) sink.writeText(",\n");
      first = false;
      sink.write(bytes);
    }
    const fields = [
      ["files", this.#files],
      ["bytes", this.#bytes],
      ["runs", totals.runs],
      ["records", totals.records],
      ["blobs", totals.blobs],
      ["blob_bytes", totals.blobBytes],
    ] as const;
    sink.writeText(`\n}, "totals": {${fields.map(([name, value]) => `"${name}": ${value}`).join(", ")}}}\n`);
    return sink.close(durability);
  }

  abandon(): void {
    this.#sink.abandon();
  }
}

function formatEntry({ path, sha256, size, records }: ChecksumEntry): string {
  const count = records === undefined ? "" : `, "records": ${records}`;
  return `${JSON.stringify(path)}: {"sha256": "${sha256}", "size": ${size}${count}}`;
}
