// One server to a data folder: a lock that the operating system takes back when its process ends, however it ends.
import { Database, SQLiteError } from "bun:sqlite";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MatyanError, messageOf } from "../formats/error.ts";

export interface ServeLock extends AsyncDisposable {
  /** Leaves a note of where this server answers, for whoever finds the lock taken. */
  note(addresses: readonly string[]): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes the lock of a data folder, made if need be, for each of `roles` (`api`, `frontier`). Commands on the same folder do
 * not ask for it. It is the kernel's lock on an SQLite file: unlike a file with a process id it needs no clearing
 * after `kill -9` and is right between containers, where process ids say nothing.
 * @throws MatyanError `busy` naming the process that holds it, `io` when the folder can't be made or written.
 */
export async function lockDataFolder(dataDir: string, roles: readonly string[]): Promise<ServeLock> {
  const held: Database[] = [];
  const notes = roles.map((role) => notePath(dataDir, role));
  const release = async () => {
    for (const note of notes) await rm(note, { force: true });
    for (const lock of held.splice(0)) lock.close();
  };
  try {
    await mkdir(dataDir, { recursive: true });
    for (const role of roles) held.push(takeLock(lockPath(dataDir, role)));
  } catch (error) {
    const taken = held.length;
    for (const lock of held) lock.close();
    if (isBusy(error)) throw await busyError(dataDir, roles[taken]!);
    throw new MatyanError("io", `can't use the data folder ${dataDir}: ${messageOf(error)}`, {
      hint: "Name another folder with --data or MATYAN_DATA, or check its permissions.",
      cause: error,
    });
  }
  return {
    note: async (addresses) => {
      const text = JSON.stringify({ pid: process.pid, started: new Date().toISOString(), addresses });
      for (const note of notes) await writeFile(note, `${text}\n`);
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}

function takeLock(path: string): Database {
  const lock = new Database(path, { create: true });
  try {
    lock.run("PRAGMA journal_mode = MEMORY");
    lock.run("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof SQLiteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code ?? "");
}

/** What a running server left of itself. */
export interface ServeNote {
  readonly pid: number;
  readonly addresses: readonly string[];
}

/** Whether a server of that role has the folder: asked without taking the lock, or making anything. */
export function isServed(dataDir: string, role: string): boolean {
  const path = lockPath(dataDir, role);
  if (!existsSync(path)) return false;
  const lock = new Database(path, { readonly: true });
  try {
    lock.query("SELECT count(*) FROM sqlite_master").get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    lock.close();
  }
}

/** Undefined while a server is just starting: it has the lock and no address yet. Also for a note that can't be read. */
export async function readServeNote(dataDir: string, role: string): Promise<ServeNote | undefined> {
  try {
    const { pid, addresses }: Partial<ServeNote> = JSON.parse(await readFile(notePath(dataDir, role), "utf8"));
    return typeof pid === "number" && Array.isArray(addresses) ? { pid, addresses } : undefined;
  } catch {
    return undefined;
  }
}

function lockPath(dataDir: string, role: string): string {
  return join(dataDir, `serve-${role}.lock`);
}

function notePath(dataDir: string, role: string): string {
  return join(dataDir, `serve-${role}.json`);
}

async function busyError(dataDir: string, role: string): Promise<MatyanError> {
  const note = await readServeNote(dataDir, role);
  const holder = note === undefined ? "another process" : `process ${note.pid} (${note.addresses.join(", ")})`;
  return new MatyanError("busy", `the data folder ${dataDir} is already served by ${holder}`, {
    hint: "Stop that server, or name another folder with --data.",
  });
}
