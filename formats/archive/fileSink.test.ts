// A file gets every byte once and in order, whatever the sizes of the pieces, and its sum is that of its content.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Durability, FileSink } from "./fileSink.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "matyan-sink-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const pieces = fc.array(
  fc.record({
    size: fc.oneof(
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 300_000, max: 400_000 }),
      fc.constantFrom(1 << 20, (1 << 20) + 1),
    ),
    way: fc.constantFrom("write", "writeText", "writeThrough"),
    letter: fc.constantFrom("a", "é", "日", "😀"),
  }),
  { maxLength: 14 },
);

test("pieces of any size and kind make one file", async () => {
  let n = 0;
  await fc.assert(
    fc.asyncProperty(pieces, async (all) => {
      const path = join(folder, String(n++));
      const sink = new FileSink(path);
      const expected: Buffer[] = [];
      for (const { size, way, letter } of all) {
        const text = letter.repeat(size / letter.length);
        expected.push(Buffer.from(text));
        if (way === "writeText") sink.writeText(text);
        else sink[way === "write" ? "write" : "writeThrough"](Buffer.from(text));
      }
      const sum = await sink.close(new Durability(false));
      const content = readFileSync(path);
      rmSync(path);
      expect(content.equals(Buffer.concat(expected))).toBe(true);
      expect(sum).toEqual({
        size: content.length,
        sha256: new Bun.CryptoHasher("sha256").update(content).digest("hex"),
      });
    }),
    { numRuns: 60 },
  );
});

test("megabytes of short texts are written once", async () => {
  const path = join(folder, "lines");
  const sink = new FileSink(path);
  let expected = "";
  for (let n = 0; n < 100_000; n++) {
    const line = `line ${n} ${"x".repeat(n % 60)}\n`;
    sink.writeText(line);
    expected += line;
  }
  await sink.close(new Durability(false));
  expect(readFileSync(path, "utf8") === expected).toBe(true);
});

test("a closed or abandoned file takes no more, and an existing one is not opened", async () => {
  const path = join(folder, "file");
  const sink = new FileSink(path);
  sink.abandon();
  sink.abandon();
  expect(() => sink.writeThrough(Buffer.from("x"))).toThrow("closed already");
  expect(existsSync(path)).toBe(true);
  expect(() => new FileSink(path)).toThrow("exists already");
});
