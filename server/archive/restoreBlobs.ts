// The blobs of an archived run on their way into the blob store, several at a time.
import { isMap, type ValueMap } from "../../formats/value.ts";
import type { BlobStore } from "../blobs/index.ts";
import { artifactsName } from "../store/artifactEntries.ts";
import type { ArchivedFile, ArchivedRun } from "./archivedRun.ts";

/** A put waits for the disk or the network most of the time. */
const concurrentPuts = 8;

/**
 * Puts all blobs of a run under `<hash>/<path>`. Content types come from the run's attributes.
 * @throws MatyanError `corrupt` when a blob is not what was backed up; what the blob store throws.
 */
export async function putBlobs(
  blobs: BlobStore,
  run: ArchivedRun,
  attrs: ValueMap,
  signal: AbortSignal | undefined,
): Promise<{ blobs: number; blobBytes: number }> {
  const artifacts = attrs.get(artifactsName);
  const typeOf = (path: string): string | undefined => {
    const artifact = isMap(artifacts) ? artifacts.get(path) : undefined;
    const type = isMap(artifact) ? artifact.get("content_type") : undefined;
    return typeof type === "string" ? type : undefined;
  };
  const pending = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let count = 0;
  let bytes = 0;
  const start = (file: ArchivedFile): void => {
    const work: Promise<void> = blobs
      .put(`${run.hash}/${file.path}`, file.read(), { contentType: typeOf(file.path) })
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => pending.delete(work));
    pending.add(work);
  };
  try {
    for await (const file of run.blobs()) {
      signal?.throwIfAborted();
      start(file);
      count++;
      bytes += file.size;
      if (pending.size >= concurrentPuts) await Promise.race(pending);
      if (failure !== undefined) break;
    }
  } finally {
    await Promise.all(pending);
  }
  if (failure !== undefined) throw failure.error;
  return { blobs: count, blobBytes: bytes };
}
