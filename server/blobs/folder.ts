// Blobs as files in a folder. Several processes may use one folder at the same time.
import { randomUUID } from "node:crypto";
import { constants, type Dirent } from "node:fs";
import { access, type FileHandle, lstat, mkdir, open, readdir, rename, rmdir, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { MatyanError, messageOf } from "../../formats/error.ts";
import { deleteEach, keysOf } from "./deletion.ts";
import { decodeName, encodeFolders, encodeKey, type FolderName } from "./folderNames.ts";
import {
  type BlobDeletion,
  type BlobEntry,
  type BlobGetOptions,
  type BlobListOptions,
  type BlobRange,
  type BlobSource,
  type BlobStore,
  checkBlobKey,
  checkDeletePrefix,
  checkRange,
  compareKeys,
} from "./index.ts";

export interface FolderOptions {
  /** `full`: a blob that was put survives a power cut (fsync of file and folders). `normal`: only the end of the process. */
  readonly durability?: "full" | "normal" | undefined;
}

const chunkBytes = 256 * 1024;
/** No key's path starts with it (see folderNames.ts). */
const temporaryFolder = "%tmp";
const temporaryAgeMs = 24 * 3600 * 1000;
/** Removing a file waits for the disk. */
const concurrentDeletes = 8;

/**
 * Opens (and on the first put creates) the folder `dir`. Unfinished files that a killed process left there a day or
 * longer ago are removed. How keys map to paths: folderNames.ts.
 */
export async function openFolderBlobs(dir: string, options: FolderOptions = {}): Promise<BlobStore> {
  await removeStaleFiles(join(dir, temporaryFolder));
  return new FolderBlobs(dir, options.durability !== "normal");
}

class FolderBlobs implements BlobStore {
  readonly engine = "folder";
  readonly presignPut = undefined;
  readonly #dir: string;
  readonly #durable: boolean;

  constructor(dir: string, durable: boolean) {
    this.#dir = dir;
    this.#durable = durable;
  }

  async put(key: string, source: BlobSource): Promise<void> {
    const path = this.#pathOf(key);
    const temporary = join(this.#dir, temporaryFolder, randomUUID());
    try {
      await named("write", key, () => mkdir(dirname(temporary), { recursive: true }));
      const file = await named("write", key, () => open(temporary, "wx"));
      try {
        for await (const chunk of source instanceof Uint8Array ? [source] : source)
          await named("write", key, () => writeAll(file, chunk));
        if (this.#durable) await named("write", key, () => file.sync());
      } finally {
        await file.close();
      }
      await named("write", key, () => this.#moveInto(temporary, path));
    } catch (error) {
      await absentAsUndefined(unlink(temporary));
      throw error;
    }
  }

  async get(key: string, { range }: BlobGetOptions = {}): Promise<AsyncIterable<Uint8Array> | undefined> {
    const path = this.#pathOf(key);
    if (range !== undefined) checkRange(range);
    return (await this.head(key)) === undefined ? undefined : readFile(path, key, range);
  }

  async head(key: string): Promise<{ size: number } | undefined> {
    const path = this.#pathOf(key);
    return named("read", key, async () => {
      const found = await absentAsUndefined(stat(path));
      return found?.isFile() ? { size: found.size } : undefined;
    });
  }

  async *list(prefix: string, { after = "" }: BlobListOptions = {}): AsyncIterable<BlobEntry> {
    await this.#isThere();
    const whole = prefix.split("/").slice(0, -1);
    const start = whole.length === 0 ? "" : `${whole.join("/")}/`;
    yield* this.#walk(join(this.#dir, ...encodeFolders(whole)), start, prefix, after);
  }

  async delete(key: string): Promise<void> {
    const path = this.#pathOf(key);
    await named("delete", key, async () => {
      await absentAsUndefined(unlink(path));
      if (this.#durable) await absentAsUndefined(syncFolder(dirname(path)));
      for (let parent = dirname(path); parent !== this.#dir; parent = dirname(parent)) {
        if (!(await removeIfEmpty(parent))) break;
      }
    });
  }

  async deleteMany(keys: Iterable<string> | AsyncIterable<string>): Promise<BlobDeletion> {
    return deleteEach(keys, concurrentDeletes, (key) => this.delete(key));
  }

  async deletePrefix(prefix: string): Promise<BlobDeletion> {
    checkDeletePrefix(prefix);
    return this.deleteMany(keysOf(this.list(prefix)));
  }

  /** The folder itself is made by the first put. */
  async check(): Promise<void> {
    await named("use", this.#dir, async () => {
      if (await this.#isThere()) await access(this.#dir, constants.R_OK | constants.W_OK | constants.X_OK);
    });
  }

  /** Whether the folder is there. What stands in its place must not be taken for an empty one. @throws MatyanError `io` */
  async #isThere(): Promise<boolean> {
    return named("use", this.#dir, async () => {
      const info = await absentAsUndefined(stat(this.#dir));
      if (info?.isDirectory()) return true;
      if (info !== undefined) throw new MatyanError("io", `the place of the blobs, ${this.#dir}, is no folder`);
      if (!(await absentAsUndefined(lstat(this.#dir)))?.isSymbolicLink()) return false;
      throw new MatyanError("io", `the folder of the blobs, ${this.#dir}, is a link to nothing`, {
        hint: "Is the disk mounted that it points to?",
      });
    });
  }

  uriOf(key: string): string {
    return pathToFileURL(this.#pathOf(key)).href;
  }

  async close(): Promise<void> {}

  #pathOf(key: string): string {
    checkBlobKey(key);
    return join(this.#dir, ...encodeKey(key));
  }

  /** Renames with its folders made first; tried again when somebody's delete takes an empty folder away in between. */
  async #moveInto(temporary: string, path: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const firstMade = await mkdir(dirname(path), { recursive: true });
      try {
        await rename(temporary, path);
      } catch (error) {
        if (attempt < 10 && codeOf(error) === "ENOENT" && (await absentAsUndefined(stat(temporary)))) continue;
        throw error;
      }
      if (!this.#durable) return;
      await absentAsUndefined(syncFolder(dirname(path)));
      if (firstMade === undefined) return;
      for (let made = dirname(path); made.length >= firstMade.length; made = dirname(made))
        await absentAsUndefined(syncFolder(dirname(made)));
      return;
    }
  }

  async *#walk(folder: string, start: string, prefix: string, after: string): AsyncIterable<BlobEntry> {
    const found: Dirent[] = await named("list", start, async () => {
      const entries = await absentAsUndefined(readdir(folder, { withFileTypes: true }));
      return entries ?? [];
    });
    const children: { path: string; name: FolderName; key: string; order: Buffer }[] = [];
    for (const entry of found) {
      if (!entry.isFile() && !entry.isDirectory()) continue;
      const name = decodeName(entry.name, entry.isDirectory());
      if (name === undefined) continue;
      const key = start + name.text + (name.kind === "folder" ? "/" : "");
      if (!key.startsWith(prefix) && (name.kind === "file" || !prefix.startsWith(key))) continue;
      // A folder whose keys are partly behind `after` begins it.
      if (compareKeys(key, after) <= 0 && (name.kind === "file" || !after.startsWith(key))) continue;
      children.push({ path: join(folder, entry.name), name, key, order: Buffer.from(key) });
    }
    children.sort((a, b) => Buffer.compare(a.order, b.order));
    for (const { path, name, key } of children) {
      if (name.kind !== "file") yield* this.#walk(path, key, prefix, after);
      else {
        const info = await named("list", key, () => absentAsUndefined(stat(path)));
        if (info !== undefined) yield { key, size: info.size, modified: info.mtimeMs / 1_000 };
      }
    }
  }
}

async function* readFile(
  path: string,
  key: string,
  { start, end = Number.POSITIVE_INFINITY }: BlobRange = { start: 0 },
): AsyncIterable<Uint8Array> {
  const file = await named("read", key, () => absentAsUndefined(open(path, "r")));
  if (file === undefined) throw new MatyanError("not_found", `the blob '${key}' is gone`);
  try {
    for (let at = start; at < end; ) {
      const wanted = Math.min(chunkBytes, end - at);
      const chunk = new Uint8Array(wanted);
      const { bytesRead } = await named("read", key, () => file.read(chunk, 0, wanted, at));
      if (bytesRead === 0) return;
      at += bytesRead;
      yield bytesRead === wanted ? chunk : chunk.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function removeIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOTEMPTY" || code === "EEXIST") return false;
    if (code === "ENOENT") return true;
    throw error;
  }
}

async function removeStaleFiles(folder: string): Promise<void> {
  await named("clean", folder, async () => {
    for (const name of (await absentAsUndefined(readdir(folder))) ?? []) {
      const path = join(folder, name);
      const info = await absentAsUndefined(stat(path));
      if (info === undefined || Date.now() - info.mtimeMs <= temporaryAgeMs) continue;
      try {
        await absentAsUndefined(unlink(path));
      } catch (error) {
        // Who may only read here leaves the cleaning to others.
        if (!["EACCES", "EPERM", "EROFS"].includes(String(codeOf(error)))) throw error;
        return;
      }
    }
  });
}

/** The result, or undefined when the file or a folder on its path does not exist. */
async function absentAsUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Runs `work`; the operating system's refusals come out as MatyanErrors that name the blob. */
async function named<T>(verb: string, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined || error instanceof MatyanError) throw error;
    const hint =
      code === "ENOSPC"
        ? "The disk is full: free some space, then run again."
        : "Check the folder's permissions and the disk, then run again.";
    throw new MatyanError("io", `can't ${verb} the blob '${what}': ${messageOf(error)}`, { hint, cause: error });
  }
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? code : undefined;
}
