// `PUT /api/v1/blobs/<key>`: the body streams into the blob store, and the blob appears whole or not at all.
import { MatyanError, messageOf } from "../../formats/error.ts";
import { mapOf } from "../../formats/value.ts";
import type { BlobStore } from "../blobs/index.ts";
import { readTombstone } from "../store/deletion.ts";
import type { Store } from "../store/index.ts";
import type { Ingest } from "../workers/ingest.ts";
import { readUpload } from "./uploadUrl.ts";

export interface UploadOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly ingest: Ingest;
  readonly secret: Uint8Array;
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly warn?: (text: string) => void;
}

class TooLarge extends Error {}

/**
 * 200 `{"s3_key", "size", "sha256"}` when the blob is durable and is one of its run's artifacts: client 0.1.0 sends no
 * `blob_ref` for it, and a later one may die before it does; when it comes, it changes nothing. 403: a wrong, foreign or expired URL, another content type
 * than asked for (none at all is fine: a client of the existing system sends none), a deleted run. 413: over the size
 * that the URL grants. 500: the blob store refused. A body that ends early leaves nothing.
 */
export async function upload(request: Request, url: URL, options: UploadOptions): Promise<Response> {
  const grant = readUpload(url, options.secret, options.now());
  if ("refused" in grant) return answer(403, { error: grant.refused });
  const { key, contentType, maxBytes } = grant;
  const given = request.headers.get("content-type");
  if (given !== null && given !== contentType)
    return answer(403, { error: `the URL is for content of type '${contentType}', not '${given}'` });
  const tooLarge = answer(413, { error: `the blob is over the ${maxBytes} bytes that the URL allows` });
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return tooLarge;
  const slash = key.indexOf("/");
  const runId = key.slice(0, slash);
  if (await isDeleted(options.store, runId)) return deleted(runId);

  const hash = new Bun.CryptoHasher("sha256");
  let size = 0;
  async function* body(): AsyncGenerator<Uint8Array> {
    for await (const chunk of request.body ?? []) {
      size += chunk.length;
      if (size > maxBytes) throw new TooLarge();
      hash.update(chunk);
      yield chunk;
    }
    const announced = request.headers.get("content-length");
    if (announced !== null && Number(announced) !== size)
      throw new MatyanError("usage", `the body ended after ${size} of ${announced} bytes`);
  }
  try {
    await options.blobs.put(key, body(), { contentType });
  } catch (error) {
    if (error instanceof TooLarge) return tooLarge;
    const isTheirs = request.signal.aborted || (error instanceof MatyanError && error.code === "usage");
    if (!isTheirs) options.warn?.(`the upload of '${key}' failed: ${messageOf(error)}`);
    return answer(isTheirs ? 400 : 500, { error: messageOf(error) });
  }
  // A delete that ran meanwhile may have listed the run's blobs before this one was there.
  if (await isDeleted(options.store, runId)) {
    await options.blobs.delete(key);
    return deleted(runId);
  }
  const payload = mapOf({ s3_key: key, artifact_path: key.slice(slash + 1), content_type: contentType });
  const message = { type: "blob_ref", runId, timestamp: options.now(), payload };
  try {
    const [outcome] = await options.ingest.submit([message]);
    if (outcome?.ok === false) return answer(400, { error: outcome.error.message });
  } catch (error) {
    options.warn?.(`the blob '${key}' could not be made known to its run: ${messageOf(error)}`);
    return answer(503, { error: messageOf(error) });
  }
  return answer(200, { s3_key: key, size, sha256: hash.digest("hex") });
}

async function isDeleted(store: Store, runId: string): Promise<boolean> {
  return (await store.database.snapshot((tx) => readTombstone(tx, store, runId))) !== undefined;
}

function deleted(runId: string): Response {
  return answer(403, { error: `the run ${runId} was deleted` });
}

function answer(status: number, body: object): Response {
  return Response.json(body, { status });
}
