// Files and folders that are to become artifacts, with the paths that they get in their run.
import { lstat, readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { MatyanError } from "../../formats/error.ts";

export interface ArtifactFile {
  /** Where it lies. */
  readonly file: string;
  /** Its path in the run: segments between slashes. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

export interface ListedFiles {
  readonly files: readonly ArtifactFile[];
  /** Links to folders, and what is neither file nor folder: left out. */
  readonly skipped: readonly string[];
}

/**
 * The files that `path` stands for, by name. A file gets the path `name`, else its own name. A folder gives all files below
 * it, as `name/relative` or just `relative`, as the Python client's `log_artifacts` has it. Links to files are followed,
 * links to folders are not: they may lead in a circle, or out of the folder. (A link that is named itself is followed.)
 * @throws MatyanError `not_found`, or `io` for a folder that can't be read.
 */
export async function listArtifactFiles(path: string, name?: string): Promise<ListedFiles> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" || error.code === "ENOTDIR"
      ? new MatyanError("not_found", `there is no file or folder '${path}'`)
      : new MatyanError("io", `'${path}' can't be read: ${error.message}`, { cause: error });
  });
  const asked = name?.replace(/^\/+|\/+$/g, "");
  if (info.isFile())
    return {
      files: [{ file: path, path: checkedPath(asked || basename(resolve(path))), size: info.size }],
      skipped: [],
    };
  if (!info.isDirectory()) throw new MatyanError("usage", `'${path}' is neither a file nor a folder`);
  const files: ArtifactFile[] = [];
  const skipped: string[] = [];
  await walk(path, asked ? [asked] : [], files, skipped);
  return { files, skipped };
}

async function walk(
  folder: string,
  prefix: readonly string[],
  files: ArtifactFile[],
  skipped: string[],
): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MatyanError("io", `the folder '${folder}' can't be read: ${reason}`, { cause: error });
  }
  for (const name of names.sort()) {
    const file = join(folder, name);
    const link = await lstat(file);
    const info = link.isSymbolicLink() ? await stat(file).catch(() => undefined) : link;
    if (info?.isDirectory() && !link.isSymbolicLink()) await walk(file, [...prefix, name], files, skipped);
    else if (info?.isFile()) files.push({ file, path: checkedPath([...prefix, name].join("/")), size: info.size });
    else skipped.push(file);
  }
}

/** @throws MatyanError `usage` for a path that no run may have: the server refuses it as well. */
function checkedPath(path: string): string {
  const fault = path
    .split("/")
    .map((segment) => (segment === "" ? "an empty segment" : segment === "." || segment === ".." ? `'${segment}'` : ""))
    .find((found) => found !== "");
  if (fault !== undefined)
    throw new MatyanError("usage", `'${path}' can't be an artifact's path: it has ${fault}`, {
      hint: "Give a name with segments between single slashes.",
    });
  if (!path.isWellFormed())
    throw new MatyanError(
      "usage",
      `'${path.toWellFormed()}' can't be an artifact's path: its name is not valid Unicode`,
    );
  return path;
}
