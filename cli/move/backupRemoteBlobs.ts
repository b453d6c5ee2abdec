// Images, sounds and artifacts from a live server into an archive, none of them whole in memory.
import type { RunWriter } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import { audioFacts } from "../../formats/media.ts";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { pause, pauseMs } from "../client/backoff.ts";
import { BrokenAnswer, ServerRefusal } from "../client/http.ts";
import { readAgain } from "./backupRemotePages.ts";
import type { RemoteArtifact, RemoteRun, RemoteServer } from "./backupRemoteServer.ts";
import { readBlobs } from "./blobStream.ts";

/** URIs of one request. */
const batchUris = 50;
/** Failures after each other, without a blob between, after which no more is tried. */
const mostFailures = 4;
/** A file's beginning that says what it is. */
const headBytes = 4_096;

/** An image or sound that a value refers to by a URI of the server. */
export interface WantedBlob {
  readonly uri: string;
  /** Where the archive is to have it, below the run's blobs. Another place is taken when that one is. */
  readonly path: string;
  /** Gets its `s3_key`, and a sound its `rate` where the file says it. */
  readonly value: ValueMap;
}

export interface BlobSink {
  readonly run: RunWriter;
  warn(message: string): void;
}

/** Stores the blobs of some values. What the server has not is said, and the value keeps its place in the archive. */
export async function writeSequenceBlobs(
  server: RemoteServer,
  sink: BlobSink,
  wanted: readonly WantedBlob[],
): Promise<void> {
  const { hash } = sink.run;
  const { http, signal } = server;
  const missing = ({ path }: WantedBlob) =>
    sink.warn(`run ${hash} refers to the blob '${hash}/${path}', which the server does not give`);
  let pending = wanted;
  let failures = 0;
  while (pending.length > 0) {
    const batch = new Map(pending.slice(0, batchUris).map((blob) => [blob.uri, blob]));
    const got = new Set<string>();
    try {
      const call = { method: "POST", path: "runs/images/get-batch", isRepeatable: true, signal } as const;
      for await (const { uri, size, bytes } of readBlobs(http.bytes({ ...call, body: [...batch.keys()] }))) {
        const blob = batch.get(uri);
        if (blob === undefined) continue;
        if (size === 0) missing(blob);
        else await store(sink, blob, bytes);
        got.add(uri);
      }
      failures = 0;
      const [first] = batch.values();
      // Neither it nor any behind it came: what the existing server fails at ends its answer (rest-api.md 3.2).
      if (got.size === 0 && first !== undefined) {
        missing(first);
        got.add(first.uri);
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (got.size > 0) failures = 0;
      if (!(error instanceof BrokenAnswer) || ++failures >= mostFailures) throw error;
      await pause(http.timing, pauseMs(http.backoff, failures, http.timing.random), signal);
    }
    pending = pending.filter(({ uri }) => !got.has(uri));
  }
}

async function store({ run, warn }: BlobSink, blob: WantedBlob, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const head: Uint8Array[] = [];
  for (let copy = 1; ; copy++) {
    const path = copy === 1 ? blob.path : blob.path.replace(/(\.[^./]*)?$/, ` (${copy})$1`);
    try {
      await run.blob(path, beginningKept(bytes, head));
      blob.value.set("s3_key", `${run.hash}/${path}`);
      break;
    } catch (error) {
      if (!(error instanceof MatyanError)) throw error;
      if (error.code === "conflict") continue;
      if (error.code !== "unsupported") throw error;
      warn(`the blob '${run.hash}/${path}' is not in the backup: ${error.message}`);
      return;
    }
  }
  if (blob.value.get("type") !== "audio") return;
  const { rate } = audioFacts(Buffer.concat(head));
  if (rate !== undefined) blob.value.set("rate", BigInt(rate));
}

async function* beginningKept(bytes: AsyncIterable<Uint8Array>, head: Uint8Array[]): AsyncGenerator<Uint8Array> {
  let kept = 0;
  for await (const piece of bytes) {
    if (kept < headBytes) head.push(piece.slice(0, headBytes - kept));
    kept += piece.length;
    yield piece;
  }
}

/**
 * Downloads the run's artifacts, one after the other, unless `isWithFiles` is false.
 * @returns the attribute `__blobs__` of the run, which the API does not show as it is (storage.md 2.2)
 */
export async function writeArtifacts(
  server: RemoteServer,
  { run, warn }: BlobSink,
  { hash, artifacts }: RemoteRun,
  isWithFiles: boolean,
): Promise<ValueMap> {
  const entries: ValueMap = new Map();
  for (const artifact of artifacts) {
    const key = keyOf(hash, artifact);
    let contentType = artifact.contentType;
    const missing = (reason: string) => warn(`run ${hash} refers to the blob '${key}', ${reason}`);
    if (isWithFiles && artifact.size === null) missing("which the server does not have");
    else if (isWithFiles) {
      try {
        const said = await download(server, run, artifact, key.slice(hash.length + 1));
        contentType ??= said;
      } catch (error) {
        if (error instanceof ServerRefusal) missing(`which the server does not give: ${error.message}`);
        else if (error instanceof MatyanError && (error.code === "unsupported" || error.code === "conflict"))
          warn(`the blob '${key}' is not in the backup: ${error.message}`);
        else throw error;
      }
    }
    const fields: Record<string, Value> = { s3_key: key, content_type: contentType ?? "application/octet-stream" };
    entries.set(artifact.path, mapOf(fields));
  }
  return entries;
}

/** @returns the content type that the server says. */
function download(
  server: RemoteServer,
  run: RunWriter,
  { path, size }: RemoteArtifact,
  place: string,
): Promise<string | undefined> {
  const { http, signal } = server;
  const call = { path: `runs/${encodeURIComponent(run.hash)}/artifacts/download`, query: { path }, signal };
  return readAgain(http, signal, async () => {
    const { headers, pieces } = await http.open(call);
    const told = size ?? numberIn(headers.get("content-length"));
    await run.blob(place, whole(pieces, told, path));
    // The existing server adds the charset to any text.
    return headers.get("content-type")?.replace(/^(text\/[^;]*); charset=utf-8$/, "$1");
  });
}

/** @throws BrokenAnswer when there are other than `size` bytes. */
async function* whole(
  pieces: AsyncIterable<Uint8Array>,
  size: number | undefined,
  path: string,
): AsyncGenerator<Uint8Array> {
  let count = 0;
  for await (const piece of pieces) {
    count += piece.length;
    yield piece;
  }
  if (size !== undefined && size !== count)
    throw new BrokenAnswer("io", `the artifact '${path}' has ${size} bytes, but ${count} came`);
}

function numberIn(text: string | null): number | undefined {
  return text === null || !/^\d+$/.test(text) ? undefined : Number(text);
}

/** `s3://bucket/<key>` and the like. A key that is not the run's own becomes one: archives hold none but those. */
function keyOf(hash: string, { path, uri }: RemoteArtifact): string {
  const at = uri.indexOf(`/${hash}/`);
  const [, scheme] = /^(\w+):\/\//.exec(uri) ?? [];
  // A file's URI is percent-encoded, and names a folder on the way.
  if (at < 0 || scheme === "file" || uri.slice(0, at).split("/").length > 3) return `${hash}/${path}`;
  return uri.slice(at + 1);
}
