// Sampled columns against the words of storage.md 6.2, done the slow way.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { firstFloats, floatsAt, readFloats, sampleFloats } from "./floatColumns.ts";
import type { Store } from "./index.ts";
import { type Point, SequenceWriter, sampleSequence } from "./sequences.ts";
import { memoryStore } from "./testing.ts";

const ref = { hash: "run", contextId: 0, name: "loss" };

async function storeOf(points: readonly Point[]): Promise<Store> {
  const store = await memoryStore();
  await store.database.transact((tx) => new SequenceWriter(store, ref).write(tx, points));
  return store;
}

const sample = (store: Store, count: number) => store.database.snapshot((tx) => sampleFloats(tx, store, ref, count));

/** 6.2 B: first, the first point of each of `count - 2` equal buckets of steps, last. */
function bucketsOf(steps: readonly number[], count: number): number[] {
  const [first, last] = [steps[0]!, steps[steps.length - 1]!];
  if (first === last) return [first];
  const span = Math.max(1, last - first - 1);
  const chosen = new Map<number, number>();
  for (const step of steps.slice(1, -1)) {
    const bucket = Math.min(count - 3, Math.floor(((step - first - 1) * (count - 2)) / span));
    if (!chosen.has(bucket)) chosen.set(bucket, step);
  }
  return [first, ...chosen.values(), last];
}

const stepSets = fc.oneof(
  fc.uniqueArray(fc.integer({ min: 0, max: 600 }), { minLength: 1, maxLength: 400 }),
  fc.uniqueArray(fc.integer({ min: -1_000_000, max: 1_000_000_000_000 }), { minLength: 1, maxLength: 300 }),
);

test("128 points and more are the first of each bucket of steps, dense or sparse, with their own values, times and epochs", async () => {
  await fc.assert(
    fc.asyncProperty(stepSets, fc.integer({ min: 128, max: 300 }), async (unsorted, count) => {
      const steps = unsorted.sort((a, b) => a - b);
      const hasTime = (step: number) => step % 3 !== 0;
      const store = await storeOf(
        steps.map((step) => ({
          step: BigInt(step),
          value: step / 7,
          ...(hasTime(step) ? { time: step + 0.5 } : {}),
          ...(step % 2 === 0 ? { epoch: BigInt(step >> 1) } : {}),
        })),
      );
      const columns = await sample(store, count);
      const expected = bucketsOf(steps, count);
      expect([...columns.steps]).toEqual(expected);
      expect([...columns.values]).toEqual(expected.map((step) => step / 7));
      expect([...columns.times]).toEqual(expected.map((step) => (hasTime(step) ? step + 0.5 : Number.NaN)));
      expect([...columns.epochs]).toEqual(expected.map((step) => (step % 2 === 0 ? step >> 1 : Number.NaN)));
    }),
    { numRuns: 60 },
  );
});

test("fewer points are those that sampling a sequence of anything gives", async () => {
  await fc.assert(
    fc.asyncProperty(stepSets, fc.integer({ min: -3, max: 127 }), async (unsorted, count) => {
      const store = await storeOf(unsorted.map((step) => ({ step: BigInt(step), value: step })));
      const points = await store.database.snapshot((tx) => sampleSequence(tx, store, ref, Math.max(1, count)));
      expect([...(await sample(store, count)).steps]).toEqual(points.map(({ step }) => Number(step)));
    }),
    { numRuns: 60 },
  );
});

test("the documented samples come out", async () => {
  const ten = await storeOf(Array.from({ length: 10 }, (_, step) => ({ step: BigInt(step), value: 0 })));
  expect([...(await sample(ten, 3)).steps]).toEqual([0, 4, 9]);
  expect([...(await sample(ten, 4)).steps]).toEqual([0, 3, 6, 9]);
  expect([...(await sample(ten, 7)).steps]).toEqual([0, 2, 3, 4, 6, 8, 9]);
  const gaps = await storeOf([0, 10, 50, 100, 200, 500, 999].map((step) => ({ step: BigInt(step), value: 0 })));
  expect([...(await sample(gaps, 3)).steps]).toEqual([0, 500, 999]);
  expect([...(await sample(gaps, 4)).steps]).toEqual([0, 50, 200, 999]);
  const thousand = await storeOf(Array.from({ length: 1000 }, (_, step) => ({ step: BigInt(step), value: 0 })));
  const { steps } = await sample(thousand, 250);
  expect([...steps.slice(0, 8)]).toEqual([0, 1, 6, 10, 14, 18, 22, 26]);
  expect([...steps.slice(-4)]).toEqual([987, 991, 995, 999]);
});

test("values that are no numbers are NaN, integers and truth values count, whatever stands beside them", async () => {
  const values = [
    0.5,
    3n,
    true,
    null,
    "nan",
    new Map([["a", 1n]]),
    2n ** 60n,
    Number.POSITIVE_INFINITY,
    "x".repeat(200_000),
  ];
  const store = await memoryStore();
  const writer = new SequenceWriter(store, ref);
  await store.database.transact((tx) =>
    writer.write(
      tx,
      values.map((value, step) => ({ step: BigInt(step), value })),
    ),
  );
  const expected = [0.5, 3, 1, Number.NaN, Number.NaN, Number.NaN, 2 ** 60, Number.POSITIVE_INFINITY, Number.NaN];
  expect([...(await sample(store, 50)).values]).toEqual(expected);
  expect([...(await sample(store, 500)).values]).toEqual(expected);
  await store.database.snapshot(async (tx) => {
    expect([...(await readFloats(tx, store, ref, { to: 2n }, 10)).values]).toEqual([0.5, 3, 1]);
    const { values: some, found } = await floatsAt(tx, store, ref, [7, 1, 99]);
    expect([...some]).toEqual([Number.POSITIVE_INFINITY, 3, Number.NaN]);
    expect(found).toEqual([true, true, false]);
    expect(await firstFloats(tx, store, [ref, { ...ref, name: "none" }])).toEqual([0.5, undefined]);
  });
});
