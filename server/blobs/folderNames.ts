// How a blob key becomes a path below the folder, and back: reversible, without traversal, and usual keys stay as they are.

/**
 * A key's segments (between `/`) are folder names and a file name. In a name these are escaped as `%XX` (UTF-8 bytes):
 * `%`, control characters, what Windows refuses (`\ : * ? " < > |`, a final dot or space), and the names `.` and `..`.
 * After a `%` that is not followed by hex digits comes one of our marks, so that no two keys meet in one path:
 *
 *   name      a file with a dot in it, or a folder without     `<hash>/seq/img/0.png`
 *   name%     a file without a dot, or a folder with one       key `model` beside key `model/a.bin`
 *   %-        the empty segment
 *   name%+    a folder: the segment continues in it            segments of 180 bytes or more
 *
 * Since the first part of a long segment depends only on the segment's beginning, all keys that begin alike share the
 * folder, and walking names in order is walking keys in order. Keys that differ only in case need a file system that
 * tells them apart.
 */
export interface FolderName {
  /** What the name adds to the key. */
  readonly text: string;
  readonly kind: "file" | "folder" | "part";
}

const partBytes = 180;
const escaped = /[%\u0000-\u001f\u007f\\:*?"<>|]/;

/** The path of a key as names below the root; the last one is the file's. */
export function encodeKey(key: string): string[] {
  const segments = key.split("/");
  const names: string[] = [];
  segments.forEach((segment, index) => {
    encodeSegment(segment, index === segments.length - 1 ? "file" : "folder", names);
  });
  return names;
}

/** The folder names of whole segments, e.g. `["a", "b"]` of the prefix `a/b/`. */
export function encodeFolders(segments: readonly string[]): string[] {
  const names: string[] = [];
  for (const segment of segments) encodeSegment(segment, "folder", names);
  return names;
}

function encodeSegment(segment: string, kind: "file" | "folder", names: string[]): void {
  const special = segment === "." || segment === "..";
  let name = "";
  let bytes = 0;
  for (const char of segment) {
    const piece = special || escaped.test(char) ? percent(char) : char;
    name += piece;
    bytes += Buffer.byteLength(piece);
    if (bytes >= partBytes) {
      names.push(`${name}%+`);
      name = "";
      bytes = 0;
    }
  }
  const last = name.at(-1);
  if (last === "." || last === " ") name = name.slice(0, -1) + percent(last);
  if (name === "") name = "%-";
  const marked = name.includes(".") === (kind === "folder");
  names.push(marked ? `${name}%` : name);
}

function percent(char: string): string {
  return Array.from(Buffer.from(char), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** What a name in the folder stands for, or undefined when no key leads to it (a foreign file). */
export function decodeName(name: string, isFolder: boolean): FolderName | undefined {
  if (isFolder && name.endsWith("%+")) {
    const text = unescapeName(name.slice(0, -2));
    return text === undefined ? undefined : { text, kind: "part" };
  }
  const body = name.endsWith("%") ? name.slice(0, -1) : name;
  const text = body === "%-" ? "" : unescape(body);
  if (text === undefined) return undefined;
  const kind = isFolder ? "folder" : "file";
  const names: string[] = [];
  encodeSegment(text, kind, names);
  return names.length === 1 && names[0] === name ? { text, kind } : undefined;
}

function unescapeName(name: string): string | undefined {
  if (!name.includes("%")) return name;
  const bytes: number[] = [];
  const raw = Buffer.from(name);
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] !== 0x25) {
      bytes.push(raw[i]!);
      continue;
    }
    const hex = raw.toString("latin1", i + 1, i + 3);
    if (!/^[0-9A-F]{2}$/.test(hex)) return undefined;
    bytes.push(Number.parseInt(hex, 16));
    i += 2;
  }
  const text = Buffer.from(bytes).toString("utf8");
  return text.includes("\ufffd") && !name.includes("\ufffd") ? undefined : text;
}
