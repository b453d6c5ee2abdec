// The extremes that are kept beside a sequence against those of its points, whatever was applied, in any batches and again.
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { IngestMessage } from "../../formats/messages/index.ts";
import { encodeValue } from "../../formats/msgpack.ts";
import { numberOf } from "../store/floatColumns.ts";
import type { Store } from "../store/index.ts";
import { runKey } from "../store/keys.ts";
import { deleteRun } from "../store/runs.ts";
import { readExtremes, rebuildStats, statsKey } from "../store/sequenceStats.ts";
import { readSequence } from "../store/sequences.ts";
import { contentsOf, memoryStore } from "../store/testing.ts";
import { readTraces } from "../store/traces.ts";
import { applyMessages } from "./apply.ts";
import { messageOf, noBlobs } from "./testing.ts";

const ref = { hash: "run", contextId: 0, name: "loss" };
const start = 1_748_772_000;

function metric(value: string, step: number, withTime = true): IngestMessage {
  const time = withTime ? `,"client_datetime":"2025-06-01T10:00:00Z"` : "";
  return messageOf("log_metric", `{"name":"loss","value":${value},"step":${step}${time}}`, "run", start);
}

const text = (step: number) =>
  messageOf("log_custom_object", `{"name":"loss","value":{"type":"text"},"dtype":"text","step":${step}}`, "run", start);

function apply(store: Store, ...messages: IngestMessage[]) {
  return applyMessages(store, noBlobs(), messages);
}

/** What is kept, undefined for nothing; and what readers are told. */
async function statsOf(store: Store) {
  return store.database.snapshot(async (tx) => {
    const traces = await readTraces(tx, store, "run");
    const [extremes] = await readExtremes(tx, store, "run", traces);
    const isKept = (await tx.get(statsKey(store, ref))) !== undefined;
    return { isKept, told: extremes && (extremes.isEmpty ? "none" : [extremes.min, extremes.max]) };
  });
}

/** From the points themselves. */
async function truthOf(store: Store) {
  const values: number[] = [];
  await store.database.snapshot(async (tx) => {
    for await (const points of readSequence(tx, store, ref))
      for (const { value } of points) if (Number.isFinite(numberOf(value))) values.push(numberOf(value));
  });
  return values.length === 0 ? "none" : [Math.min(...values), Math.max(...values)];
}

const values = fc.constantFrom("1.0", "-2.5", "7.0", "0.0", "NaN", "Infinity", "-Infinity", "null", "3");
const messages = fc.array(
  fc
    .tuple(values, fc.integer({ min: -2, max: 30 }), fc.boolean())
    .map(([value, step, timed]) => metric(value, step, timed)),
  { minLength: 1, maxLength: 40 },
);

test("extremes are those of the finite values, in any batches and after any replay", async () => {
  await fc.assert(
    fc.asyncProperty(messages, fc.integer({ min: 1, max: 12 }), fc.nat(), async (all, size, from) => {
      const store = await memoryStore();
      for (let at = 0; at < all.length; at += size) await apply(store, ...all.slice(at, at + size));
      const { isKept, told } = await statsOf(store);
      expect(told).toEqual(await truthOf(store));
      // They are given up when, and only when, a step got another value.
      const first = new Map<unknown, string>();
      const isOverwritten = all.some(({ payload }) => {
        const value = encodeValue(payload.get("value") ?? null)
          .toHex()
          .replace("03", "cb4008000000000000");
        const step = payload.get("step");
        const before = first.get(step);
        first.set(step, value);
        return before !== undefined && before !== value;
      });
      expect(isKept).toBe(!isOverwritten);
      const before = await contentsOf(store);
      await apply(store, ...all.slice(from % all.length));
      expect(await contentsOf(store)).toEqual(before);
    }),
    { numRuns: 150 },
  );
});

test("rebuilding keeps what the points say, and they are carried on from there", async () => {
  const store = await memoryStore();
  await apply(store, metric("5.0", 0), metric("1.0", 1), metric("2.0", 0), metric("null", 2));
  expect(await statsOf(store)).toEqual({ isKept: false, told: [1, 2] });
  expect(await rebuildStats(store, "run")).toBe(1);
  expect(await statsOf(store)).toEqual({ isKept: true, told: [1, 2] });
  expect(await rebuildStats(store, "run")).toBe(0);
  await apply(store, metric("-3.0", 3));
  expect(await statsOf(store)).toEqual({ isKept: true, told: [-3, 2] });
});

test("points that another system wrote past the extremes are seen: short sequences are read, of long ones nothing is said", async () => {
  const store = await memoryStore();
  const points = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => metric(`${from + i}.0`, from + i));
  await apply(store, ...points(0, 10));
  const python = (step: number) =>
    store.database.transact(async (tx) => {
      tx.set(runKey(store, "run", "seqs", 0n, "loss", "val", BigInt(step)), encodeValue(-step));
      tx.set(runKey(store, "run", "traces", 0n, "loss", "last"), encodeValue(-step));
      tx.set(runKey(store, "run", "traces", 0n, "loss", "last_step"), encodeValue(BigInt(step)));
    });
  await python(10);
  expect(await statsOf(store)).toEqual({ isKept: true, told: [-10, 9] });
  await apply(store, ...points(11, 500));
  expect(await statsOf(store)).toEqual({ isKept: false, told: [-10, 499] });
  await apply(store, ...points(500, 502));
  expect(await statsOf(store)).toEqual({ isKept: false, told: undefined });
  await rebuildStats(store, "run");
  expect(await statsOf(store)).toEqual({ isKept: true, told: [-10, 501] });
  // One that the other system logged out of order: writers could not tell which steps are taken.
  await python(7);
  expect(await rebuildStats(store, "run")).toBe(0);
  expect(await statsOf(store)).toEqual({ isKept: false, told: undefined });
});

test("what is written while a rebuild reads is not lost: the rebuild keeps nothing then", async () => {
  const store = await memoryStore();
  await apply(store, metric("5.0", 0), metric("1.0", 0), metric("1.0", 1));
  const { database } = store;
  let isFirst = true;
  const interrupted = {
    ...store,
    database: Object.assign(Object.create(database), {
      snapshot: database.snapshot.bind(database),
      transact: async <T>(work: Parameters<typeof database.transact<T>>[0]) => {
        const result = await database.transact(work);
        if (isFirst) {
          isFirst = false;
          await apply(store, metric("9.0", 1));
        }
        return result;
      },
    }),
  };
  expect(await rebuildStats(interrupted, "run")).toBe(0);
  expect(await statsOf(store)).toEqual({ isKept: false, told: [1, 9] });
});

test("a name that is used for objects too has no extremes, and a deleted run leaves none", async () => {
  const store = await memoryStore();
  await apply(store, metric("5.0", 0), text(1));
  expect((await statsOf(store)).isKept).toBe(false);
  await apply(store, metric("6.0", 2));
  expect(await statsOf(store)).toEqual({ isKept: false, told: [5, 6] });
  await rebuildStats(store, "run");
  expect(await statsOf(store)).toEqual({ isKept: true, told: [5, 6] });
  await deleteRun(store, "run", { now: start });
  expect((await contentsOf(store)).size).toBe(1);
});
