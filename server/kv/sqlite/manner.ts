// How a store's file can be opened by this user. A write-ahead log needs its two companions, which a folder that is not
// ours to write in may lack (https://www.sqlite.org/wal.html#read_only_databases).
import { constants as sqlite } from "bun:sqlite";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { MatyanError } from "../../../formats/error.ts";

/**
 * `shared`: with all others, writing included. `readonly`: beside a writer of another user, or what one left behind.
 * `immutable`: alone. The last one to write closed the store, so the file is all of it; SQLite takes no locks and looks for no log.
 */
export type Manner = "shared" | "readonly" | "immutable";

/** @throws MatyanError `io` when the store can't be read without writing. */
export function mannerOf(path: string): Manner {
  if (isWritable(path) && isWritable(dirname(path))) return "shared";
  if (existsSync(`${path}-shm`)) return "readonly";
  if (hasLog(path))
    throw new MatyanError(
      "io",
      `store '${path}' has a write-ahead log, which can't be read where nothing may be written`,
      {
        hint: "Copy the folder with its log to where this user may write, and read it there.",
      },
    );
  return "immutable";
}

/** Name and flags that SQLite opens the file by. */
export function openingOf(path: string, manner: Manner): readonly [name: string, flags: number] {
  if (manner === "shared") return [path, sqlite.SQLITE_OPEN_READWRITE];
  if (manner === "readonly") return [path, sqlite.SQLITE_OPEN_READONLY];
  const flags = sqlite.SQLITE_OPEN_READONLY | sqlite.SQLITE_OPEN_URI;
  return [`${pathToFileURL(path).href}?immutable=1`, flags];
}

/** Tells later whether somebody wrote into a file that was opened as immutable: what was read then means nothing. */
export function watchImmutable(path: string): () => void {
  const stampOf = () => {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  };
  const before = stampOf();
  return () => {
    if (!hasLog(path) && stampOf() === before) return;
    throw new MatyanError("busy", `store '${path}' was written while it was read`, {
      hint: "Try again: this user can't write in its folder, so writers could not be told to wait.",
    });
  };
}

function hasLog(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** Also false on a file system that is mounted for reading only. */
function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
