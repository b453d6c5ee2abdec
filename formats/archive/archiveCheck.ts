// The checks of verification over a stream of entries: hashes every file, feeds each to its own check, and compares the
// parts at the end. Memory grows with the number of files (about 150 bytes each) and of sequences of one run.
import { MatyanError } from "../error.ts";
import type { Progress } from "../progress.ts";
import { isMap, type ValueMap } from "../value.ts";
import { ChecksumCheck, compareFacts } from "./checksumCheck.ts";
import { EntityCheck } from "./entityCheck.ts";
import type { ArchiveEntry } from "./entries.ts";
import { type Fault, FaultList } from "./faults.ts";
import { DocumentCheck, type FileCheck } from "./fileCheck.ts";
import { type FileFacts, FileTable, listed, seen } from "./fileTable.ts";
import { checksumsName, entitiesName, manifestName, placeOf, runDocuments } from "./layout.ts";
import { Links } from "./links.ts";
import { checkManifest, readManifest } from "./manifestCheck.ts";
import { RunCheck } from "./runCheck.ts";
import { TarError } from "./tarReader.ts";
import type { RunDocument } from "./types.ts";

export interface VerifyResult {
  /** Path of the archive, or "standard input". */
  readonly archive: string;
  /** No errors. There may be warnings. */
  readonly ok: boolean;
  readonly runs: number;
  /** Lines of all `sequences.jsonl`. */
  readonly records: number;
  readonly blobs: number;
  /** Of all files, not compressed. */
  readonly bytes: number;
  /** Whether every file is what `checksums.json` says; "absent" for archives of other programs, checked by structure only. */
  readonly checksums: "verified" | "absent" | "failed";
  readonly errors: number;
  readonly warnings: number;
  /** The first 20 of each file; a fault of code "more" counts the others. */
  readonly faults: readonly Fault[];
}

/** The files of a run are not together: one pass cannot compare them. */
export class ScatteredRun extends MatyanError {}

export class ArchiveCheck {
  readonly faults = new FaultList();
  /** Count only in an archive that is to hold blobs. */
  readonly #blobFaults = new FaultList();
  readonly #checksumFaults = new FaultList();
  readonly #label: string;
  readonly #progress: Progress;
  readonly #signal: AbortSignal | undefined;
  readonly #table = new FileTable();
  readonly #links = new Links();
  readonly #entities = new EntityCheck(this.#links, this.faults);
  readonly #checksums = new ChecksumCheck(this.#table, this.#checksumFaults);
  readonly #runs = new Map<string, readonly RunDocument[]>();
  readonly #totals = { records: 0, blobs: 0, blobBytes: 0, bytes: 0 };
  readonly #closed = new Set<string>();
  #run: RunCheck | undefined;
  #hasRuns = false;
  #hasManifest = false;
  #hasChecksums = false;
  #manifest: ValueMap | undefined;

  constructor(label: string, progress: Progress, signal: AbortSignal | undefined) {
    this.#label = label;
    this.#progress = progress;
    this.#signal = signal;
  }

  async run(entries: AsyncIterable<ArchiveEntry>): Promise<VerifyResult> {
    try {
      for await (const entry of entries) {
        this.#signal?.throwIfAborted();
        if (entry.fault !== undefined) this.faults.error(entry.name, "unsafe", `refused: ${entry.fault}`);
        else if (entry.isFolder) this.#folder(entry.path);
        else await this.#file(entry);
      }
      this.#finish();
    } catch (error) {
      if (!(error instanceof TarError)) throw error;
      // Nothing more can be read, and what is missing is no further fault.
      this.faults.error(this.#label, "damaged", withoutName(error.message, this.#label));
    }
    return this.#result();
  }

  #folder(path: string): void {
    if (path === "runs") this.#hasRuns = true;
    if (path.startsWith("runs/") && !path.includes("/", 5)) this.#foundRun(path.slice(5));
  }

  async #file(entry: ArchiveEntry): Promise<void> {
    const { path } = entry;
    const known = this.#table.find(path);
    const again = known >= 0 && (this.#table.flags(known) & seen) !== 0;
    const check = again ? undefined : this.#checkFor(path);
    const facts = await this.#read(entry, check);
    if (again) return this.#duplicate(path, this.#table.facts(known), facts);
    if (path === checksumsName) return;
    if (known < 0) this.#table.add(path, facts, seen);
    else {
      this.#table.mark(known, seen);
      if (this.#table.flags(known) & listed) compareFacts(path, this.#table.facts(known), facts, this.#checksumFaults);
    }
    const place = placeOf(path);
    if (place.kind === "blob") {
      this.#totals.blobs++;
      this.#totals.blobBytes += facts.size;
    } else if (place.kind === "run") this.#totals.records += facts.records ?? 0;
  }

  /** Feeds the file to its check; a check that fails at once is told no more, but the file is still hashed. */
  async #read(entry: ArchiveEntry, check: FileCheck | undefined): Promise<FileFacts> {
    const hash = new Bun.CryptoHasher("sha256");
    let active = check;
    let size = 0;
    const attempt = (step: (check: FileCheck) => void) => {
      try {
        if (active !== undefined) step(active);
      } catch (error) {
        if (!(error instanceof MatyanError)) throw error;
        this.faults.error(entry.path, "unreadable", error.message.replace(`${entry.path}:`, "line "));
        active = undefined;
      }
    };
    for await (const chunk of this.#chunks(entry)) {
      this.#signal?.throwIfAborted();
      hash.update(chunk);
      size += chunk.length;
      this.#progress.advance(chunk.length);
      attempt((each) => each.push(chunk));
    }
    attempt((each) => each.end());
    this.#totals.bytes += size;
    const records = check?.records;
    return { size, sha256: hash.digest("hex"), ...(records === undefined ? {} : { records }) };
  }

