// Archives in the making: hidden work folders beside the final name, and the step that gives a finished one its name.
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { MatyanError } from "../error.ts";
import { isAlive, processSpace } from "../processSpace.ts";
import { guard, hasCode, ioError } from "./fileSink.ts";

const maxAttempts = 10_000;

/**
 * Makes `.<name>.partial-<pid>-<process space>-<n>` in `parent`, first removing what processes of this machine that are gone left
 * there. `parent` is made when it does not exist.
 */
export function makeWorkFolder(parent: string, name: string): string {
  removeStaleWork(parent);
  for (let n = 0; n < maxAttempts; n++) {
    const path = join(parent, `.${name}.partial-${process.pid}-${processSpace}-${n}`);
    try {
      mkdirSync(path);
      return path;
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw ioError(path, error);
    }
  }
  throw new MatyanError("conflict", `${parent} holds too many unfinished archives`, {
    hint: "Remove its .*.partial-* folders.",
  });
}

/**
 * Creates `path` and its parents. Returns a function that removes those it created, as far as they are still empty.
 * @throws MatyanError `conflict` when a file is in the way, else `io`
 */
export function makeFolders(path: string): () => void {
  const first = makeAll(path);
  return () => {
    if (first === undefined) return;
    const end = dirname(first);
    for (let folder = path; folder !== end && folder !== dirname(folder); folder = dirname(folder)) {
      try {
        rmdirSync(folder);
      } catch {
        return; // Somebody else has put something there by now: it stays.
      }
    }
  };
}

function makeAll(path: string): string | undefined {
  try {
    return mkdirSync(path, { recursive: true });
  } catch (error) {
    if (!hasCode(error, "EEXIST") && !hasCode(error, "ENOTDIR")) throw ioError(path, error);
    throw new MatyanError("conflict", `${path} cannot be a folder: a file is in the way`, {
      hint: "Name a folder to make the archive in, or a file ending in .tar.gz or .tgz.",
      cause: error,
    });
  }
}

function removeStaleWork(parent: string): void {
  const names = guard(parent, () => readdirSync(parent));
  for (const name of names) {
    const match = /^\..+\.partial-(\d+)-([0-9a-f]{8})-\d+$/.exec(name);
    if (match === null || match[2] !== processSpace || isAlive(Number(match[1]))) continue;
    rmSync(join(parent, name), { recursive: true, force: true });
  }
}

/**
 * Renames the folder `from` to `<parent>/<name>`, or to `-2`, `-3`, ... where that is taken. Never replaces anything: a
 * folder cannot be renamed onto one that holds something, even if it appears in between. Returns the final path.
 */
export function publishFolder(from: string, parent: string, name: string): string {
  return firstFree(parent, name, "", (path) => renameSync(from, path));
}

/** The same for a file; `suffix` follows the number. */
export function publishFile(from: string, parent: string, name: string, suffix: string): string {
  return firstFree(parent, name, suffix, (path) => placeFile(from, path));
}

/** Gives the file `from` exactly the name `path`. @throws MatyanError `conflict` when that is taken. */
export function placeFile(from: string, path: string): void {
  try {
    linkSync(from, path);
    unlinkSync(from);
  } catch (error) {
    if (hasCode(error, "EEXIST")) throw ioError(path, error);
    // A disk without hard links: take the name with an empty file of ours, then replace that.
    closeSync(guard(path, () => openSync(path, "wx")));
    guard(path, () => renameSync(from, path));
  }
}

function firstFree(parent: string, name: string, suffix: string, take: (path: string) => void): string {
  for (let n = 1; n < maxAttempts; n++) {
    const path = join(parent, `${n === 1 ? name : `${name}-${n}`}${suffix}`);
    if (existsSync(path)) continue;
    try {
      take(path);
      return path;
    } catch (error) {
      const taken =
        (error instanceof MatyanError && error.code === "conflict") ||
        ["EEXIST", "ENOTEMPTY", "ENOTDIR"].some((code) => hasCode(error, code));
      if (!taken) throw ioError(path, error);
    }
  }
  throw new MatyanError("conflict", `${parent} holds too many archives named ${basename(name)}`);
}
