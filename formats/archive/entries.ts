// What verification walks, in one pass: the files and folders of an archive, out of a folder or a tar.
import { accessSync, constants, type Dirent, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../error.ts";
import { guard, ioError } from "./fileSink.ts";
import { readChunks } from "./folder.ts";
import { isJunk, pathFault } from "./layout.ts";

export interface ArchiveEntry {
  /** As its container has it, for messages. */
  readonly name: string;
  /** Below the archive's top folder, `/`-separated; empty for the top folder itself. Only to be used without a fault. */
  readonly path: string;
  /** Why this entry must not be used: its path leaves the archive, or it is a link or device. */
  readonly fault: string | undefined;
  readonly isFolder: boolean;
  /** Bytes. */
  readonly size: number;
  /** Chunks; each may be overwritten by the next. What is left of them is skipped when the next entry is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Depth first, names sorted: the order in which Python packs a tar. */
export async function* folderEntries(folder: string, prefix = ""): AsyncGenerator<ArchiveEntry> {
  for (const item of sortedItems(folder)) {
    const path = `${prefix}${item.name}`;
    if (isJunk(path)) continue;
    const full = join(folder, item.name);
    const { fault, isFolder, size } = lookAt(full, path);
    yield { name: path, path, fault, isFolder, size, body: readChunks(full, size) };
    if (isFolder && fault === undefined) yield* folderEntries(full, `${path}/`);
  }
}

function sortedItems(folder: string): Dirent[] {
  const items = guard(folder, () => readdirSync(folder, { withFileTypes: true }));
  return items.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function lookAt(full: string, path: string): Pick<ArchiveEntry, "fault" | "isFolder" | "size"> {
  const fault = pathFault(path);
  if (fault !== undefined) return { fault: `its path ${fault}`, isFolder: false, size: 0 };
  try {
    const stat = lstatSync(full);
    if (stat.isDirectory()) accessSync(full, constants.R_OK | constants.X_OK);
    else if (!stat.isFile()) return { fault: "it is neither a file nor a folder", isFolder: false, size: 0 };
    return { fault: undefined, isFolder: stat.isDirectory(), size: stat.size };
  } catch (error) {
    return { fault: messageOf(ioError(path, error)), isFolder: false, size: 0 };
  }
}
