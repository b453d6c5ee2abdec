// Takes the gzip off a stream of bytes, if there is any.
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

const chunkBytes = 1 << 18;

/**
 * The content of a gzip stream, or the bytes themselves when they are not gzip: its first two bytes tell. Who stops early
 * stops the source as well.
 * @throws zlib's error (its code starts with `Z_`) where the gzip is damaged or cut short; what the source throws
 */
export async function* gunzipIfPacked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < 2) {
    const next = await iterator.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  const whole = resumed(head, iterator);
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* whole;
    return;
  }
  const gunzip = createGunzip({ chunkSize: chunkBytes });
  const input = Readable.from(whole, { objectMode: true });
  input.on("error", (error) => gunzip.destroy(error));
  try {
    yield* input.pipe(gunzip) as AsyncIterable<Uint8Array>;
  } finally {
    input.destroy();
    gunzip.destroy();
  }
}

async function* resumed(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
