// How every object store's blobs are read: the first megabyte at once, the rest as a stream that outlives broken connections.
import { MatyanError } from "../../formats/error.ts";
import type { BlobRange } from "./index.ts";

/** What a request for a part of an object got. */
export interface OpenedObject {
  /** Bytes of the whole object. */
  readonly size: number;
  /** Changes when another object is put in its place (ETag, generation). */
  readonly version: string;
  /** The bytes asked for, perhaps more of them. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the connection when the body was not read to its end. */
  stop(): void;
}

export interface ObjectSource {
  /**
   * Bytes `start` up to `end` (undefined: to the object's end) of the object, where `version` is given only of that one.
   * `missing`: there is no object; `changed`: not that version; `beyond`: it has no byte at `start`.
   */
  open(
    key: string,
    start: number,
    end: number | undefined,
    version: string | undefined,
  ): Promise<OpenedObject | "missing" | "changed" | "beyond">;
  /** The error of a body that broke off. */
  failed(key: string, error: unknown): MatyanError;
}

/** Small objects come with the first request; a reader that is never iterated holds this and no connection. */
export const windowBytes = 1024 ** 2;
const attempts = 6;
/** A connection that gives nothing for so long is given up. */
const silenceMs = 60_000;

/** @throws what `source` throws; `io` when the connection breaks again and again. */
export async function readObject(
  source: ObjectSource,
  key: string,
  { start, end = Number.POSITIVE_INFINITY }: BlobRange,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  // An empty range still has to say whether there is an object.
  const until = Math.min(Math.max(end, start + 1), start + windowBytes);
  const window = await readWindow(source, key, start, until);
  if (window === "missing") return undefined;
  if (window === "beyond" || end === start) return once([]);
  const last = Math.min(end, window.size);
  return start + window.length >= last
    ? once(window.chunks)
    : readOn(source, key, { start, end: last === window.size ? undefined : last }, window);
}

interface Window {
  readonly size: number;
  readonly version: string;
  readonly chunks: readonly Uint8Array[];
  /** Bytes in the chunks. */
  readonly length: number;
}

/** Bytes `start` to `until` of one version of the object. */
async function readWindow(
  source: ObjectSource,
  key: string,
  start: number,
  until: number,
): Promise<Window | "missing" | "beyond"> {
  for (let attempt = 1; ; attempt++) {
    const opened = await source.open(key, start, until, undefined);
    if (opened === "changed") continue;
    if (typeof opened === "string") return opened;
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const chunk of bytesOf(opened, Math.min(until, opened.size) - start)) {
        chunks.push(chunk);
        length += chunk.length;
      }
      return { size: opened.size, version: opened.version, chunks, length };
    } catch (error) {
      if (attempt === attempts) throw source.failed(key, error);
      await pause(attempt);
    }
  }
}

/** The window, then what follows it in the same version; when that is gone before anything was read, another version's. */
async function* readOn(
  source: ObjectSource,
  key: string,
  range: BlobRange,
  window: Window,
): AsyncGenerator<Uint8Array> {
  let at = range.start + window.length;
  let end = range.end ?? window.size;
  let version = window.version;
  let opened = await source.open(key, at, range.end, version);
  if (typeof opened === "string") {
    at = range.start;
    opened = await source.open(key, at, range.end, undefined);
    if (opened === "beyond") return;
    if (typeof opened === "string") throw new MatyanError("not_found", `the blob '${key}' is gone`);
    end = Math.min(range.end ?? opened.size, opened.size);
    version = opened.version;
  } else {
    let isWanted = false;
    try {
      yield* window.chunks;
      isWanted = true;
    } finally {
      // A reader that leaves here takes no connection along.
      if (!isWanted) opened.stop();
    }
  }
  for (let broken = 0; ; ) {
    try {
      for await (const chunk of bytesOf(opened, end - at)) {
        broken = 0;
        at += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      if (++broken === attempts) throw source.failed(key, error);
      await pause(broken);
    }
    const again = await source.open(key, at, range.end, version);
    if (typeof again === "string")
      throw new MatyanError("conflict", `the blob '${key}' was replaced or deleted while it was read`, {
        hint: "Read it again.",
      });
    opened = again;
  }
}

/** Exactly `length` bytes of the body. @throws when it breaks off, ends early or is silent for too long. */
async function* bytesOf(opened: OpenedObject, length: number): AsyncGenerator<Uint8Array> {
  let left = length;
  const chunks = opened.body[Symbol.asyncIterator]();
  let complete = left <= 0;
  try {
    while (left > 0) {
      const next = await withinSilence(chunks.next());
      if (next.done === true) throw new Error(`the connection ended ${left} bytes early`);
      const chunk = next.value.length > left ? next.value.subarray(0, left) : next.value;
      left -= chunk.length;
      complete = left === 0 && chunk.length === next.value.length;
      if (chunk.length > 0) yield chunk;
    }
    // The end of the body frees its connection for the next request.
    if (complete && (await withinSilence(chunks.next())).done !== true) complete = false;
  } finally {
    if (!complete) opened.stop();
  }
}

function withinSilence<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no bytes came for ${silenceMs / 1_000} seconds`)), silenceMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

async function* once(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** 0.1 s, doubling, with some chance so that many readers don't return at the same moment. */
function pause(attempt: number): Promise<void> {
  return Bun.sleep(100 * 2 ** (attempt - 1) * (0.5 + Math.random() / 2));
}
