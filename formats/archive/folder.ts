// Plain files below a folder. Links, pipes and devices are refused: an archive's content lies within it.
import { type Dirent, lstatSync, readdirSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { MatyanError } from "../error.ts";
import { guard, ioError } from "./fileSink.ts";

const chunkBytes = 1 << 20;
const smallBytes = 1 << 16;

export interface FolderItem {
  readonly name: string;
  readonly isFolder: boolean;
}

/** What the folder holds, sorted by name. @throws MatyanError `corrupt` at anything but files and folders. */
export function listFolder(folder: string): FolderItem[] {
  const items = guard(folder, () => readdirSync(folder, { withFileTypes: true }));
  return items
    .map((item) => ({ name: item.name, isFolder: isFolder(folder, item) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isFolder(parent: string, item: Dirent): boolean {
  if (item.isDirectory()) return true;
  if (item.isFile()) return false;
  throw new MatyanError("corrupt", `${join(parent, item.name)} is neither a file nor a folder`, {
    hint: "An archive holds plain files only: replace links by what they point to.",
  });
}

/** Size in bytes, or undefined when there is no such file. */
export function fileSize(path: string): number | undefined {
  const stat = guard(path, () => lstatSync(path, { throwIfNoEntry: false }));
  if (stat === undefined) return undefined;
  if (!stat.isFile()) throw new MatyanError("corrupt", `${path} is not a plain file`);
  return stat.size;
}

export function isPlainFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The file's bytes in chunks of up to 1 MB. A chunk is overwritten by the next one. */
export async function* readChunks(path: string, size?: number): AsyncGenerator<Uint8Array> {
  if (size !== undefined && size <= smallBytes) {
    yield guard(path, () => readFileSync(path));
    return;
  }
  const file = await open(path).catch((error) => Promise.reject(ioError(path, error)));
  try {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await file
        .read(buffer, 0, chunkBytes, null)
        .catch((error) => Promise.reject(ioError(path, error)));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
