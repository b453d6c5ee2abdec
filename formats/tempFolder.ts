// Folders for temporary files that do not stay for ever: what a killed process left of them, the next one removes.
import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ioError } from "./archive/fileSink.ts";
import { isAlive, processSpace } from "./processSpace.ts";

/**
 * Makes `<prefix>-<pid>-<process space>-<random>` in `parent`, which only this user can read; the caller removes it. What gone
 * processes of this user left under that prefix is removed first.
 * @throws MatyanError `not_found`, `io`
 */
export async function makeTempFolder(prefix: string, parent: string = tmpdir()): Promise<string> {
  // A folder that can't be listed may still be one to make folders in.
  for (const name of await readdir(parent).catch(() => []))
    if (isLeft(name, prefix)) await removeOwn(join(parent, name));
  try {
    return await mkdtemp(join(parent, `${prefix}-${process.pid}-${processSpace}-`));
  } catch (error) {
    throw ioError(parent, error);
  }
}

function isLeft(name: string, prefix: string): boolean {
  if (!name.startsWith(`${prefix}-`)) return false;
  const [, pid, space] = /^(\d+)-([0-9a-f]{8})-\w{6}$/.exec(name.slice(prefix.length + 1)) ?? [];
  return space === processSpace && !isAlive(Number(pid));
}

/** What can't be removed stays, as what several remove at once may do: no reason to refuse the work that is asked for. */
async function removeOwn(path: string): Promise<void> {
  const info = await lstat(path).catch(() => undefined);
  if (!info?.isDirectory() || info.uid !== process.getuid?.()) return;
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}
