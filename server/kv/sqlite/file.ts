// The file of an embedded store: made whole or not at all, and recognised before anything is done to it.
import { Database } from "bun:sqlite";
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { MatyanError, messageOf } from "../../../formats/error.ts";
import { Connection } from "./connection.ts";
import { mannerOf } from "./manner.ts";
import { createTable } from "./statements.ts";

/** "Mtyn": SQLite's header says whose file it is (https://www.sqlite.org/fileformat2.html#application_id). */
export const applicationId = 0x4d74796e;
/** The header's user_version: what the tables are like. Programs refuse a newer one. */
export const formatVersion = 1;
const pageSize = 4096;

/**
 * Makes sure that `path` is a store of a version that this program knows.
 *
 * A new file is prepared under another name, synced, and given its name by a hard link, which fails when the name is
 * taken: of two processes that create at one moment, one wins and both open the same store. A file of 0 bytes
 * is therefore never a store that is being made, but one that was lost.
 * The file is never opened but through SQLite: closing any descriptor of it would drop this process's locks on it.
 * @throws MatyanError `not_found` (missing, and not `create`), `corrupt`, `unsupported` or `io`, naming the path.
 */
export function ensureStoreFile(path: string, create: boolean): void {
  let size = sizeOf(path);
  if (size === undefined) {
    if (!create)
      throw new MatyanError("not_found", `there is no store at '${path}'`, {
        hint: "Make one with `matyan restore` or `matyan serve`, or name another folder with --data.",
      });
    // Looked at before the store itself: who creates one meanwhile makes the log later than the store.
    const log = sizeOf(`${path}-wal`) ?? 0;
    size = sizeOf(path);
    if (size === undefined) {
      if (log > 0)
        throw new MatyanError("corrupt", `store '${path}' is missing, but its write-ahead log '${path}-wal' is there`, {
          hint: "Put the store file back beside it, or move the log away to start an empty store.",
        });
      createStoreFile(path);
      size = sizeOf(path);
    }
  }
  // SQLite takes a file shorter than its header for a new database.
  if (size === undefined || size < pageSize)
    throw new MatyanError("corrupt", `'${path}' is not a store: it has ${size ?? 0} bytes`, {
      hint: "Restore a backup. If it never held anything, delete the file and run the command again.",
    });
  checkHeader(path);
}

function checkHeader(path: string): void {
  const manner = mannerOf(path);
  const connection = new Connection({
    path,
    manner: manner === "shared" ? "readonly" : manner,
    pragmas: ["PRAGMA busy_timeout = 10000"],
  });
  try {
    const application = connection.row("PRAGMA application_id")?.[0];
    if (application !== applicationId)
      throw new MatyanError("unsupported", `'${path}' is a SQLite database of another program, not a Matyan store`, {
        hint: "Name another folder; nothing was changed in this one.",
      });
    const version = connection.row("PRAGMA user_version")?.[0];
    if (version !== formatVersion)
      throw new MatyanError(
        "unsupported",
        `store '${path}' has format version ${String(version)}; this program knows ${formatVersion}`,
        { hint: "Use the version of matyan that wrote it, or a newer one; nothing was changed." },
      );
  } finally {
    connection.close();
  }
}

function createStoreFile(path: string): void {
  const folder = dirname(path);
  const draft = `${path}.new-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
  try {
    const firstNew = mkdirSync(folder, { recursive: true, mode: 0o700 });
    closeSync(openSync(draft, "wx", 0o600));
    writeEmptyStore(draft);
    sync(draft);
    try {
      linkSync(draft, path);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    // The names must be on the disk too, up to the first folder that was there before.
    sync(folder);
    if (firstNew !== undefined)
      for (let at = folder; at.length >= firstNew.length && at !== dirname(at); at = dirname(at)) sync(dirname(at));
  } catch (error) {
    throw cannot("create", path, error);
  } finally {
    rmSync(draft, { force: true });
  }
}

function writeEmptyStore(path: string): void {
  const database = new Database(path, { readwrite: true, create: false });
  try {
    // The whole file is synced afterwards.
    database.run("PRAGMA synchronous = OFF");
    database.run(`PRAGMA page_size = ${pageSize}`);
    database.run(`PRAGMA application_id = ${applicationId}`);
    database.run(createTable);
    database.run(`PRAGMA user_version = ${formatVersion}`);
    database.run("PRAGMA journal_mode = WAL");
  } finally {
    database.close();
  }
}

/** Bytes of the file, or undefined when there is none. @throws MatyanError `io` */
function sizeOf(path: string): number | undefined {
  try {
    const entry = statSync(path);
    if (entry.isFile()) return entry.size;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw cannot("open", path, error);
  }
  throw new MatyanError("io", `store '${path}' is not a file`, { hint: "Name the folder that holds the store." });
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function cannot(verb: string, path: string, error: unknown): MatyanError {
  return new MatyanError("io", `cannot ${verb} store '${path}': ${messageOf(error)}`, {
    hint: "Check that the folder exists on a local disk with free space and may be written by this user.",
    cause: error,
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
