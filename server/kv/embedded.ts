// The embedded engine: one SQLite file on a local disk, used by any number of processes at once.
import { resolve } from "node:path";
import { type Clock, systemClock } from "./clock.ts";
import type { Database } from "./index.ts";
import { SqliteDatabase } from "./sqlite/database.ts";
import { ensureStoreFile } from "./sqlite/file.ts";

export interface EmbeddedOptions {
  /** The SQLite file; SQLite keeps `<path>-wal` and `<path>-shm` beside it while it is in use. */
  readonly path: string;
  /**
   * What an acknowledged commit survives. `full`: a power cut, since each commit syncs the write-ahead log
   * (SQLite's synchronous=FULL). `normal`: the end of the process, however sudden; a power cut may take
   * the last commits away, in order, but never damages the store or tears a transaction (synchronous=NORMAL).
   */
  readonly durability: "full" | "normal";
  /** Makes the store (and its folder) when there is none; true unless told. */
  readonly create?: boolean;
  /**
   * `read` opens a store that this user may not write, and refuses transactions; `write` unless told. In a folder without
   * permission to write, a store that somebody has open is read beside them, another one as a file that nobody changes:
   * when somebody does after all, snapshots end with `busy`.
   */
  readonly access?: "read" | "write";
  readonly clock?: Clock;
}

/**
 * Opens the store. Writers of all processes take turns; readers see a snapshot, block nobody and are blocked by nobody.
 * A snapshot that stays open keeps the write-ahead log from being reused: the log grows while others write.
 * A removed key's space is used again; the file itself does not shrink.
 * @throws MatyanError `not_found`, `corrupt`, `unsupported`, `io` or `busy`, naming the path.
 */
export async function openEmbedded({
  path,
  durability,
  access = "write",
  create = access === "write",
  clock = systemClock,
}: EmbeddedOptions): Promise<Database> {
  const file = resolve(path);
  ensureStoreFile(file, create);
  return new SqliteDatabase({
    path: file,
    synchronous: durability === "full" ? "FULL" : "NORMAL",
    clock,
    access,
  });
}
