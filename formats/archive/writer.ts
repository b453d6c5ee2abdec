// Makes an archive that exists whole or not at all: written in a hidden folder, synced, then given its name.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { MatyanError } from "../error.ts";
import { formatJson } from "../json.ts";
import { mapOf, type Value, type ValueMap } from "../value.ts";
import { ChecksumSpool } from "./checksums.ts";
import { Durability, FileSink, type FileSum, guard } from "./fileSink.ts";
import { fileSize, listFolder } from "./folder.ts";
import {
  checkRunHash,
  checksumsName,
  entitiesName,
  formatVersion,
  isTarGzipName,
  manifestName,
  segmentFault,
  topName,
} from "./layout.ts";
import { makeFolders, makeWorkFolder, placeFile, publishFile, publishFolder } from "./partials.ts";
import { RunFolder } from "./runWriter.ts";
import { TarGzipWriter } from "./tarWriter.ts";
import type { ArchiveOptions, ArchiveSummary, ArchiveWriter, ManifestFields, RunWriter } from "./types.ts";

const entityKinds = ["experiment", "tag", "dashboard", "dashboard_app", "report", "note"];
const reservedNames: ReadonlySet<string> = new Set(["runs", manifestName, entitiesName, checksumsName]);

/**
 * Begins an archive. Nothing is seen under its final name before `finish()`.
 * @throws MatyanError `conflict` when the file is there or a file is in the way of the folder, `usage` without a name
 */
export async function createArchive(options: ArchiveOptions): Promise<ArchiveWriter> {
  options.signal?.throwIfAborted();
  if (options.out === "")
    throw new MatyanError("usage", "the archive has no name", {
      hint: "Name a folder to make it in, or a file ending in .tar.gz or .tgz.",
    });
  return new Archive(options);
}

class Archive implements ArchiveWriter {
  readonly #options: ArchiveOptions;
  readonly #now: () => Date;
  readonly #durability: Durability;
  /** What needs no syncing: it is gone when the archive is done. */
  readonly #unsynced = new Durability(false);
  readonly #parent: string;
  /** The file asked for, when the caller named one. */
  readonly #file: string | undefined;
  readonly #top: string;
  readonly #work: string;
  /** The archive's content: all of it, or with a tar the part not yet packed. */
  readonly #folder: string;
  readonly #removeParents: () => void;
  readonly #checksums: ChecksumSpool;
  readonly #tar: TarGzipWriter | undefined;
  readonly #started: Date;
  readonly #runs = new Map<string, RunFolder | "done">();
  readonly #discarded = new Set<string>();
  readonly #entities = new Map<string, number>();
  readonly #extras: { name: string; size: number }[] = [];
  readonly #totals = { records: 0, blobs: 0, blobBytes: 0 };
  #entitySink: FileSink | undefined;
  /** Appends to the tar one after the other, whoever closes a run. */
  #packing: Promise<void>;
  #state: "open" | "finishing" | "finished" | "aborted" = "open";

