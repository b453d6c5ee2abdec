// Sequences: points of any value and step, columns merged, and the fast path writes the same bytes as the plain one.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeValue } from "../../formats/msgpack.ts";
import type { Value } from "../../formats/value.ts";
import {
  columnPrefix,
  type Point,
  readPoint,
  readSequence,
  SequenceWriter,
  stepKey,
  stepOf,
  writePoint,
} from "./sequences.ts";
import { collect, contentsOf, failureOf, memoryStore } from "./testing.ts";

const ref = { hash: "r", contextId: 2326457826, name: "loss" };
const step = fc.oneof(
  fc.bigInt({ min: 0n, max: 70_000n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }),
  fc.constantFrom(0n, 255n, 256n, 2n ** 32n, 2n ** 32n - 1n, -1n),
);
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.double(),
  fc.constantFrom<Value>(null, 1n, "line", true, new Map([["data", [1n, 0.5]]])),
);
const point: fc.Arbitrary<Point> = fc
  .record({
    step,
    value,
    epoch: fc.option(fc.bigInt({ min: -5n, max: 2n ** 40n }), { nil: undefined }),
    time: fc.option(fc.double({ noNaN: true }), { nil: undefined }),
  })
  .map(({ epoch, time, ...rest }) => ({
    ...rest,
    ...(epoch === undefined ? {} : { epoch }),
    ...(time === undefined ? {} : { time }),
  }));

test("points read back in step order with their columns, forwards, backwards, by range, limit and column", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(point, { selector: (p) => p.step, maxLength: 40 }),
      step,
      step,
      async (points, from, to) => {
        const store = await memoryStore();
        await store.database.transact((tx) => new SequenceWriter(store, ref).write(tx, points));
        const sorted = [...points].sort((a, b) => (a.step < b.step ? -1 : 1));
        await store.database.snapshot(async (tx) => {
          const read = (options = {}) => collect(readSequence(tx, store, ref, options));
          expect(await read()).toEqual(sorted);
          expect(await read({ reverse: true })).toEqual([...sorted].reverse());
          expect(await read({ from, to })).toEqual(sorted.filter((p) => p.step >= from && p.step <= to));
          expect(await read({ limit: 3 })).toEqual(sorted.slice(0, 3));
          expect(await read({ limit: 3, reverse: true })).toEqual([...sorted].reverse().slice(0, 3));
          expect(await read({ columns: [] })).toEqual(sorted.map((p) => ({ step: p.step, value: p.value })));
          for (const p of sorted.slice(0, 3)) expect(await readPoint(tx, store, ref, p.step)).toEqual(p);
        });
      },
    ),
    { numRuns: 80 },
  );
});

test("the fast path for floats writes the bytes of the plain one", async () => {
  const columns = fc.uniqueArray(step, { minLength: 1, maxLength: 30 }).chain((steps) =>
    fc.record({
      steps: fc.constant(steps),
      values: fc.array(fc.double(), { minLength: steps.length, maxLength: steps.length }),
      times: fc.array(fc.double(), { minLength: steps.length, maxLength: steps.length }),
      epochs: fc.array(fc.bigInt({ min: 0n, max: 300n }), { minLength: steps.length, maxLength: steps.length }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(columns, async (floats) => {
      const [fast, plain] = [await memoryStore(), await memoryStore()];
      await fast.database.transact((tx) => new SequenceWriter(fast, ref).writeFloats(tx, floats));
      for (const [i, at] of floats.steps.entries())
        await plain.database.transact((tx) =>
          writePoint(tx, plain, ref, {
            step: at,
            value: floats.values[i]!,
            time: floats.times[i]!,
            epoch: floats.epochs[i]!,
          }),
        );
      expect(await contentsOf(fast)).toEqual(await contentsOf(plain));
    }),
    { numRuns: 40 },
  );
});

test("long sequences stream in batches with every time in its place, also where some lack one", async () => {
  const store = await memoryStore();
  const writer = new SequenceWriter(store, ref);
  for (let at = 0; at < 20_000; at += 1_000)
    await store.database.transact((tx) =>
      writer.write(
        tx,
        Array.from({ length: 1_000 }, (_, i): Point => {
          const n = at + i;
          return {
            step: BigInt(n * 3),
            value: n,
            ...(n % 7 === 0 ? {} : { time: n + 0.5 }),
            ...(n % 5 === 0 ? { epoch: BigInt(n) } : {}),
          };
        }),
      ),
    );
  let n = 0;
  let batches = 0;
  await store.database.snapshot(async (tx) => {
    for await (const batch of readSequence(tx, store, ref)) {
      batches++;
      expect(batch.length).toBeLessThanOrEqual(5_000);
      for (const p of batch) {
        expect([p.step, p.value, p.time, p.epoch]).toEqual([
          BigInt(n * 3),
          n,
          n % 7 === 0 ? undefined : n + 0.5,
          n % 5 === 0 ? BigInt(n) : undefined,
        ]);
        n++;
      }
    }
  });
  expect([n, batches > 5]).toEqual([20_000, true]);
});

test("the step column of the old system is ignored, and a null or a map as a value does not break a reader", async () => {
  const store = await memoryStore();
  await store.database.transact(async (tx) => {
    await new SequenceWriter(store, ref).write(tx, [
      { step: 1n, value: null, time: 2 },
      { step: 2n, value: Number.NaN },
      { step: 3n, value: new Map([["x", 1n]]) },
    ]);
    for (const at of [1n, 2n, 3n]) tx.set(stepKey(columnPrefix(store, ref, "step"), at), encodeValue(at));
    // Damage: a time without a point, and an epoch that is a text.
    tx.set(stepKey(columnPrefix(store, ref, "time"), 0n), encodeValue(9));
    tx.set(stepKey(columnPrefix(store, ref, "epoch"), 2n), encodeValue("five"));
  });
  expect(await store.database.snapshot((tx) => collect(readSequence(tx, store, ref)))).toEqual([
    { step: 1n, value: null, time: 2 },
    { step: 2n, value: Number.NaN },
    { step: 3n, value: new Map([["x", 1n]]) },
  ]);
});

test("rewriting a step overwrites the columns that are given", async () => {
  const store = await memoryStore();
  await store.database.transact((tx) => writePoint(tx, store, ref, { step: 1n, value: 1, time: 5, epoch: 6n }));
  await store.database.transact((tx) => writePoint(tx, store, ref, { step: 1n, value: 2, time: 7 }));
  expect(await store.database.snapshot((tx) => readPoint(tx, store, ref, 1n))).toEqual({
    step: 1n,
    value: 2,
    time: 7,
    epoch: 6n,
  });
});

test("step keys agree with the tuple layer for every integer", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), (at) => {
      const prefix = Uint8Array.of(1, 2, 3);
      expect(stepOf(stepKey(prefix, at), prefix.length)).toBe(at);
    }),
  );
});

test("a sequence name too long for a key is refused, naming run and sequence", async () => {
  const store = await memoryStore();
  const long = { hash: "run-1", contextId: 4, name: "n".repeat(9_990) };
  const failed = await failureOf(store.database.transact((tx) => writePoint(tx, store, long, { step: 1n, value: 1 })));
  expect(failed).toMatchObject({
    code: "too_large",
    message: expect.stringMatching(/^the key of sequence 'n+\.\.\.' \(context 4\) of run 'run-1' has 100\d\d bytes$/),
  });
});
