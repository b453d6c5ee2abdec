// Sampling: the spec's examples, and a cost that follows the result.
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ReadTransaction } from "../kv/index.ts";
import { pickEvenly, roundHalfEven, sampleSteps, targets } from "./sampling.ts";
import { bounds, countPoints, lastStep, nextStep, SequenceWriter, sampleSequence, writePoint } from "./sequences.ts";
import { failureOf, memoryStore } from "./testing.ts";

const ref = { hash: "r", contextId: 0, name: "loss" };

async function sequence(steps: readonly bigint[]) {
  const store = await memoryStore();
  const writer = new SequenceWriter(store, ref);
  for (let at = 0; at < steps.length; at += 5_000)
    await store.database.transact((tx) => {
      const some = steps.slice(at, at + 5_000);
      return writer.writeFloats(tx, {
        steps: some,
        values: some.map(Number),
        times: some.map((step) => Number(step) + 0.5),
      });
    });
  const read = <T>(body: (tx: ReadTransaction) => Promise<T>) => store.database.snapshot(body);
  const sample = async (count: number, range = {}) =>
    (await read((tx) => sampleSequence(tx, store, ref, count, range))).map(({ step }) => Number(step));
  return { store, sample, read };
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => BigInt(i));

/** Counts what a sample asks of the engine: pairs read and round trips. */
function counted(tx: ReadTransaction) {
  const cost = { pairs: 0, waits: 0 };
  const counting: ReadTransaction = {
    get: (key) => tx.get(key),
    getMany: (keys) => {
      cost.waits++;
      cost.pairs += keys.length;
      return tx.getMany(keys);
    },
    firstOfEach: (ranges, reverse) => {
      cost.waits++;
      cost.pairs += ranges.length;
      return tx.firstOfEach(ranges, reverse);
    },
    range: async function* (range, options) {
      cost.waits++;
      for await (const batch of tx.range(range, options)) {
        cost.pairs += batch.length;
        yield batch;
      }
    },
  };
  return { tx: counting, cost };
}

