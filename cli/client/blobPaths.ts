// Where images and sounds of sequences lie among a run's blobs (pipeline.md 6.1).
import { contextId } from "../../formats/context.ts";
import type { ValueMap } from "../../formats/value.ts";

/**
 * `seq/{name}/{step}.{ext}` as the Python client has it, and `seq/{name}/{context id}/{step}.{ext}` in a context: there,
 * images of one name and step in two contexts would overwrite each other (W20). The stored value names its key, so readers
 * do not care.
 */
export function sequenceBlobPath(name: string, context: ValueMap | null, step: bigint, extension: string): string {
  const id = contextId(context);
  const folder = name.split("/").map(safeSegment).join("/");
  return `seq/${folder}/${id === 0 ? "" : `${id}/`}${step}.${extension}`;
}

/** What no path may have as a segment. */
function safeSegment(segment: string): string {
  return segment === "" || segment === "." || segment === ".." ? `%${segment}` : segment;
}
