// The files of a run in the store of this machine: listed, read, and added.
import { MatyanError } from "../formats/error.ts";
import { mapOf } from "../formats/value.ts";
import { concurrentHeads, mapEach } from "./blobs/concurrency.ts";
import { blobKeyOf as newBlobKey } from "./frontier/blobPath.ts";
import type { Stack } from "./stack.ts";
import { artifactsName, artifactsOf, blobKeyOf } from "./store/artifactEntries.ts";
import { readAttrs } from "./store/attrs.ts";
import { ApplyLoop } from "./workers/apply.ts";

export interface ListedArtifact {
  readonly path: string;
  readonly contentType: string | undefined;
  /** Bytes; undefined when it is not known, null when the file is not stored. */
  readonly size: number | null | undefined;
  /** Where the bytes lie; empty when it is not known, or not among the run's own. */
  readonly uri: string;
}

/** By path. */
export async function listArtifacts({ store, blobs }: Stack, hash: string): Promise<ListedArtifact[]> {
  const stored = await store.database.snapshot((tx) => readAttrs(tx, store, hash, [artifactsName]));
  return mapEach([...artifactsOf(stored)], concurrentHeads, async (entry) => {
    const key = blobKeyOf(hash, entry);
    const info = key === undefined ? undefined : await blobs.head(key);
    return { path: entry.path, contentType: entry.contentType, size: info?.size ?? null, uri: key ?? "" };
  });
}

/** The bytes of an artifact. @throws MatyanError `not_found` */
export async function readArtifact(
  { store, blobs }: Stack,
  hash: string,
  path: string,
): Promise<AsyncIterable<Uint8Array>> {
  const stored = await store.database.snapshot((tx) => readAttrs(tx, store, hash, [artifactsName, path]));
  const [entry] = artifactsOf(stored === undefined ? undefined : new Map([[path, stored]]));
  if (entry === undefined) throw new MatyanError("not_found", `the run ${hash} has no artifact '${path}'`);
  const key = blobKeyOf(hash, entry);
  const bytes = key === undefined ? undefined : await blobs.get(key);
  if (bytes === undefined) throw new MatyanError("not_found", `the file of the artifact '${path}' is not stored`);
  return bytes;
}

/** Adds files to the run. Give it back with `await using`: what was added is known to the run then. */
export class ArtifactWriter implements AsyncDisposable {
  readonly #stack: Stack;
  readonly #hash: string;
  readonly #loop: ApplyLoop;

  constructor(stack: Stack, hash: string) {
    this.#stack = stack;
    this.#hash = hash;
    this.#loop = new ApplyLoop(stack.store, stack.blobs);
  }

  /** Resolves when the file is stored and known to the run; one of the same path is replaced. @throws MatyanError */
  async add(path: string, contentType: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    const key = newBlobKey(this.#hash, path);
    await this.#stack.blobs.put(key, source, { contentType });
    const payload = mapOf({ s3_key: key, artifact_path: path, content_type: contentType });
    const message = { type: "blob_ref", runId: this.#hash, timestamp: Date.now() / 1_000, payload };
    const [outcome] = await this.#loop.submit([message]);
    if (outcome?.ok === false) throw outcome.error;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#loop.close();
  }
}
