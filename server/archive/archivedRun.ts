// A run of an archive: its documents and points as the store holds them, each file checked against its digest as it is read.
import { join } from "node:path";
import { collect, parseDocument } from "../../formats/archive/document.ts";
import type { FileSum } from "../../formats/archive/fileSink.ts";
import { fileSize, readChunks } from "../../formats/archive/folder.ts";
import { sequencesName } from "../../formats/archive/layout.ts";
import { RecordParser } from "../../formats/archive/recordLines.ts";
import type { ArchiveReader, LineRecord, RunReader } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import type { ArchiveSums } from "./archiveSums.ts";
import { type ArchivedMeta, readArchivedMeta } from "./restoreMeta.ts";
import { type ArchivedTrace, readArchivedContexts, readArchivedTraces } from "./restoreValues.ts";

export interface RunDocuments extends ArchivedMeta {
  readonly attrs: ValueMap;
  readonly contexts: ReadonlyMap<number, ValueMap>;
  readonly traces: readonly ArchivedTrace[];
  /** Ids as the archive has them, with names where it has them. */
  readonly tags: readonly ArchivedTag[];
  /** The existing backup exports a hash that isn't in the store as a run without anything. */
  readonly isNothing: boolean;
}

export interface ArchivedTag {
  readonly id: string;
  readonly name: string | undefined;
}

export interface ArchivedFile {
  /** Path below `blobs/`. */
  readonly path: string;
  readonly size: number;
  /** @throws MatyanError `corrupt` at the end when the bytes are not those that were backed up. */
  read(): AsyncIterable<Uint8Array>;
}

export class ArchivedRun {
  readonly hash: string;
  readonly #run: RunReader;
  readonly #folder: string;
  readonly #sums: ReadonlyMap<string, FileSum>;
  readonly #advance: (bytes: number) => void;
  readonly #signal: AbortSignal | undefined;

  private constructor(
    run: RunReader,
    folder: string,
    sums: ReadonlyMap<string, FileSum>,
    advance: (bytes: number) => void,
    signal: AbortSignal | undefined,
  ) {
    this.hash = run.hash;
    this.#run = run;
    this.#folder = folder;
    this.#sums = sums;
    this.#advance = advance;
    this.#signal = signal;
  }

  /** `advance` hears of bytes of points and blobs as they are read. */
  static async open(
    archive: ArchiveReader,
    hash: string,
    sums: ArchiveSums | undefined,
    advance: (bytes: number) => void,
    signal?: AbortSignal,
  ): Promise<ArchivedRun> {
    const run = await archive.run(hash);
    const files: ReadonlyMap<string, FileSum> = (await sums?.ofRun(hash)) ?? new Map();
    return new ArchivedRun(run, join(archive.folder, "runs", hash), files, advance, signal);
  }

  /** Size of all points' text in bytes. */
  get recordBytes(): number {
    return this.#run.recordBytes;
  }

  /** `now` (seconds since the epoch) dates a run that has no creation time. @throws MatyanError `corrupt`. */
  async documents(now: number): Promise<RunDocuments> {
    const [missing] = this.#run.missing;
    if (missing !== undefined) throw new MatyanError("corrupt", `${this.#label(missing)} is missing`);
    const document = async (file: string): Promise<Value> => (await this.#document(file)) ?? null;
    const meta = await document("run.json");
    const attrs = await document("attrs.json");
    if (!isMap(attrs)) throw new MatyanError("corrupt", `${this.#label("attrs.json")}: not an object`);
    const traces = readArchivedTraces(this.hash, await document("traces.json"));
    return {
      ...readArchivedMeta(this.hash, meta, now),
      attrs,
      traces,
      contexts: readArchivedContexts(this.hash, await document("contexts.json")),
      tags: this.#tags(await this.#document("tags.json")),
      isNothing: isMap(meta) && meta.size + attrs.size + traces.length + this.recordBytes === 0,
    };
  }

  /** Points in file order, as they are in the archive. @throws MatyanError `corrupt` naming file and line. */
  async *records(): AsyncGenerator<LineRecord[]> {
    const path = join(this.#folder, sequencesName);
    if (fileSize(path) === undefined) return this.#checkMissing(sequencesName);
    const parser = new RecordParser({ file: this.#label(sequencesName) });
    for await (const chunk of this.#checked(sequencesName, readChunks(path))) {
      this.#signal?.throwIfAborted();
      this.#advance(chunk.length);
      yield* parser.push(chunk);
    }
    yield* parser.end();
  }

  /** @throws MatyanError `corrupt` at the end when a blob is missing. */
  async *blobs(): AsyncGenerator<ArchivedFile> {
    const expected = new Set([...this.#sums.keys()].filter((file) => file.startsWith("blobs/")));
    for await (const { path, size, open } of this.#run.blobs()) {
      const file = `blobs/${path}`;
      expected.delete(file);
      yield { path, size, read: () => this.#counted(this.#checked(file, open())) };
    }
    for (const file of expected) this.#checkMissing(file);
  }

  async #document(file: string): Promise<Value | undefined> {
    const path = join(this.#folder, file);
    const size = fileSize(path);
    if (size === undefined) {
      this.#checkMissing(file);
      return undefined;
    }
    const label = this.#label(file);
    return parseDocument(await collect(this.#checked(file, readChunks(path, size)), label), label);
  }

  async *#counted(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      this.#advance(chunk.length);
      yield chunk;
    }
  }

  async *#checked(file: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const sum = this.#sums.get(file);
    if (sum === undefined) return yield* source;
    const hash = new Bun.CryptoHasher("sha256");
    let size = 0;
    for await (const chunk of source) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
    if (size !== sum.size)
      throw new MatyanError(
        "corrupt",
        `${this.#label(file)} has ${size} bytes, not the ${sum.size} of its checksum entry`,
      );
    if (hash.digest("hex") !== sum.sha256)
      throw new MatyanError("corrupt", `${this.#label(file)} has changed since it was written: its SHA-256 differs`);
  }

  #checkMissing(file: string): void {
    if (this.#sums.has(file)) throw new MatyanError("corrupt", `${this.#label(file)} is missing`);
  }

  #tags(document: Value | undefined): ArchivedTag[] {
    if (document === undefined) return [];
    const fault = () => new MatyanError("corrupt", `${this.#label("tags.json")}: not a list of objects with an id`);
    if (!Array.isArray(document)) throw fault();
    return document.map((entry) => {
      const id = isMap(entry) ? entry.get("id") : undefined;
      const name = isMap(entry) ? entry.get("name") : undefined;
      if (typeof id !== "string") throw fault();
      return { id, name: typeof name === "string" ? name : undefined };
    });
  }

  #label(file: string): string {
    return `runs/${this.hash}/${file}`;
  }
}