test("the spec's examples: steps 0 to 9 by 1, 2, 3, 5, 9 and 10 points", async () => {
  const { sample } = await sequence(upTo(10));
  expect(await sample(3)).toEqual([0, 4, 9]);
  expect(await sample(5)).toEqual([0, 2, 4, 7, 9]);
  expect(await sample(9)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9]);
  expect(await sample(2)).toEqual([0, 9]);
  expect(await sample(1)).toEqual([0]);
  for (const count of [10, 11, 50, 0, -1]) expect(await sample(count)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("rounding is half to even", () => {
  expect([1n, 3n, 5n, 7n].map((a) => roundHalfEven(a, 2n))).toEqual([0n, 2n, 2n, 4n]);
  expect(targets(0n, 9n, 3)).toEqual([0n, 4n, 9n]);
  expect(pickEvenly([1, 2, 3, 4], 2)).toEqual([1, 4]);
  expect(pickEvenly([1, 2, 3, 4], 1)).toEqual([1]);
});

test("a short sequence with gaps takes the first points behind even steps, or even positions when those meet", async () => {
  const { sample } = await sequence([0n, 1n, 2n, 3n, 50n, 100n]);
  expect(await sample(3)).toEqual([0, 50, 100]);
  expect(await sample(4)).toEqual([0, 2, 3, 100]);
  expect(await sample(6)).toEqual([0, 1, 2, 3, 50, 100]);
});

test("a range bounds the sample; an empty or inverted one gives nothing", async () => {
  const { sample } = await sequence(upTo(1_000));
  expect(await sample(3, { from: 10n, to: 19n })).toEqual([10, 14, 19]);
  expect(await sample(3, { from: 990n })).toEqual([990, 994, 999]);
  expect(await sample(3, { from: 19n, to: 10n })).toEqual([]);
  expect(await sample(3, { from: 5_000n })).toEqual([]);
  const { store } = await sequence([]);
  expect(await failureOf(store.database.snapshot((tx) => sampleSequence(tx, store, ref, 1.5)))).toMatchObject({
    code: "usage",
  });
});

test("500 points of 100,000 cost some 1,000 reads in a few waits, with their times", async () => {
  const { store, read } = await sequence(upTo(100_000));
  await read(async (snapshot) => {
    const { tx, cost } = counted(snapshot);
    const points = await sampleSequence(tx, store, ref, 500);
    expect(points.length).toBe(500);
    expect(points.map(({ step }) => step)).toEqual(targets(0n, 99_999n, 500));
    expect(points.every(({ step, value, time }) => value === Number(step) && time === Number(step) + 0.5)).toBe(true);
    expect(cost.pairs).toBeLessThan(1_100);
    expect(cost.waits).toBeLessThan(8);
  });
});

test("a long sequence whose steps have wide gaps gives all points asked for at the same order of cost", async () => {
  const shapes = {
    "one far point": [...upTo(20_000), 10n ** 15n],
    "two clusters": [...upTo(10_000), ...upTo(10_000).map((step) => step + 10n ** 12n)],
    "ever wider": [...upTo(6_000), ...Array.from({ length: 40 }, (_, i) => 10_000n << BigInt(i))],
    "many clusters": Array.from({ length: 50 }, (_, i) => upTo(100).map((step) => step + BigInt(i) * 10n ** 9n)).flat(),
    "negative steps": upTo(20_000)
      .map((step) => step - 2n ** 62n)
      .concat([2n ** 62n]),
  };
  for (const [shape, steps] of Object.entries(shapes)) {
    const { store, read } = await sequence(steps);
    await read(async (snapshot) => {
      const { tx, cost } = counted(snapshot);
      const found = (await sampleSequence(tx, store, ref, 500, { columns: [] })).map(({ step }) => step);
      expect([shape, found.length, new Set(found).size]).toEqual([shape, 500, 500]);
      expect(found).toEqual([...found].sort((a, b) => (a < b ? -1 : 1)));
      expect([found[0], found.at(-1)]).toEqual([steps[0]!, steps.at(-1)!]);
      // 2,001 to see that it is not short, 500 targets, and at most a few seeks for each point found.
      expect([shape, cost.pairs < 2_001 + 500 + 2_500]).toEqual([shape, true]);
      expect(cost.waits).toBeLessThan(80);
    });
  }
});

test("any sequence gives min(count, length) distinct points in order, the first and last among them", async () => {
  const step = fc.oneof(fc.bigInt({ min: 0n, max: 60n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }));
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(step, { maxLength: 80 }),
      fc.integer({ min: 2, max: 12 }),
      async (unsorted, count) => {
        const steps = [...unsorted].sort((a, b) => (a < b ? -1 : 1));
        const { store, read } = await sequence(steps);
        const found = (await read((tx) => sampleSequence(tx, store, ref, count))).map(({ step: at }) => at);
        expect(found.length).toBe(Math.min(count, steps.length));
        expect(found).toEqual(steps.filter((at) => found.includes(at)));
        if (steps.length > 1) expect([found[0], found.at(-1)]).toEqual([steps[0], steps.at(-1)]);
        expect(await read((tx) => countPoints(tx, store, ref))).toBe(steps.length);
        const ends = steps.length === 0 ? undefined : { first: steps[0]!, last: steps.at(-1)! };
        expect(await read((tx) => bounds(tx, store, ref))).toEqual(ends);
        expect(await read((tx) => lastStep(tx, store, ref))).toBe(ends?.last);
      },
    ),
    { numRuns: 60 },
  );
});

test("a point without a step follows the last one", async () => {
  const store = await memoryStore();
  for (let i = 0; i < 3; i++)
    await store.database.transact(async (tx) =>
      writePoint(tx, store, ref, { step: await nextStep(tx, store, ref), value: "line" }),
    );
  expect(await store.database.snapshot((tx) => bounds(tx, store, ref))).toEqual({ first: 0n, last: 2n });
});

test("the steps of a sample are those of its points, however many are asked for and wherever the gaps are", async () => {
  const gaps = fc.array(fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 5_000 })), {
    maxLength: 400,
  });
  await fc.assert(
    fc.asyncProperty(
      gaps,
      fc.integer({ min: 1, max: 500 }),
      fc.option(fc.integer({ min: -10, max: 9_000 })),
      async (widths, count, from) => {
        let step = -50n;
        const { store, sample, read } = await sequence(widths.map((width) => (step += BigInt(width))));
        const range = from === null ? {} : { from: BigInt(from) };
        const steps = await read((tx) => sampleSteps(tx, store, ref, count, range));
        expect(steps.map(Number)).toEqual(await sample(count, range));
      },
    ),
    { numRuns: 60 },
  );
});
