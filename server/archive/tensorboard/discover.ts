// Finds the runs of a log folder, as TensorBoard does: every folder that directly holds event files is a run.
import { type Dirent, existsSync, readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { MatyanError, messageOf } from "../../../formats/error.ts";

export interface EventFile {
  readonly path: string;
  /** Relative to the log folder, with `/`. */
  readonly name: string;
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modified: number;
}

export interface LoggedRun {
  /** The folder relative to the log folder, with `/`; for the log folder itself its own name. */
  readonly name: string;
  /** As `name`, but "" for the log folder itself: what does not change when the tree is moved. */
  readonly relative: string;
  /** In the order TensorBoard reads them. */
  readonly files: readonly EventFile[];
}

/**
 * Runs in the order of their paths. Symbolic links to folders are not followed: they may form loops. `unreadable` hears
 * of folders and files that the operating system does not let us see.
 * @throws MatyanError `not_found` when there is no such folder or no event file in it
 */
export function discoverRuns(logdir: string, unreadable: (path: string, reason: string) => void): LoggedRun[] {
  if (!existsSync(logdir))
    throw new MatyanError("not_found", `${logdir} does not exist`, {
      hint: "Name the folder that TensorBoard's --logdir was given.",
    });
  if (!statSync(logdir).isDirectory())
    throw new MatyanError("usage", `${logdir} is not a folder`, { hint: `Name the folder that holds it.` });
  const runs: LoggedRun[] = [];
  const visit = (folder: string, relative: string) => {
    const entries = readFolder(folder, unreadable);
    const files = entries
      .filter((entry) => isEventFile(entry.name))
      .flatMap((entry) => describe(folder, relative, entry, unreadable));
    if (files.length > 0) runs.push({ name: relative || basename(resolve(logdir)) || "root", relative, files });
    for (const entry of entries)
      if (entry.isDirectory())
        visit(join(folder, entry.name), relative === "" ? entry.name : `${relative}/${entry.name}`);
  };
  visit(logdir, "");
  if (runs.length === 0)
    throw new MatyanError("not_found", `${logdir} holds no TensorBoard event files`, {
      hint: "Event files have 'tfevents' in their names; name the folder that TensorBoard's --logdir was given.",
    });
  return runs;
}

/** TensorBoard's own test (io_wrapper.IsSummaryEventsFile). */
function isEventFile(name: string): boolean {
  return name.includes("tfevents") && !name.endsWith(".profile-empty");
}

/** Sorted by code points, as Python sorts names. */
function readFolder(folder: string, unreadable: (path: string, reason: string) => void): Dirent[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  } catch (error) {
    unreadable(folder, messageOf(error));
    return [];
  }
}

function describe(
  folder: string,
  relative: string,
  entry: Dirent,
  unreadable: (path: string, reason: string) => void,
): EventFile[] {
  const path = join(folder, entry.name);
  try {
    const stat = statSync(path); // through symbolic links to files
    if (!stat.isFile()) return [];
    const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
    return [{ path, name, size: stat.size, modified: stat.mtimeMs / 1000 }];
  } catch (error) {
    unreadable(path, messageOf(error));
    return [];
  }
}
