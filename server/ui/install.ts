// Keeps the web UI beside the data: `<data>/ui/<version>-<hash>/`, and `<data>/ui/current.json` saying which one is served.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { MatyanError, messageOf } from "../../formats/error.ts";
import { makeTempFolder } from "../../formats/tempFolder.ts";
import { downloadWheel } from "./pip.ts";
import { staticPrefix, templateName, unpackWheel } from "./wheel.ts";

export interface InstalledUi {
  /** Absolute path of the folder with `index-template.html`. */
  readonly folder: string;
  readonly version: string;
  /** SHA-256 of the wheel, hex. */
  readonly sha256: string;
  readonly files: number;
  readonly bytes: number;
}

const pointerName = "current.json";
/** Written into a folder last: without it, the folder is not whole. */
const noteName = ".matyan-ui.json";

export function uiRoot(dataDir: string): string {
  return join(dataDir, "ui");
}

/**
 * Puts a wheel (a path, or undefined for one that pip downloads) beside the data and makes it the one that is served.
 * A server that is running and serves another one may go on doing so: the folder before is kept, older ones are removed.
 * @throws MatyanError: what `downloadWheel` and `unpackWheel` throw, `io` when the folder can't be written.
 */
export async function installUi(dataDir: string, wheel?: string, signal?: AbortSignal): Promise<InstalledUi> {
  const root = uiRoot(dataDir);
  const downloads = wheel === undefined ? await makeTempFolder("matyan-ui") : undefined;
  try {
    const installed = await unpackBeside(root, wheel ?? (await downloadWheel(downloads!, signal)), signal);
    const before = await readPointer(root);
    if (before === installed.folder) return installed;
    await writePointer(root, installed.folder);
    await removeOthers(root, [installed.folder, ...(before === undefined ? [] : [before])]);
    return installed;
  } finally {
    if (downloads !== undefined) await rm(downloads, { recursive: true, force: true });
  }
}

/** The UI that `installUi` put there, or undefined. */
export async function installedUi(dataDir: string): Promise<string | undefined> {
  const folder = await readPointer(uiRoot(dataDir));
  return folder !== undefined && existsSync(join(folder, templateName)) ? folder : undefined;
}

/**
 * The folder to serve for `--ui PATH`: the folder itself (or its `static`, or a package's `matyan_ui/static`), or a wheel's
 * files, unpacked beside the data once.
 * @throws MatyanError `not_found` or `usage` when there is no UI at `path`.
 */
export async function resolveUi(dataDir: string, path: string, signal?: AbortSignal): Promise<string> {
  const full = resolve(path);
  const info = await stat(full).catch((error: unknown) => {
    throw new MatyanError("not_found", `there is no web UI at ${path}: ${messageOf(error)}`, {
      hint: "--ui takes a folder with index-template.html, or the wheel of matyan-ui.",
    });
  });
  if (!info.isDirectory()) return (await unpackBeside(uiRoot(dataDir), full, signal)).folder;
  const folder = [full, join(full, "static"), join(full, staticPrefix)].find((each) =>
    existsSync(join(each, templateName)),
  );
  if (folder !== undefined) return folder;
  throw new MatyanError("usage", `the folder ${path} holds no ${templateName}`, {
    hint: "--ui takes the folder that `matyan_ui/static` of the wheel becomes, or the wheel.",
  });
}

async function unpackBeside(root: string, wheel: string, signal: AbortSignal | undefined): Promise<InstalledUi> {
  const sha256 = await hashFile(wheel);
  const known = await findUnpacked(root, sha256);
  if (known !== undefined) return known;
  await named(root, () => mkdir(root, { recursive: true }));
  const unpacking = await makeTempFolder(".unpacking", root);
  try {
    // What is moved is a folder that others may read.
    const temporary = join(unpacking, "ui");
    await mkdir(temporary);
    const { version, files, bytes } = await unpackWheel(wheel, temporary, signal);
    await writeDurably(join(temporary, noteName), JSON.stringify({ version, sha256, files, bytes }));
    const folder = join(root, `${version}-${sha256.slice(0, 12)}`);
    await named(root, () => replaceFolder(temporary, folder));
    return { folder, version, sha256, files, bytes };
  } finally {
    await rm(unpacking, { recursive: true, force: true });
  }
}

/** The same wheel may have been unpacked meanwhile, by another process: then theirs is as good. */
async function replaceFolder(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (existsSync(join(to, noteName))) return;
    if (!existsSync(to)) throw error;
    await rm(to, { recursive: true });
    await rename(from, to);
  }
}

async function findUnpacked(root: string, sha256: string): Promise<InstalledUi | undefined> {
  for (const name of await readdir(root).catch(() => [])) {
    if (!name.endsWith(`-${sha256.slice(0, 12)}`)) continue;
    const folder = join(root, name);
    const text = await readFile(join(folder, noteName), "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const note = JSON.parse(text) as Omit<InstalledUi, "folder">;
    if (note.sha256 === sha256) return { folder, ...note };
  }
  return undefined;
}

async function readPointer(root: string): Promise<string | undefined> {
  const text = await readFile(join(root, pointerName), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { folder } = JSON.parse(text) as { folder: string };
  return join(root, folder);
}

async function writePointer(root: string, folder: string): Promise<void> {
  const temporary = join(root, `.${pointerName}-${randomUUID()}`);
  await named(root, async () => {
    await writeDurably(temporary, `${JSON.stringify({ folder: folder.slice(root.length + 1) })}\n`);
    await rename(temporary, join(root, pointerName));
  });
}

async function removeOthers(root: string, kept: readonly string[]): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true })) {
    const path = join(root, entry.name);
    if (entry.isDirectory() && !entry.name.startsWith(".") && !kept.includes(path))
      await rm(path, { recursive: true, force: true });
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    const isMissing = error instanceof Error && (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new MatyanError(isMissing ? "not_found" : "io", `can't read the wheel ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return hash.digest("hex");
}

async function named<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MatyanError) throw error;
    throw new MatyanError("io", `can't write the UI's folder ${root}: ${messageOf(error)}`, {
      hint: "Check the permissions of the data folder and the room on its disk.",
      cause: error,
    });
  }
}
