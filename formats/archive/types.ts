// What the archive's writer and reader hand to and take from the rest of the program (backup-convert.md 1).
import type { Value, ValueMap } from "../value.ts";

/** What made the archive: decides the name of its top folder (backup-convert.md 1.2). */
export type ArchiveKind = "backup" | "tb-import";

/** The four documents that every run folder holds (1.3). */
export type RunDocument = "run.json" | "attrs.json" | "contexts.json" | "traces.json";

/** One point of one sequence: a line of `sequences.jsonl` (1.11). */
export interface SequenceRecord {
  /** Unsigned 32-bit id, key into contexts.json; 0 is the empty context. */
  readonly contextId: number;
  readonly name: string;
  /** Signed 64-bit. */
  readonly step: bigint;
  readonly value: Value;
  readonly epoch?: bigint;
  /** Seconds since the Unix epoch. */
  readonly time?: number;
}

export interface LineRecord extends SequenceRecord {
  /** Line of `sequences.jsonl`, from 1. */
  readonly line: number;
}

export interface ArchiveEntity {
  /** experiment, tag, dashboard, dashboard_app, report, note; others are passed on as they are. */
  readonly kind: string;
  readonly data: ValueMap;
  /** Line of `entities.jsonl`, from 1. */
  readonly line: number;
}

export interface ArchiveBlob {
  /** Path under `blobs/`; the object key is `<run hash>/<path>`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

/** Takes the points of one run, in any order; later lines win for one (context, name, step). */
export interface RecordSink {
  /**
   * Either one record, or preformatted lines: `count` whole lines, each ending in "\n", in the text of `formatRecord`.
   * Bytes are copied or written before this returns, so the caller may reuse them.
   */
  write(record: SequenceRecord): void;
  write(lines: Uint8Array, count: number): void;
  /** Lines written so far. */
  readonly count: number;
}

export interface RunWriter {
  readonly hash: string;
  /** Writes one of the four documents; once each. Those not written by `close()` are written empty, run.json excepted. */
  json(file: RunDocument, value: Value): Promise<void>;
  /** The run's sink of records: the same one at every call. */
  records(): RecordSink;
  /**
   * Stores a blob at `blobs/<path>`, and returns its size in bytes.
   * @throws MatyanError `conflict` when the path is taken, `unsupported` when it cannot be a file (absolute, `..`, empty or
   * over-long segments)
   */
  blob(path: string, source: Uint8Array | AsyncIterable<Uint8Array>): Promise<number>;
  /** Writes a JSON file into the run's folder that other readers ignore, e.g. `tags.json`. */
  extra(file: string, value: Value): Promise<void>;
  /** The run is complete. */
  close(): Promise<RunCounts>;
  /** The run is not to be part of the archive: all of it is removed. */
  discard(): Promise<void>;
}

export interface RunCounts {
  readonly records: number;
  readonly blobs: number;
  readonly blobBytes: number;
}

export interface ManifestFields {
  /** What was selected, as typed (1.5); empty when nothing was. */
  readonly filters?: ValueMap;
  /** Whether blobs are part of the archive. Default: true for backups, whether any was written for imports. */
  readonly includeBlobs?: boolean;
}

export interface ArchiveSummary extends RunCounts {
  /** The finished folder or file. */
  readonly path: string;
  readonly runs: number;
  readonly entities: ReadonlyMap<string, number>;
  /** Bytes of all files, before compression. */
  readonly bytes: number;
}

export interface ArchiveWriter extends AsyncDisposable {
  /** Appends a line to `entities.jsonl`. Kinds are grouped by the caller, in the order of backup-convert.md 1.6. */
  entity(kind: string, data: ValueMap): Promise<void>;
  /** Begins a run; several may be open at once. The manifest lists runs in the order of these calls. */
  run(hash: string): Promise<RunWriter>;
  /** Writes a JSON file into the top folder that other readers ignore, e.g. `project.json`. */
  extra(name: string, value: Value): Promise<void>;
  /** Writes manifest and checksums, makes all durable and gives the archive its name. */
  finish(fields?: ManifestFields): Promise<ArchiveSummary>;
  /** Removes everything written. Does nothing after `finish()` or a first `abort()`; `await using` calls it. */
  abort(): Promise<void>;
}

export interface ArchiveOptions {
  /** A path ending in `.tar.gz` or `.tgz` is exactly that file; else a folder in which the archive is made. */
  readonly out: string;
  readonly kind: ArchiveKind;
  /** A `.tar.gz` instead of a folder. */
  readonly compress?: boolean;
  /** gzip level, 1-9. Default 6. */
  readonly level?: number;
  /** The clock: names the archive at the start and dates the manifest at the end. */
  readonly now?: () => Date;
  /** Whether bytes are on the disk when `finish()` returns. Default true. */
  readonly durable?: boolean;
  /** Makes the next call throw the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface RunReader {
  readonly hash: string;
  /** Required files that the folder lacks: the existing client leaves such folders of runs that it failed to export (1.5). */
  readonly missing: readonly RunDocument[];
  /** @throws MatyanError `corrupt` when it is missing or not JSON. */
  readJson(file: RunDocument): Promise<Value>;
  /** A file that not every archive has, e.g. `tags.json`. */
  readExtra(file: string): Promise<Value | undefined>;
  /** Batches of points in file order. @throws MatyanError `corrupt` naming file and line. */
  records(): AsyncIterable<LineRecord[]>;
  /** In an order that is the same every time. */
  blobs(): AsyncIterable<ArchiveBlob>;
  /** Size of `sequences.jsonl` in bytes: what a progress display may count against. */
  readonly recordBytes: number;
}

export interface ArchiveReader extends AsyncDisposable {
  /** The archive's folder; a temporary one for a tar. */
  readonly folder: string;
  readonly manifest: ValueMap;
  /** In the manifest's order, each once. */
  readonly runHashes: readonly string[];
  entities(): AsyncIterable<ArchiveEntity>;
  /** A JSON file of the top folder that not every archive has, e.g. `project.json`. */
  readExtra(name: string): Promise<Value | undefined>;
  run(hash: string): Promise<RunReader>;
  /** Removes the temporary folder, if there is one. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Where tars are unpacked. Default: the system's folder for temporary files. */
  readonly tempDir?: string;
  readonly signal?: AbortSignal;
  /** Bytes to read instead of standard input for "-". */
  readonly stdin?: AsyncIterable<Uint8Array>;
}
