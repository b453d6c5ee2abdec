// Artifacts as files: names that stay below their folder, and files that are there whole or not at all.
import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MatyanError } from "../../formats/error.ts";
import { zipNames } from "../../server/api/zipNames.ts";

export interface SavedName {
  /** The artifact's path. */
  readonly path: string;
  /** The file below the folder. */
  readonly name: string;
}

/** A file for each path, each of its own; paths that are harmless stay as they are. */
export function fileNames(paths: readonly string[]): SavedName[] {
  const names = zipNames(paths);
  return paths.map((path, i) => ({ path, name: names[i]! }));
}

export async function isThere(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

/**
 * Writes all of `pieces` under a name of its own beside the file, then takes its place; when something fails, nothing is
 * left. Gives back how many bytes there were. @throws MatyanError `io`; what `pieces` throws.
 */
export async function saveFile(folder: string, name: string, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  const file = join(folder, name);
  const partial = `${file}.${randomUUID().slice(0, 8)}.part`;
  let size = 0;
  try {
    await mkdir(dirname(file), { recursive: true });
    const handle = await open(partial, "wx");
    try {
      for await (const piece of pieces) {
        await handle.writeFile(piece);
        size += piece.length;
      }
    } finally {
      await handle.close();
    }
    await rename(partial, file);
    return size;
  } catch (error) {
    // What failed is told; that there may be nothing to remove is part of it.
    await rm(partial, { force: true }).catch(() => undefined);
    if (!(error instanceof Error) || typeof (error as NodeJS.ErrnoException).syscall !== "string") throw error;
    throw new MatyanError("io", `'${file}' can't be written: ${error.message}`, {
      hint: "Name another folder with --out.",
      cause: error,
    });
  }
}
