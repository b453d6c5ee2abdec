// The files of a run: entries of its attribute `__blobs__`, by path (storage.md 2.2).
import { isMap, type Value } from "../../formats/value.ts";

export const artifactsName = "__blobs__";

export interface ArtifactEntry {
  /** As it was logged; may hold any characters. */
  readonly path: string;
  /** What is behind the last slash. */
  readonly name: string;
  /** The key that the run names; see `blobKeyOf`. */
  readonly key: string;
  readonly contentType: string;
}

/** Images and audio of sequences are stored beside the artifacts, below this. */
const sequencePrefix = "seq/";

/** The artifacts of a run, in the order of their paths' bytes, as stored. */
export function artifactsOf(blobs: Value | undefined): ArtifactEntry[] {
  if (!isMap(blobs)) return [];
  return [...blobs].flatMap(([path, entry]) => {
    if (path.startsWith(sequencePrefix) || !isMap(entry)) return [];
    const key = entry.get("s3_key");
    const type = entry.get("content_type");
    return {
      path,
      name: path.slice(path.lastIndexOf("/") + 1),
      key: typeof key === "string" ? key : "",
      contentType: typeof type === "string" ? type : "application/octet-stream",
    };
  });
}

/**
 * The key of an artifact's blob, or undefined when it is not among the blobs of the run: below `<hash>/`, or `artifacts/<hash>/`
 * as early scripts had it. A run must not be a way to other runs' files (S4).
 */
export function blobKeyOf(hash: string, { key }: Pick<ArtifactEntry, "key">): string | undefined {
  return key.startsWith(`${hash}/`) || key.startsWith(`artifacts/${hash}/`) ? key : undefined;
}
