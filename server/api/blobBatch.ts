// POST /runs/{images,audios}/get-batch: the bytes behind blob URIs (rest-api.md 2.9, 3.2).
import { messageOf } from "../../formats/error.ts";
import { encodeTree } from "../../formats/stream.ts";
import { isMap } from "../../formats/value.ts";
import type { Store } from "../store/index.ts";
import { readPoint } from "../store/sequences.ts";
import type { BlobPlace, BlobUris } from "./blobUri.ts";
import type { ApiRequest } from "./request.ts";
import { streamResponse } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { list, readBody, text } from "./schema.ts";

const urisBody = list(text);
/** Blobs that are fetched ahead of the one being sent. */
const ahead = 8;
/** Blobs up to this size are read whole, so that one that cannot be read is empty and nothing worse; larger ones are passed through. */
const wholeBytes = 4_000_000;
const nothing = new Uint8Array(0);

export function blobBatchRoutes(context: ApiContext, uris: BlobUris): readonly Route[] {
  return ["images", "audios"].map((kind) => ({
    method: "POST",
    path: `/runs/${kind}/get-batch`,
    summary: `Bytes of ${kind} by blob URI`,
    body: urisBody.schema,
    answer: { description: "A tree stream of bytes by URI.", type: "application/octet-stream" },
    handle: async (request) => {
      const asked = await readBody(request, urisBody);
      return streamResponse(sendBlobs(context, uris, asked, request), request);
    },
  }));
}

/** In the order asked, each URI once (the UI fails on a path that comes twice); what is no URI of ours is left out. */
async function* sendBlobs(
  context: ApiContext,
  uris: BlobUris,
  asked: readonly string[],
  request: ApiRequest,
): AsyncGenerator<Uint8Array> {
  const wanted = [...new Set(asked)].flatMap((uri) => {
    const place = uris.parse(uri);
    return place === undefined ? [] : [{ uri, place }];
  });
  const opened: Promise<OpenBlob>[] = [];
  for (let at = 0; at < wanted.length; at++) {
    for (let next = opened.length; next < Math.min(wanted.length, at + ahead); next++)
      opened.push(openBlob(context, wanted[next]!.place, request));
    const { uri } = wanted[at]!;
    const blob = await opened[at]!;
    // Let go of at once: it may be large.
    opened[at] = Promise.resolve(noBlob);
    if ("bytes" in blob) yield encodeTree(new Map([[uri, blob.bytes]]));
    else yield* passThrough(uri, blob);
  }
}

type OpenBlob = { readonly bytes: Uint8Array } | LargeBlob;

interface LargeBlob {
  readonly size: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

const noBlob: OpenBlob = { bytes: nothing };

/** Missing points, items and objects are empty; so are objects that cannot be read, which the log tells. */
async function openBlob(context: ApiContext, place: BlobPlace, request: ApiRequest): Promise<OpenBlob> {
  try {
    const key = await keyOf(context.store, place);
    if (key === undefined) return noBlob;
    const info = await context.blobs.head(key);
    const chunks = info === undefined ? undefined : await context.blobs.get(key);
    if (info === undefined || chunks === undefined) return noBlob;
    if (info.size > wholeBytes) return { size: info.size, chunks };
    return { bytes: await gather(chunks) };
  } catch (error) {
    const { hash, name, step } = place;
    request.warn("blob not readable", { run: hash, name, step: String(step), error: messageOf(error) });
    return noBlob;
  }
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all.length === 1 ? all[0]! : Buffer.concat(all);
}

/** The stored `s3_key`, where it lies in the run's own part of the bucket: clients write it, and could name any object (S4). */
async function keyOf(store: Store, { hash, contextId, name, step, index }: BlobPlace): Promise<string | undefined> {
  const point = await store.database.snapshot((tx) => readPoint(tx, store, { hash, contextId, name }, step));
  const value = point?.value;
  const item = Array.isArray(value) ? value[index] : value;
  const key = isMap(item) ? (item.get("s3_key") ?? item.get("blob_key")) : undefined;
  if (typeof key !== "string" || key === "") return undefined;
  return isOwnKey(key, hash) ? key : undefined;
}

/** `<run>/…`, as clients make keys, or `artifacts/<run>/…`, as the first ones did. */
export function isOwnKey(key: string, hash: string): boolean {
  return key.startsWith(`${hash}/`) || key.startsWith(`artifacts/${hash}/`);
}

/** One record whose value is as long as was said, or a failure that cuts the connection. */
async function* passThrough(uri: string, { size, chunks }: LargeBlob): AsyncGenerator<Uint8Array> {
  const head = encodeTree(new Map([[uri, nothing]]));
  // The empty value is its length (1) and its type, the last 5 bytes.
  new DataView(head.buffer, head.byteOffset, head.byteLength).setUint32(head.length - 5, size + 1, true);
  yield head;
  let sent = 0;
  for await (const chunk of chunks) {
    sent += chunk.length;
    if (sent > size) break;
    yield chunk;
  }
  if (sent !== size) throw new Error(`a blob of ${size} bytes changed while it was sent`);
}
