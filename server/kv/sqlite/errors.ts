// SQLite's result codes as errors that a person can act on (https://www.sqlite.org/rescode.html).
import { SQLiteError } from "bun:sqlite";
import { type ErrorCode, MatyanError } from "../../../formats/error.ts";

const damaged =
  "Stop every process that uses it, keep a copy of the folder, and restore the latest backup into a new one.";

const byPrimaryCode: ReadonlyMap<number, readonly [code: ErrorCode, what: string, hint: string]> = new Map([
  [3, ["io", "may not be accessed", "Check owner and permissions of the file and its folder."]],
  [5, ["busy", "is locked by another process", "Try again, or see which process holds it."]],
  [6, ["busy", "is locked by another process", "Try again, or see which process holds it."]],
  [7, ["io", "needs more memory than there is", "Free some memory and try again."]],
  [8, ["io", "cannot be written", "Check that the file, its folder and the file system are writable for this user."]],
  [
    10,
    ["io", "could not be read or written", "Look at the disk: the operating system reported an input/output error."],
  ],
  [11, ["corrupt", "is damaged", damaged]],
  [13, ["io", "cannot grow: the disk is full", "Free some space; what was committed before is safe."]],
  [
    14,
    [
      "io",
      "cannot be opened",
      "Check owner and permissions of the file and its folder, and that the disk is not mounted read-only.",
    ],
  ],
  [15, ["io", "could not be locked", "The store must lie on a local file system with working file locks."]],
  [18, ["too_large", "was given a value over SQLite's bounds", "Split the value."]],
  [23, ["io", "may not be accessed", "Check owner and permissions of the file and its folder."]],
  [24, ["corrupt", "is damaged", damaged]],
  [
    26,
    ["corrupt", "is not a store (not even a SQLite database)", "Check the path; if it was a store, restore a backup."],
  ],
]);

/** SQLITE_IOERR_SHMSIZE: the file that processes share could not be made, for which a full disk has no room. */
const noRoomToShare = 4874;
const full = 13;

/** SQLite's error as a MatyanError that names the file; anything else as it was. */
export function explain(error: unknown, path: string): unknown {
  if (!(error instanceof SQLiteError)) return error;
  const known = byPrimaryCode.get(error.errno === noRoomToShare ? full : error.errno & 0xff);
  if (known !== undefined) {
    const [code, what, hint] = known;
    return new MatyanError(code, `store '${path}' ${what} (${error.message})`, { hint, cause: error });
  }
  // Our statements are fixed: where one is refused for these reasons, the schema in the file is not ours any more.
  if (/no such (table|column)|unsupported file format/.test(error.message))
    return new MatyanError("corrupt", `store '${path}' is damaged (${error.message})`, { hint: damaged, cause: error });
  return error;
}

/** A row whose key or value is no bytes: SQLite itself does not notice when a record's header is damaged. */
export function damagedRow(path: string): MatyanError {
  return new MatyanError("corrupt", `store '${path}' is damaged (a key or value is no bytes)`, { hint: damaged });
}

/** Whether another connection holds what was asked for: SQLITE_BUSY and its variants, also BUSY_SNAPSHOT. */
export function isBusy(error: unknown): boolean {
  return error instanceof SQLiteError && (error.errno & 0xff) === 5;
}
