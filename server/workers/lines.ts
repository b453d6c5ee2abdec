// Lines of a file or a pipe, plain or gzip, as they arrive.
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

/** One line without its end. `bytes` is undefined for one over `maxLineBytes`, which was not kept. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly bytes: Uint8Array | undefined;
}

/** Several times what a frontier takes as one message. */
export const maxLineBytes = 64 * 1024 * 1024;

const newline = 0x0a;

/** The lines of a text; the last one need not be ended. Memory holds one line and one chunk. */
export async function* readLines(source: AsyncIterable<Uint8Array>, limit = maxLineBytes): AsyncGenerator<Line> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (last: Uint8Array): Line => {
    const isKept = length + last.length <= limit;
    const bytes = !isKept ? undefined : parts.length === 0 ? last : Buffer.concat([...parts, last]);
    parts = [];
    length = 0;
    return { number: number++, bytes };
  };
  for await (const chunk of unpacked(source)) {
    let at = 0;
    for (let end = chunk.indexOf(newline, at); end >= 0; end = chunk.indexOf(newline, at)) {
      yield take(chunk.subarray(at, end));
      at = end + 1;
    }
    const rest = chunk.subarray(at);
    length += rest.length;
    if (length > limit) parts = [];
    else if (rest.length > 0) parts.push(rest.slice());
  }
  if (length > 0) yield take(new Uint8Array(0));
}

/** Takes the gzip off, if there is any: its first bytes tell. */
async function* unpacked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    let head: Uint8Array = new Uint8Array(0);
    while (head.length < 2) {
      const next = await chunks.next();
      if (next.done) break;
      head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
    }
    const whole = resumed(head, chunks);
    if (head[0] !== 0x1f || head[1] !== 0x8b) yield* whole;
    else for await (const chunk of Readable.from(whole).compose(createGunzip())) yield chunk as Uint8Array;
  } finally {
    await chunks.return?.();
  }
}

async function* resumed(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}
