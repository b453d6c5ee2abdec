// Names of files in a ZIP that unpack below the folder that they are unpacked in, each to a file of its own (S5).

/** One name for each path, in their order. Paths that are harmless and distinct stay as they are. */
export function zipNames(paths: readonly string[]): string[] {
  const safe = paths.map(safeName);
  const folders = new Set(safe.flatMap(foldersOf));
  const used = new Set<string>();
  return safe.map((name) => {
    let unique = name;
    for (let n = 2; used.has(unique) || folders.has(unique); n++) unique = numbered(name, n);
    used.add(unique);
    return unique;
  });
}

/** Without empty, `.` and `..` parts, drive letters and characters that no file system takes. */
function safeName(path: string): string {
  const parts = path
    .toWellFormed()
    .replaceAll("\\", "/")
    .replace(/[\x00-\x1f\x7f]/g, "_")
    .split("/")
    .filter((part) => part !== "" && part !== "." && part !== "..")
    .map((part, i) => (i === 0 ? part.replace(/^([a-z]):/i, "$1_") : part));
  return parts.length === 0 ? "file" : parts.join("/");
}

function foldersOf(name: string): string[] {
  const parts = name.split("/");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}

/** `a/b.txt` as `a/b (2).txt`. */
function numbered(name: string, n: number): string {
  const slash = name.lastIndexOf("/") + 1;
  const dot = name.lastIndexOf(".");
  return dot > slash ? `${name.slice(0, dot)} (${n})${name.slice(dot)}` : `${name} (${n})`;
}
