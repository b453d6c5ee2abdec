// Attributes and the parameter index that follows them, whichever part is written.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { deleteAttrs, hparamTerms, mergeAttrs, readAttrs, replaceAttrs, setAttrs } from "./attrs.ts";
import type { Store } from "./index.ts";
import { indexDrift, storedTerms } from "./indexes.ts";
import { createRun, readMeta } from "./runs.ts";
import { contentsOf, failureOf, memoryStore } from "./testing.ts";

const termsOf = (store: Store) => store.database.snapshot((tx) => storedTerms(tx, store, "r", ["hparam"]));
const attrsOf = (store: Store) => store.database.snapshot((tx) => readAttrs(tx, store, "r"));

test("replacing all attributes replaces the parameter index too", async () => {
  const store = await memoryStore();
  const { database } = store;
  await database.transact((tx) => setAttrs(tx, store, "r", ["hparams"], mapOf({ lr: 0.1, n: 3n })));
  await database.transact((tx) => replaceAttrs(tx, store, "r", mapOf({ x: 4n, y: 5n })));
  expect(await termsOf(store)).toEqual([]);
  await database.transact((tx) => replaceAttrs(tx, store, "r", mapOf({ hparams: mapOf({ lr: 1n }) })));
  expect(await termsOf(store)).toEqual([["hparam", "lr", 1n]]);
});

test("merging keeps what is not named, at any depth, with one name or many", async () => {
  const store = await memoryStore();
  const merge = (value: ValueMap) => store.database.transact((tx) => mergeAttrs(tx, store, "r", value));
  await merge(mapOf({ hparams: mapOf({ a: 1n, m: mapOf({ t: "x", u: [1n, 2n] }) }), other: 1n }));
  await merge(mapOf({ hparams: mapOf({ b: 2n, m: mapOf({ t: "y" }) }) }));
  await merge(mapOf({ hparams: mapOf({ c: 3n }), more: mapOf({}) }));
  await merge(mapOf({ hparams: mapOf({ m: mapOf({ u: [9n] }) }) }));
  expect(await attrsOf(store)).toEqual(
    mapOf({
      hparams: mapOf({ a: 1n, b: 2n, c: 3n, m: mapOf({ t: "y", u: [9n] }) }),
      more: mapOf({}),
      other: 1n,
    }),
  );
  expect(await termsOf(store)).toEqual([
    ["hparam", "a", 1n],
    ["hparam", "b", 2n],
    ["hparam", "c", 3n],
  ]);
  await merge(mapOf({ hparams: mapOf({}) }));
  expect((await termsOf(store)).length).toBe(3);
});

const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(
    null,
    true,
    1n,
    1.0,
    -0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "adam",
    "x".repeat(10_000),
    "y".repeat(120_000),
  ),
  fc.constantFrom<Value>(mapOf({}), [], [1n], mapOf({ t: 1n }), new Uint8Array(2)),
);
const path = fc.constantFrom<Value[]>(
  [],
  ["hparams"],
  ["hparams", "a"],
  ["hparams", "b"],
  ["hparams", "a", "t"],
  ["x"],
  ["hparams", 0n],
);

test("the stored index is what the attributes give after any writes, deletes and merges", async () => {
  const operation = fc.tuple(fc.constantFrom("set", "merge", "delete"), path, value, value);
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 8 }), async (operations) => {
      const store = await memoryStore();
      for (const [kind, at, a, b] of operations)
        await store.database.transact(async (tx) => {
          const where = at as string[];
          if (kind === "set")
            await setAttrs(tx, store, "r", where, where[0] === "hparams" && where.length === 1 ? mapOf({ a, b }) : a);
          else if (kind === "merge") await mergeAttrs(tx, store, "r", mapOf({ a, b }), where);
          else await deleteAttrs(tx, store, "r", where);
        });
      const drift = await store.database.snapshot((tx) => indexDrift(tx, store, "r"));
      expect(drift).toEqual({ missing: [], stale: [] });
      await attrsOf(store);
    }),
    { numRuns: 60 },
  );
});

test("a text too long for an index key is stored whole and marks its run for look-ups", async () => {
  const store = await memoryStore();
  const long = "z".repeat(9_990);
  await store.database.transact((tx) => setAttrs(tx, store, "r", ["hparams", "note"], long));
  expect(await store.database.snapshot((tx) => readAttrs(tx, store, "r", ["hparams", "note"]))).toBe(long);
  const terms = await store.database.snapshot((tx) => storedTerms(tx, store, "r"));
  expect(terms.map(([kind]) => kind)).toEqual(["hparam_long"]);
  await store.database.transact((tx) => setAttrs(tx, store, "r", ["hparams", "note"], "short"));
  expect(await store.database.snapshot((tx) => storedTerms(tx, store, "r"))).toEqual([["hparam", "note", "short"]]);
});

test("NaN and infinities are stored as such, indexed, and read back", async () => {
  const store = await memoryStore();
  const hparams = mapOf({ a: Number.NaN, b: Number.POSITIVE_INFINITY, c: Number.NEGATIVE_INFINITY, d: -0 });
  await store.database.transact((tx) => setAttrs(tx, store, "r", ["hparams"], hparams));
  expect(await attrsOf(store)).toEqual(mapOf({ hparams }));
  expect((await store.database.snapshot((tx) => hparamTerms(tx, store, "r"))).length).toBe(4);
});

test("a write touches updated_at of a run that exists, and makes none of one that does not", async () => {
  const store = await memoryStore();
  await store.database.transact((tx) => setAttrs(tx, store, "r", ["x"], 1n, { now: 5 }));
  expect(await store.database.snapshot((tx) => readMeta(tx, store, "r"))).toBeUndefined();
  await store.database.transact((tx) => createRun(tx, store, "r", { createdAt: 6 }));
  await store.database.transact((tx) => setAttrs(tx, store, "r", ["x"], 1n, { now: 7 }));
  expect((await store.database.snapshot((tx) => readMeta(tx, store, "r")))?.get("updated_at")).toBe(7);
});

test("parameters logged one by one touch only their own entries", async () => {
  const store = await memoryStore();
  await store.database.transact((tx) => setAttrs(tx, store, "r", ["hparams"], mapOf({ a: 1n, b: 2n })));
  const before = await contentsOf(store);
  await store.database.transact(async (tx) => {
    const reads = new Set<string>();
    const spy = new Proxy(tx, {
      get(target, property) {
        if (property === "range")
          return (...args: Parameters<typeof tx.range>) => {
            reads.add(Buffer.from(args[0].begin).toString("latin1"));
            return target.range(...args);
          };
        const member: unknown = Reflect.get(target, property, target);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    await setAttrs(spy, store, "r", ["hparams", "c"], 3n);
    for (const begin of reads) expect(begin).not.toMatch(/\x02a\x00|\x02b\x00/);
    expect([...reads].some((begin) => begin.includes("\x02attrs\x00\x02hparams\x00"))).toBe(false);
  });
  expect((await contentsOf(store)).size).toBe(before.size + 3);
});

test("an integer beyond 64 bits fails its own write with a named error and leaves the rest", async () => {
  const store = await memoryStore();
  const failed = await failureOf(store.database.transact((tx) => setAttrs(tx, store, "r", ["a"], 2n ** 64n)));
  expect(failed).toMatchObject({ code: "too_large" });
  expect((await contentsOf(store)).size).toBe(0);
});
