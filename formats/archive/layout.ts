// Names inside an archive and of archives themselves (backup-convert.md 1.2, 1.3), and which paths may be in one.
import { MatyanError } from "../error.ts";
import type { ArchiveKind, RunDocument } from "./types.ts";

export const runDocuments: readonly RunDocument[] = ["run.json", "attrs.json", "traces.json", "contexts.json"];
export const manifestName = "manifest.json";
export const entitiesName = "entities.jsonl";
export const checksumsName = "checksums.json";
export const sequencesName = "sequences.jsonl";
export const formatVersion = 1n;

/** Documents are held whole while they are read: larger ones are refused. Bytes. */
export const maxDocumentBytes = 64 << 20;
/** A line of a `.jsonl` file, in bytes. */
export const maxLineBytes = 64 << 20;

const maxSegmentBytes = 255;
const maxPathBytes = 4096;

/** `matyan-backup-20261122-104930`: UTC, to the second. */
export function topName(kind: ArchiveKind, time: Date): string {
  const digits = time.toISOString().replace(/[-:]/g, "");
  return `matyan-${kind}-${digits.slice(0, 8)}-${digits.slice(9, 15)}`;
}

export function isTarGzipName(path: string): boolean {
  return path.endsWith(".tar.gz") || path.endsWith(".tgz");
}

export function isTarName(path: string): boolean {
  return isTarGzipName(path) || path.endsWith(".tar") || path.endsWith(".gz");
}

/** What is wrong with a name that must be one folder or file, or undefined. */
export function segmentFault(segment: string): string | undefined {
  if (segment === "") return "is empty";
  if (segment === "." || segment === "..") return `is "${segment}"`;
  if (/[/\0]/.test(segment)) return "holds a slash or a NUL";
  if (process.platform === "win32" && /[\\:*?"<>|]/.test(segment)) return "holds a character that Windows refuses";
  if (segment.length > maxSegmentBytes || Buffer.byteLength(segment) > maxSegmentBytes)
    return "is longer than 255 bytes";
  return segment.isWellFormed() ? undefined : "is not valid Unicode";
}

/** What is wrong with a relative path of `/`-separated segments, or undefined. */
export function pathFault(path: string): string | undefined {
  if (path.startsWith("/")) return "is absolute";
  if (path.length > maxPathBytes) return "is longer than 4096 bytes";
  for (const segment of path.split("/")) {
    const fault = segmentFault(segment);
    if (fault !== undefined) return segment === "" ? "holds an empty segment" : `holds a segment that ${fault}`;
  }
  return undefined;
}

/** @throws MatyanError `unsupported` unless `hash` can name a run's folder. */
export function checkRunHash(hash: string): void {
  const fault = segmentFault(hash);
  if (fault !== undefined) {
    throw new MatyanError("unsupported", `run hash ${JSON.stringify(hash)} cannot be a folder: it ${fault}`);
  }
}

/** What an archive file is by its path below the top folder. */
export type Place =
  | { readonly kind: "top"; readonly name: string }
  | { readonly kind: "run"; readonly hash: string; readonly name: string }
  | { readonly kind: "blob"; readonly hash: string; readonly path: string }
  | { readonly kind: "stray" };

/** `path` is relative to the top folder, `/`-separated and checked. */
export function placeOf(path: string): Place {
  if (!path.startsWith("runs/")) return path.includes("/") ? { kind: "stray" } : { kind: "top", name: path };
  const end = path.indexOf("/", 5);
  if (end < 0) return { kind: "stray" };
  const hash = path.slice(5, end);
  const rest = path.slice(end + 1);
  if (rest.startsWith("blobs/")) return { kind: "blob", hash, path: rest.slice(6) };
  return rest.includes("/") ? { kind: "stray" } : { kind: "run", hash, name: rest };
}

/** Files that desktops and tars made on a Mac leave about: no part of an archive, except as a blob. */
export function isJunk(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return (name === ".DS_Store" || name.startsWith("._")) && placeOf(path).kind !== "blob";
}
