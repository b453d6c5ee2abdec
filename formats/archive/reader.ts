// Reads an archive of any producer (backup-convert.md 1, 6.5). Tars are unpacked to a temporary folder first.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { MatyanError, messageOf } from "../error.ts";
import { makeTempFolder } from "../tempFolder.ts";
import type { Value, ValueMap } from "../value.ts";
import { readDocument, requireVersion } from "./document.ts";
import { parseEntity } from "./entityLine.ts";
import { fileSize, isPlainFolder, listFolder, readChunks } from "./folder.ts";
import { entitiesName, manifestName, runDocuments, segmentFault, sequencesName } from "./layout.ts";
import { readLines } from "./lines.ts";
import { locateArchive } from "./locate.ts";
import { RecordParser } from "./recordLines.ts";
import { fileBytes } from "./tarReader.ts";
import type {
  ArchiveBlob,
  ArchiveEntity,
  ArchiveReader,
  LineRecord,
  OpenOptions,
  RunDocument,
  RunReader,
} from "./types.ts";
import { unpackTar } from "./unpack.ts";

/**
 * Opens a folder, a `.tar.gz`, `.tgz` or `.tar` file, or "-" for a tar on standard input. Checks the manifest and that the
 * run folders are those it names. The caller closes it.
 */
export async function openArchive(path: string, options: OpenOptions = {}): Promise<ArchiveReader> {
  options.signal?.throwIfAborted();
  if (path === "-") return unpackAndOpen(options.stdin ?? Bun.stdin.stream(), "standard input", options);
  const located = locateArchive(path);
  if (located.kind === "folder") return openFolder(located.path, located.path, options);
  return unpackAndOpen(fileBytes(located.path), located.path, options);
}

async function unpackAndOpen(
  source: AsyncIterable<Uint8Array>,
  label: string,
  options: OpenOptions,
): Promise<ArchiveReader> {
  const temp = await makeTempFolder("matyan-unpacked", options.tempDir);
  try {
    await unpackTar(source, temp, { label, signal: options.signal });
    return await openFolder(temp, label, options, temp);
  } catch (error) {
    rmSync(temp, { recursive: true, force: true });
    throw error;
  }
}

async function openFolder(folder: string, label: string, options: OpenOptions, temp?: string): Promise<ArchiveReader> {
  const name = `${label}/${manifestName}`;
  const parsed = await readDocument(join(folder, manifestName), name);
  if (parsed === undefined)
    throw new MatyanError("corrupt", `${label} has no ${manifestName}: it is no archive, or not a whole one`);
  const manifest = requireVersion(parsed, name);
  const runHashes = namedRuns(manifest, name);
  compareRuns(folder, label, runHashes);
  return new FolderReader(folder, label, manifest, runHashes, options, temp);
}

/** The hashes in the manifest, each once. @throws MatyanError `corrupt` for ones that cannot be a folder's name. */
function namedRuns(manifest: ValueMap, label: string): string[] {
  const hashes = manifest.get("run_hashes") ?? [];
  if (!Array.isArray(hashes)) throw new MatyanError("corrupt", `${label}: run_hashes is not a list`);
  return [...new Set(hashes)].map((hash) => {
    const fault = typeof hash === "string" ? segmentFault(hash) : "is not a string";
    if (fault === undefined && typeof hash === "string") return hash;
    throw new MatyanError("corrupt", `${label}: run_hashes has an entry that ${fault}`);
  });
}

function compareRuns(folder: string, label: string, hashes: readonly string[]): void {
  const runs = join(folder, "runs");
  if (!isPlainFolder(runs)) throw new MatyanError("corrupt", `${label} has no folder runs/`);
  const found = new Set<string>();
  for (const item of listFolder(runs)) if (item.isFolder) found.add(item.name);
  const missing = hashes.filter((hash) => !found.delete(hash));
  const options = { hint: "`matyan verify` lists all faults of an archive." };
  if (missing.length > 0) throw new MatyanError("corrupt", `${label}: no folder for ${listing(missing)}`, options);
  if (found.size > 0) {
    throw new MatyanError(
      "corrupt",
      `${label}: runs/ holds what the manifest does not name: ${listing([...found])}`,
      options,
    );
  }
}

