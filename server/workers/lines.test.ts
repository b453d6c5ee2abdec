// Lines of any source, in any pieces.
import { expect, test } from "bun:test";
import { gzipSync } from "bun";
import fc from "fast-check";
import { readLines } from "./lines.ts";

async function* pieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % Math.max(1, sizes.length)] ?? bytes.length;
    // A source may use its buffer again.
    yield bytes.slice(at, at + size);
    at += size;
  }
}

const textOf = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes));

test("lines are those of the text, plain or gzip, however it is cut", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: "grapheme" })), sizes, fc.boolean(), async (texts, cuts, packed) => {
      const clean = texts.map((text) => text.replaceAll("\n", ""));
      const bytes = new TextEncoder().encode(clean.join("\n"));
      const source = packed ? new Uint8Array(gzipSync(bytes)) : bytes;
      const lines = await Array.fromAsync(readLines(pieces(source, cuts)));
      // A text that ends with a line end has no further, empty line.
      const expected = clean.at(-1) === "" ? clean.slice(0, -1) : clean;
      expect(lines.map((line) => textOf(line.bytes))).toEqual(expected);
      expect(lines.map(({ number }) => number)).toEqual(expected.map((_, i) => i + 1));
    }),
  );
});

test("a line that is too long is told as such, and the next ones are read", async () => {
  const bytes = new TextEncoder().encode(`short\n${"x".repeat(500)}\nnext\n${"y".repeat(500)}`);
  for (const size of [1, 7, 2_000]) {
    const lines = await Array.fromAsync(readLines(pieces(bytes, [size]), 100));
    expect(lines.map((line) => textOf(line.bytes))).toEqual(["short", undefined, "next", undefined]);
  }
});

test("a gzip that is cut short or damaged anywhere fails, and no error is left over", async () => {
  const packed = new Uint8Array(gzipSync(crypto.getRandomValues(new Uint8Array(5_000))));
  const strays: unknown[] = [];
  const onStray = (error: unknown) => strays.push(error);
  process.on("unhandledRejection", onStray).on("uncaughtException", onStray);
  const damaged = packed.slice();
  damaged[packed.length - 6]! ^= 0xff;
  for (const bytes of [packed.slice(0, 11), packed.slice(0, packed.length >> 1), packed.slice(0, -1), damaged])
    for (const size of [10, 1_000, 100_000])
      await expect(Array.fromAsync(readLines(pieces(bytes, [size])))).rejects.toMatchObject({ code: "corrupt" });
  await Bun.sleep(0);
  process.off("unhandledRejection", onStray).off("uncaughtException", onStray);
  expect(strays).toEqual([]);
});

test("who stops early stops the source", async () => {
  for (const bytes of [
    new TextEncoder().encode("line\n".repeat(1_000)),
    new Uint8Array(gzipSync("line\n".repeat(1_000))),
  ]) {
    const ended = Promise.withResolvers<void>();
    async function* source() {
      try {
        for (;;) yield bytes.slice();
      } finally {
        ended.resolve();
      }
    }
    for await (const line of readLines(source())) if (line.number === 10) break;
    await ended.promise;
  }
});