  constructor(options: ArchiveOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#started = this.#now();
    this.#file = isTarGzipName(options.out) ? resolve(options.out) : undefined;
    if (this.#file !== undefined && existsSync(this.#file)) {
      throw new MatyanError("conflict", `${options.out} exists already`, { hint: "Remove it or name another file." });
    }
    this.#parent = this.#file === undefined ? resolve(options.out) : dirname(this.#file);
    this.#top = topName(options.kind, this.#started);
    // The existing backup counts all kinds, its converter those it has (backup-convert.md 1.5).
    if (options.kind === "backup") for (const kind of entityKinds) this.#entities.set(kind, 0);
    this.#removeParents = makeFolders(this.#parent);
    this.#work = makeWorkFolder(this.#parent, this.#file === undefined ? this.#top : basename(this.#file));
    const compress = this.#file !== undefined || (options.compress ?? false);
    this.#durability = compress ? this.#unsynced : new Durability(options.durable ?? true);
    this.#folder = join(this.#work, this.#top);
    guard(this.#folder, () => mkdirSync(join(this.#folder, "runs"), { recursive: true }));
    this.#checksums = new ChecksumSpool(join(this.#work, "checksums.spool"));
    this.#tar = compress
      ? new TarGzipWriter(join(this.#work, "archive.tar.gz"), { time: this.#started, level: options.level ?? 6 })
      : undefined;
    this.#packing = this.#packFolders("", "runs");
    this.#packing.catch(() => {}); // Whoever packs next awaits it and gets the error.
  }

  async entity(kind: string, data: ValueMap): Promise<void> {
    this.#check();
    this.#entitySink ??= new FileSink(join(this.#folder, entitiesName));
    this.#entitySink.writeText(`${formatJson(mapOf({ entity_type: kind, data }), { ascii: true })}\n`);
    this.#entities.set(kind, (this.#entities.get(kind) ?? 0) + 1);
  }

  async run(hash: string): Promise<RunWriter> {
    this.#check();
    checkRunHash(hash);
    if (this.#runs.has(hash) || this.#discarded.has(hash))
      throw new MatyanError("conflict", `run ${hash} is in the archive already`);
    const folder = join(this.#folder, "runs", hash);
    guard(folder, () => mkdirSync(folder));
    const run = new RunFolder({
      folder,
      hash,
      checksums: this.#checksums,
      durability: this.#durability,
      check: () => this.#check(),
      closed: async (counts) => {
        this.#runs.set(hash, "done");
        this.#totals.records += counts.records;
        this.#totals.blobs += counts.blobs;
        this.#totals.blobBytes += counts.blobBytes;
        if (this.#tar !== undefined) await this.#packRun(hash);
      },
      discarded: () => {
        this.#runs.delete(hash);
        this.#discarded.add(hash);
      },
    });
    this.#runs.set(hash, run);
    return run;
  }

  async extra(name: string, value: Value): Promise<void> {
    this.#check();
    const fault = reservedNames.has(name) ? "is reserved" : segmentFault(name);
    if (fault !== undefined)
      throw new MatyanError("usage", `${JSON.stringify(name)} cannot be an extra file: it ${fault}`);
    await this.#document(name, formatJson(value));
  }

  async finish(fields: ManifestFields = {}): Promise<ArchiveSummary> {
    this.#check();
    for (const [hash, run] of this.#runs) {
      if (run !== "done") throw new MatyanError("usage", `the archive is finished while run ${hash} is open`);
    }
    this.#state = "finishing";
    if (this.#entitySink !== undefined) await this.#closeEntities(this.#entitySink);
    await this.#document(manifestName, formatJson(this.#manifest(fields), { ascii: true, indent: 2 }));
    const totals = { runs: this.#runs.size, ...this.#totals };
    const sum = await this.#checksums.finish(this.#folder, totals, this.#durability, this.#unsynced);
    this.#extras.push({ name: checksumsName, size: sum.size });
    const path = await (this.#tar === undefined ? this.#publishFolder() : this.#publishTar(this.#tar));
    this.#state = "finished";
    rmSync(this.#work, { recursive: true, force: true });
    return { path, ...totals, entities: this.#entities, bytes: this.#checksums.bytes + sum.size };
  }

  async abort(): Promise<void> {
    if (this.#state === "finished" || this.#state === "aborted") return;
    this.#state = "aborted";
    for (const run of this.#runs.values()) if (run !== "done") run.abandon();
    // What fails from here on fails because of the abort; the first error is the one that its caller has.
    await Promise.allSettled([this.#tar?.abort(), this.#packing, this.#durability.settle()]);
    this.#entitySink?.abandon();
    this.#checksums.abandon();
    rmSync(this.#work, { recursive: true, force: true });
    this.#removeParents();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }

  #manifest(fields: ManifestFields): ValueMap {
    const { blobs, blobBytes } = this.#totals;
    return mapOf({
      format_version: formatVersion,
      created_at: this.#now().toISOString().replace("Z", "000+00:00"),
      run_count: BigInt(this.#runs.size),
      run_hashes: [...this.#runs.keys()],
      entity_counts: new Map([...this.#entities].map(([kind, count]) => [kind, BigInt(count)])),
      blob_count: BigInt(blobs),
      blob_bytes: BigInt(blobBytes),
      filters: fields.filters ?? new Map(),
      include_blobs: fields.includeBlobs ?? (this.#options.kind === "backup" || blobs > 0),
    });
  }

  async #document(name: string, text: string): Promise<void> {
    const sink = new FileSink(join(this.#folder, name));
    sink.writeThrough(Buffer.from(`${text}\n`));
    this.#add(name, await sink.close(this.#durability));
  }

  async #closeEntities(sink: FileSink): Promise<void> {
    this.#entitySink = undefined;
    const records = [...this.#entities.values()].reduce((sum, count) => sum + count, 0);
    const sum = await sink.close(this.#durability);
    this.#checksums.add({ path: entitiesName, ...sum, records });
    this.#extras.unshift({ name: entitiesName, size: sum.size });
  }

  #add(name: string, sum: FileSum): void {
    this.#checksums.add({ path: name, ...sum });
    this.#extras.push({ name, size: sum.size });
  }

  async #publishFolder(): Promise<string> {
    await this.#durability.folder(join(this.#folder, "runs"));
    await this.#durability.folder(this.#folder);
    await this.#durability.settle();
    const path = publishFolder(this.#folder, this.#parent, this.#top);
    await this.#durability.folder(this.#parent);
    await this.#durability.settle();
    return path;
  }

  async #publishTar(tar: TarGzipWriter): Promise<string> {
    const durable = this.#options.durable ?? true;
    await this.#packing;
    for (const { name, size } of this.#extras) await tar.file(`${this.#top}/${name}`, join(this.#folder, name), size);
    await tar.finish(durable);
    const from = join(this.#work, "archive.tar.gz");
    let path = this.#file;
    if (path === undefined) path = publishFile(from, this.#parent, this.#top, ".tar.gz");
    else placeFile(from, path);
    const durability = new Durability(durable);
    await durability.folder(this.#parent);
    await durability.settle();
    return path;
  }

  async #packFolders(...names: string[]): Promise<void> {
    for (const name of names) await this.#tar?.folder(name === "" ? this.#top : `${this.#top}/${name}`);
  }

  /** Appends a finished run to the tar and frees its disk space. */
  async #packRun(hash: string): Promise<void> {
    const source = join(this.#folder, "runs", hash);
    const previous = this.#packing;
    const work = previous.then(async () => {
      await this.#packFolders(`runs/${hash}`);
      await this.#packAll(source, `runs/${hash}`);
      rmSync(source, { recursive: true, force: true });
    });
    this.#packing = work;
    await work; // A failure is thrown here, and by all that pack after it.
  }

  async #packAll(folder: string, name: string): Promise<void> {
    for (const item of listFolder(folder)) {
      this.#options.signal?.throwIfAborted();
      const path = join(folder, item.name);
      const member = `${name}/${item.name}`;
      if (item.isFolder) await this.#packAll(path, member);
      else await this.#tar?.file(`${this.#top}/${member}`, path, fileSize(path) ?? 0);
    }
  }

  #check(): void {
    this.#options.signal?.throwIfAborted();
    if (this.#state !== "open") throw new MatyanError("usage", "the archive is closed already");
  }
}
