// Writes the folder of one run: documents, points and blobs, each hashed as it is written.
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { MatyanError } from "../error.ts";
import { formatJson } from "../json.ts";
import { mapOf, type Value } from "../value.ts";
import type { ChecksumSpool } from "./checksums.ts";
import { type Durability, FileSink, guard } from "./fileSink.ts";
import { pathFault, runDocuments, segmentFault, sequencesName } from "./layout.ts";
import { formatRecord } from "./recordText.ts";
import type { RecordSink, RunCounts, RunDocument, RunWriter, SequenceRecord } from "./types.ts";

export interface RunFolderOptions {
  /** The run's folder, which exists and is empty. */
  readonly folder: string;
  readonly hash: string;
  readonly checksums: ChecksumSpool;
  readonly durability: Durability;
  /** Throws when the archive is no longer open for writing. */
  readonly check: () => void;
  /** Called once, when all files are written. */
  readonly closed: (counts: RunCounts) => Promise<void>;
  readonly discarded: () => void;
}

/** What a document says that nobody wrote. A run without run.json is a mistake of the caller. */
const emptyDocuments: Readonly<Record<Exclude<RunDocument, "run.json">, Value>> = {
  "attrs.json": new Map(),
  "traces.json": [],
  "contexts.json": mapOf({ "0": new Map() }),
};

export class RunFolder implements RunWriter {
  readonly hash: string;
  readonly #options: RunFolderOptions;
  readonly #sink: FileSink;
  readonly #records: Records;
  readonly #written = new Set<string>();
  readonly #folders = new Set<string>();
  #files = 0;
  #blobs = 0;
  #blobBytes = 0;
  #bytes = 0;
  #state: "open" | "closed" = "open";

  constructor(options: RunFolderOptions) {
    this.hash = options.hash;
    this.#options = options;
    this.#sink = new FileSink(join(options.folder, sequencesName));
    this.#records = new Records(this.#sink);
  }

  async json(file: RunDocument, value: Value): Promise<void> {
    await this.#document(file, value);
  }

  records(): RecordSink {
    this.#check();
    return this.#records;
  }

  async blob(path: string, source: Uint8Array | AsyncIterable<Uint8Array>): Promise<number> {
    this.#check();
    const fault = pathFault(path);
    if (fault !== undefined) {
      throw new MatyanError(
        "unsupported",
        `blob ${JSON.stringify(path)} of run ${this.hash} cannot be a file: its path ${fault}`,
      );
    }
    const full = join(this.#options.folder, "blobs", path);
    this.#makeFolder(dirname(full));
    const sink = new FileSink(full);
    try {
      if (source instanceof Uint8Array) sink.writeThrough(source);
      else {
        for await (const chunk of source) {
          this.#options.check();
          sink.write(chunk);
        }
      }
    } catch (error) {
      sink.abandon();
      rmSync(full, { force: true });
      throw error;
    }
    const size = await this.#finish(sink, `blobs/${path}`);
    this.#blobs++;
    this.#blobBytes += size;
    return size;
  }

  async extra(file: string, value: Value): Promise<void> {
    const fault = file === sequencesName ? "is reserved" : segmentFault(file);
    if (fault !== undefined)
      throw new MatyanError("usage", `${JSON.stringify(file)} cannot be an extra file of a run: it ${fault}`);
    await this.#document(file, value);
  }

  async close(): Promise<RunCounts> {
    this.#check();
    if (!this.#written.has("run.json"))
      throw new MatyanError("usage", `run ${this.hash} is closed without its run.json`);
    for (const file of runDocuments) {
      if (file !== "run.json" && !this.#written.has(file)) await this.#document(file, emptyDocuments[file]);
    }
    this.#state = "closed";
    await this.#finish(this.#sink, sequencesName, this.#records.count);
    for (const folder of this.#folders) await this.#options.durability.folder(folder);
    await this.#options.durability.folder(this.#options.folder);
    const counts = { records: this.#records.count, blobs: this.#blobs, blobBytes: this.#blobBytes };
    await this.#options.closed(counts);
    return counts;
  }

  async discard(): Promise<void> {
    this.#check();
    this.#state = "closed";
    this.#sink.abandon();
    await this.#options.durability.settle();
    rmSync(this.#options.folder, { recursive: true, force: true });
    this.#options.checksums.drop(this.hash, this.#files, this.#bytes);
    this.#options.discarded();
  }

  /** Lets go of open files, without touching what is on disk. */
  abandon(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#sink.abandon();
  }

  async #document(file: string, value: Value): Promise<void> {
    this.#check();
    this.#written.add(file);
    const sink = new FileSink(join(this.#options.folder, file));
    sink.writeThrough(Buffer.from(`${formatJson(value)}\n`));
    await this.#finish(sink, file);
  }

  async #finish(sink: FileSink, path: string, records?: number): Promise<number> {
    const sum = await sink.close(this.#options.durability);
    this.#options.checksums.add({
      path: `runs/${this.hash}/${path}`,
      ...sum,
      ...(records === undefined ? {} : { records }),
    });
    this.#files++;
    this.#bytes += sum.size;
    return sum.size;
  }

  /** Remembers the folder and those between it and the run's own, for syncing. */
  #makeFolder(folder: string): void {
    if (this.#folders.has(folder)) return;
    guard(folder, () => mkdirSync(folder, { recursive: true }));
    for (let each = folder; each !== this.#options.folder; each = dirname(each)) this.#folders.add(each);
  }

  #check(): void {
    this.#options.check();
    if (this.#state !== "open") throw new MatyanError("usage", `run ${this.hash} is closed already`);
  }
}

/** Only counts and formats: the buffer, the hash and the file are the sink's. */
class Records implements RecordSink {
  readonly #sink: FileSink;
  #count = 0;

  constructor(sink: FileSink) {
    this.#sink = sink;
  }

  get count(): number {
    return this.#count;
  }

  write(record: SequenceRecord | Uint8Array, count = 1): void {
    if (record instanceof Uint8Array) {
      this.#sink.write(record);
      this.#count += count;
    } else {
      this.#sink.writeText(`${formatRecord(record)}\n`);
      this.#count++;
    }
  }
}