  /** The entry's bytes; a file that the system does not let us read is a fault of that file. */
  async *#chunks(entry: ArchiveEntry): AsyncGenerator<Uint8Array> {
    try {
      yield* entry.body;
    } catch (error) {
      if (!(error instanceof MatyanError) || error instanceof TarError || error.code === "interrupted") throw error;
      this.faults.error(entry.path, "unreadable", error.message);
    }
  }

  #checkFor(path: string): FileCheck | undefined {
    const place = placeOf(path);
    if (place.kind === "run" || place.kind === "blob") {
      const run = this.#runOf(place.hash);
      return place.kind === "run" ? run.file(place.name) : undefined;
    }
    switch (path) {
      case manifestName:
        this.#hasManifest = true;
        return new DocumentCheck(path, this.faults, (value) => {
          this.#manifest = readManifest(value, this.faults);
        });
      case entitiesName:
        return this.#entities;
      case checksumsName:
        this.#hasChecksums = true;
        return this.#checksums;
      case "project.json":
        return new DocumentCheck(path, this.faults, (value) => {
          if (!isMap(value)) this.faults.warning(path, "shape", "not a JSON object");
        });
      default:
        if (place.kind === "stray") this.faults.warning(path, "stray", "no part of an archive: readers pass it over");
        return undefined;
    }
  }

  #runOf(hash: string): RunCheck {
    if (this.#run?.hash === hash) return this.#run;
    this.#closeRun();
    if (this.#closed.has(hash)) {
      throw new ScatteredRun("unsupported", `the files of run ${hash} are not together in the tar`);
    }
    this.#foundRun(hash);
    this.#progress.item(hash);
    this.#run = new RunCheck({
      hash,
      faults: this.faults,
      blobFaults: this.#blobFaults,
      files: this.#table,
      links: this.#links,
    });
    return this.#run;
  }

  /** A run lacks all its files until they are seen. */
  #foundRun(hash: string): void {
    this.#hasRuns = true;
    if (this.#runs.has(hash)) return;
    this.#runs.set(hash, runDocuments);
    this.#links.add("run", hash);
  }

  #closeRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#runs.set(run.hash, run.close());
    this.#closed.add(run.hash);
    this.#run = undefined;
  }

  #duplicate(path: string, first: FileFacts, second: FileFacts): void {
    if (first.sha256 === second.sha256)
      this.faults.warning(path, "duplicate", "in the tar twice, with the same content");
    else this.faults.error(path, "duplicate", "in the tar twice, with different content");
  }

  #finish(): void {
    this.#closeRun();
    const { records, blobs, blobBytes } = this.#totals;
    if (!this.#hasRuns) this.faults.error("runs", "file-missing", "there is no folder of runs");
    if (!this.#hasManifest) {
      this.faults.error(
        manifestName,
        "file-missing",
        "there is no manifest: whatever made this archive was interrupted",
      );
    }
    if (this.#hasChecksums) this.#checksums.finish({ runs: this.#runs.size, records, blobs, blobBytes });
    const filters = this.#manifest?.get("filters");
    const filtered = isMap(filters) && filters.size > 0;
    this.#links.check(this.faults, filtered ? "run" : undefined);
    if (this.#manifest === undefined) return;
    const seenArchive = {
      runs: this.#runs,
      entities: this.#entities.counts,
      blobs,
      blobBytes,
      checksummed: this.#hasChecksums,
    };
    checkManifest(this.#manifest, seenArchive, this.faults);
  }

  #result(): VerifyResult {
    const withBlobs = this.#manifest?.get("include_blobs") !== false;
    const lists = [this.faults, ...(withBlobs ? [this.#blobFaults] : []), this.#checksumFaults];
    const errors = lists.reduce((sum, list) => sum + list.errors, 0);
    const failed = this.#checksumFaults.errors > 0;
    return {
      archive: this.#label,
      ok: errors === 0,
      runs: this.#runs.size,
      records: this.#totals.records,
      blobs: this.#totals.blobs,
      bytes: this.#totals.bytes,
      checksums: this.#hasChecksums ? (failed ? "failed" : "verified") : "absent",
      errors,
      warnings: lists.reduce((sum, list) => sum + list.warnings, 0),
      faults: lists.flatMap((list) => list.list()),
    };
  }
}

/** A message about an archive, for a report that names the archive itself. */
function withoutName(message: string, label: string): string {
  return message.startsWith(label) ? message.slice(label.length).replace(/^:? /, "") : message;
}
