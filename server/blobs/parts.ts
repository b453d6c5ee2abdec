// A source on its way to an object store: whole when it is small, else in parts, a few of them at the same time.
import { eachOf } from "./concurrency.ts";
import type { BlobSource } from "./index.ts";

const mebibyte = 1024 ** 2;
/** Blobs smaller than it go in one request. */
const firstPartBytes = 8 * mebibyte;

/**
 * Bytes of part `index` (from 0): 8 MiB, and 8 MiB more after each thousand, so that the 10,000 parts which S3 takes
 * hold 440 GB while the memory of a usual upload stays small.
 */
export function partBytes(index: number): number {
  return firstPartBytes * (1 + Math.floor(index / 1_000));
}

/** An upload that was begun. Parts may arrive in any order; nothing is visible before `complete`. */
export interface PartUpload {
  part(index: number, bytes: Uint8Array): Promise<void>;
  complete(parts: number, bytes: number): Promise<void>;
  /** Leaves nothing behind. */
  abort(): Promise<void>;
}

export interface PartTarget {
  /** Parts that may be sent at the same time. One more is filled from the source meanwhile. */
  readonly partsInFlight: number;
  whole(bytes: Uint8Array): Promise<void>;
  begin(): Promise<PartUpload>;
}

/** @throws what `source` throws, and what the target throws; the upload is aborted then. */
export async function putInParts(source: BlobSource, target: PartTarget): Promise<void> {
  // Parts that were sent are filled again: garbage of many megabytes would be collected late.
  const spare: Buffers = [];
  const parts = partsOf(source, spare);
  try {
    const first = await parts.next();
    if (first.done === true) return;
    if (first.value.bytes.length < firstPartBytes) return await target.whole(first.value.bytes);
    const upload = await target.begin();
    let count = 0;
    let bytes = 0;
    try {
      await eachOf(startingWith(first.value, parts), target.partsInFlight, async (part) => {
        count++;
        bytes += part.bytes.length;
        await upload.part(part.index, part.bytes);
        if (part.buffer !== undefined) spare.push(part.buffer);
      });
      await upload.complete(count, bytes);
    } catch (error) {
      // The error that matters is the first one; what an abort leaves behind is invisible, and the store's to clear.
      await upload.abort().catch(() => undefined);
      throw error;
    }
  } finally {
    await parts.return(undefined);
  }
}

type Buffers = Uint8Array<ArrayBuffer>[];

interface Part {
  readonly index: number;
  readonly bytes: Uint8Array;
  /** What may be filled again when the part was sent; undefined when the bytes are the source's own. */
  readonly buffer?: Uint8Array<ArrayBuffer>;
}

async function* startingWith(first: Part, rest: AsyncIterable<Part>): AsyncGenerator<Part> {
  yield first;
  yield* rest;
}

/** The source in parts of `partBytes`, all full but the last; one empty part when the source is empty. */
async function* partsOf(source: BlobSource, spare: Buffers): AsyncGenerator<Part, undefined> {
  if (source instanceof Uint8Array) {
    for (let index = 0, at = 0; at === 0 || at < source.length; index++) {
      const end = at + partBytes(index);
      yield { index, bytes: source.subarray(at, end) };
      at = end;
    }
    return;
  }
  let index = 0;
  let buffer = new Uint8Array(64 * 1024);
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const whole = partBytes(index);
      const taken = Math.min(whole - filled, chunk.length - at);
      buffer = roomFor(buffer, filled, filled + taken, whole);
      buffer.set(chunk.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < whole) continue;
      yield { index, bytes: buffer.subarray(0, filled), buffer };
      index++;
      buffer = spare.pop() ?? new Uint8Array(partBytes(index));
      filled = 0;
    }
  }
  if (filled > 0 || index === 0) yield { index, bytes: buffer.subarray(0, filled) };
}

/** `buffer`, or a larger one of at most `limit` bytes with its first `used` bytes, when `needed` do not fit. */
function roomFor(
  buffer: Uint8Array<ArrayBuffer>,
  used: number,
  needed: number,
  limit: number,
): Uint8Array<ArrayBuffer> {
  if (needed <= buffer.length) return buffer;
  const larger = new Uint8Array(Math.min(limit, Math.max(needed, buffer.length * 2)));
  larger.set(buffer.subarray(0, used));
  return larger;
}
