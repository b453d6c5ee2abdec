// Which archive a path stands for: a folder, a tar, or a folder that holds exactly one of these.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { MatyanError } from "../error.ts";
import { guard, ioError } from "./fileSink.ts";
import { fileSize, isPlainFolder } from "./folder.ts";
import { isTarName, manifestName } from "./layout.ts";

export interface Located {
  readonly kind: "folder" | "tar";
  readonly path: string;
}

const kinds = "An archive is a folder with a manifest.json, or a .tar.gz, .tgz or .tar of one.";

/** @throws MatyanError `not_found` when there is no archive, `usage` naming them when there are several. */
export function locateArchive(path: string): Located {
  const stat = statOf(path);
  if (stat === undefined) throw new MatyanError("not_found", `no archive: ${path} does not exist`, { hint: kinds });
  if (!stat.isDirectory()) return { kind: "tar", path };
  if (fileSize(join(path, manifestName)) !== undefined) return { kind: "folder", path };
  if (isPlainFolder(join(path, "runs"))) {
    throw new MatyanError("corrupt", `${path} has no ${manifestName}`, {
      hint: "The manifest is written last: whatever made this archive was interrupted. Make it anew.",
    });
  }
  const found = candidates(path);
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new MatyanError("not_found", `${path} holds no archive`, { hint: kinds });
  const names = found.map((each) => each.path);
  throw new MatyanError("usage", `${path} holds ${found.length} archives: ${names.slice(0, 10).join(", ")}`, {
    hint: "Name one of them.",
  });
}

function candidates(folder: string): Located[] {
  const found: Located[] = [];
  for (const name of guard(folder, () => readdirSync(folder)).sort()) {
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    const stat = statOf(path);
    if (stat?.isFile() && isTarName(name)) found.push({ kind: "tar", path });
    else if (stat?.isDirectory() && fileSize(join(path, manifestName)) !== undefined)
      found.push({ kind: "folder", path });
  }
  return found;
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw ioError(path, error);
  }
}
