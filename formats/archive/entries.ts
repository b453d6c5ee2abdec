// What verification walks, in one pass: the files and folders of an archive, out of a folder or a tar.
import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { guard } from "./fileSink.ts";
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
  const items = guard(folder, () => readdirSync(folder, { withFileTypes: true }));
  items.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const item of items) {
    const path = `${prefix}${item.name}`;
    if (isJunk(path)) continue;
    const full = join(folder, item.name);
    const isFolder = item.isDirectory();
    const size = isFolder ? 0 : guard(full, () => lstatSync(full)).size;
    yield { name: path, path, fault: itemFault(item, path), isFolder, size, body: readChunks(full, size) };
    if (isFolder) yield* folderEntries(full, `${path}/`);
  }
}

function itemFault(item: Dirent, path: string): string | undefined {
  if (!item.isFile() && !item.isDirectory())
    return "it is neither a file nor a folder: an archive holds plain files only";
  const fault = pathFault(path);
  return fault === undefined ? undefined : `its path ${fault}`;
}