function listing(names: readonly string[]): string {
  return names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "");
}

class FolderReader implements ArchiveReader {
  readonly folder: string;
  readonly manifest: ValueMap;
  readonly runHashes: readonly string[];
  readonly #known: ReadonlySet<string>;
  readonly #label: string;
  readonly #options: OpenOptions;
  readonly #temp: string | undefined;

  constructor(
    folder: string,
    label: string,
    manifest: ValueMap,
    runHashes: readonly string[],
    options: OpenOptions,
    temp: string | undefined,
  ) {
    this.folder = folder;
    this.manifest = manifest;
    this.runHashes = runHashes;
    this.#known = new Set(runHashes);
    this.#label = label;
    this.#options = options;
    this.#temp = temp;
  }

  async *entities(): AsyncGenerator<ArchiveEntity> {
    const path = join(this.folder, entitiesName);
    const size = fileSize(path);
    if (size === undefined) return;
    for await (const { bytes, number } of readLines(readChunks(path, size))) {
      this.#options.signal?.throwIfAborted();
      const entity = this.#entity(bytes, number);
      if (entity !== undefined) yield entity;
    }
  }

  #entity(bytes: Uint8Array, line: number): ArchiveEntity | undefined {
    try {
      return parseEntity(bytes, line);
    } catch (cause) {
      throw new MatyanError("corrupt", `${this.#label}/${entitiesName}:${line}: ${messageOf(cause)}`, { cause });
    }
  }

  async readExtra(name: string): Promise<Value | undefined> {
    return readDocument(join(this.folder, name), `${this.#label}/${name}`);
  }

  async run(hash: string): Promise<RunReader> {
    if (!this.#known.has(hash)) throw new MatyanError("not_found", `${this.#label} holds no run ${hash}`);
    return new FolderRun(hash, join(this.folder, "runs", hash), `${this.#label}/runs/${hash}`, this.#options.signal);
  }

  async close(): Promise<void> {
    if (this.#temp !== undefined) rmSync(this.#temp, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

class FolderRun implements RunReader {
  readonly hash: string;
  readonly missing: readonly RunDocument[];
  readonly recordBytes: number;
  readonly #folder: string;
  readonly #label: string;
  readonly #signal: AbortSignal | undefined;

  constructor(hash: string, folder: string, label: string, signal: AbortSignal | undefined) {
    this.hash = hash;
    this.#folder = folder;
    this.#label = label;
    this.#signal = signal;
    this.missing = runDocuments.filter((file) => fileSize(join(folder, file)) === undefined);
    this.recordBytes = fileSize(join(folder, sequencesName)) ?? 0;
  }

  async readJson(file: RunDocument): Promise<Value> {
    const value = await this.readExtra(file);
    if (value === undefined) throw new MatyanError("corrupt", `${this.#label}/${file} is missing`);
    return value;
  }

  async readExtra(file: string): Promise<Value | undefined> {
    return readDocument(join(this.#folder, file), `${this.#label}/${file}`);
  }

  async *records(): AsyncGenerator<LineRecord[]> {
    const path = join(this.#folder, sequencesName);
    if (fileSize(path) === undefined) return;
    const parser = new RecordParser({ file: `${this.#label}/${sequencesName}` });
    for await (const chunk of readChunks(path)) {
      this.#signal?.throwIfAborted();
      yield* parser.push(chunk);
    }
    yield* parser.end();
  }

  async *blobs(): AsyncGenerator<ArchiveBlob> {
    const folder = join(this.#folder, "blobs");
    if (isPlainFolder(folder)) yield* this.#walk(folder, "");
  }

  async *#walk(folder: string, prefix: string): AsyncGenerator<ArchiveBlob> {
    for (const { name, isFolder } of listFolder(folder)) {
      this.#signal?.throwIfAborted();
      const full = join(folder, name);
      const path = `${prefix}${name}`;
      if (isFolder) yield* this.#walk(full, `${path}/`);
      else {
        const size = fileSize(full) ?? 0;
        yield { path, size, open: () => readChunks(full, size) };
      }
    }
  }
}
