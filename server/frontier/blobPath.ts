// The keys that clients may write blobs to, and their form in a URL.
import { MatyanError } from "../../formats/error.ts";
import { checkBlobKey } from "../blobs/index.ts";

/** A URL's path ends in it: key segments are percent-encoded between slashes. */
export const blobPathPrefix = "/api/v1/blobs/";

/**
 * The key of an artifact: `<run id>/<artifact path>` (pipeline.md 6.1). It can't leave the run's prefix.
 * @throws MatyanError `usage` naming `run_id` or `artifact_path`, whichever is wrong.
 */
export function blobKeyOf(runId: string, artifactPath: string): string {
  if (runId === "" || runId.includes("/") || isDots(runId))
    throw new MatyanError("usage", "run_id is one path segment that is not empty, '.' or '..'");
  if (artifactPath.split("/").some(isDots)) throw new MatyanError("usage", "artifact_path has no segments '.' or '..'");
  const key = `${runId}/${artifactPath}`;
  checkBlobKey(key);
  return key;
}

export function blobUrlPath(key: string): string {
  return blobPathPrefix + key.split("/").map(encodeURIComponent).join("/");
}

/** The key in a request's path, or undefined when it is no key that `blobUrlPath` gives. */
export function blobKeyIn(path: string): string | undefined {
  if (!path.startsWith(blobPathPrefix)) return undefined;
  const [runId, ...rest] = path.slice(blobPathPrefix.length).split("/").map(decodeSegment);
  if (runId === undefined || rest.length === 0 || rest.includes(undefined)) return undefined;
  try {
    return blobKeyOf(runId, rest.join("/"));
  } catch (error) {
    if (error instanceof MatyanError) return undefined;
    throw error;
  }
}

/** An encoded slash is no separator, and stands in no segment. */
function decodeSegment(segment: string): string | undefined {
  try {
    const text = decodeURIComponent(segment);
    return text.includes("/") ? undefined : text;
  } catch {
    return undefined;
  }
}

function isDots(segment: string): boolean {
  return segment === "." || segment === "..";
}
