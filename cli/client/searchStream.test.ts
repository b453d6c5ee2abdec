// Streams in pieces of any size, whole ones and ones that were cut off.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeTree, type StreamNode, type StreamTree } from "../../formats/stream.ts";
import { readObjects, type SearchProgress } from "./searchStream.ts";

const leaf: fc.Arbitrary<StreamNode> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double(),
  fc.bigInt({ min: -(2n ** 31n) + 1n, max: 2n ** 31n - 1n }),
  fc.string({ unit: "binary" }),
  fc.uint8Array(),
);
const key = fc.string({ minLength: 1, unit: "binary" });
const node = fc.letrec<{ node: StreamNode }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("node"), { maxLength: 4 }),
    fc.uniqueArray(fc.tuple(key, tie("node")), { selector: ([name]) => name, maxLength: 4 }).map((all) => new Map(all)),
  ),
})).node;
const runs = fc.uniqueArray(
  fc.tuple(fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 4, maxLength: 8 }), node),
  {
    selector: ([hash]) => hash,
    maxLength: 5,
  },
);

function progress(n: number, checked: number, total: number): Uint8Array {
  return encodeTree(new Map([[`progress_${n}`, [BigInt(checked), BigInt(total)]]]));
}

/** As a search sends it: each run in a frame, with reports between and the last one of zeros. */
function streamOf(all: readonly (readonly [string, StreamNode])[]): Uint8Array {
  const frames = all.flatMap(([hash, run], i) => [encodeTree(new Map([[hash, run]])), progress(i, i + 1, all.length)]);
  return Buffer.concat([...frames, progress(all.length, 0, 0)]);
}

async function* pieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const cut of [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    yield bytes.subarray(at, cut);
    at = cut;
  }
}

async function read(bytes: Uint8Array, cuts: readonly number[], seen: SearchProgress[] = []) {
  const found: StreamTree = new Map();
  const options = { isSearch: true, onProgress: (report: SearchProgress) => seen.push(report) };
  for await (const [hash, run] of readObjects(pieces(bytes, cuts), options))
    (found as Map<string, StreamNode>).set(String(hash), run);
  return found;
}

test("the runs of a stream come out the same, however it is cut into pieces", async () => {
  await fc.assert(
    fc.asyncProperty(runs, fc.array(fc.nat(100_000), { maxLength: 30 }), async (all, cuts) => {
      const seen: SearchProgress[] = [];
      const found = await read(streamOf(all), cuts, seen);
      expect(found).toEqual(new Map(all));
      expect(seen.map(({ checked }) => checked)).toEqual(all.map((_, i) => i + 1));
    }),
    { numRuns: 200 },
  );
});

test("a stream that ends too early is never taken for a whole one, wherever it ends", async () => {
  const whole = streamOf([
    [
      "aa",
      new Map<string, StreamNode>([
        ["params", new Map()],
        ["n", 1],
      ]),
    ],
    ["bb", ["x", new Uint8Array([1, 2])]],
  ]);
  for (let length = 0; length < whole.length; length++)
    await expect(read(whole.subarray(0, length), [])).rejects.toThrow();
  expect((await read(whole, [])).size).toBe(2);
});

test("bytes that were changed on the way give an error or other values, never a hang", async () => {
  const whole = streamOf([
    [
      "aa",
      new Map<string, StreamNode>([
        ["n", 1n],
        ["t", "text"],
        ["l", [1, 2, 3]],
      ]),
    ],
  ]);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
      const bytes = Uint8Array.from(whole);
      bytes[at] = bytes[at]! ^ by;
      try {
        await read(bytes, [at]);
      } catch (error) {
        expect(["corrupt", "io"]).toContain((error as { code?: string }).code ?? "");
      }
    }),
    { numRuns: 300 },
  );
});
