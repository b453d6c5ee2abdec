// Trees survive the way to keys and back, clashes of kinds, and what the old system left behind.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeValue } from "../../formats/msgpack.ts";
import type { TupleElement } from "../../formats/tuple.ts";
import type { Value, ValueMap } from "../../formats/value.ts";
import { mapOf } from "../../formats/value.ts";
import { emptyDict, emptyList, leaf, runKey } from "./keys.ts";
import { collect, failureOf, memoryStore } from "./testing.ts";
import { deleteTree, getTree, setTree, type Tree, treeKeys } from "./tree.ts";

const store = await memoryStore();
const tree: Tree = { dir: store.dirs.runs, run: "r", root: ["r", "attrs"], name: "the attributes of run 'r'" };
const set = (path: TupleElement[], value: Value) => store.database.transact((tx) => setTree(tx, tree, path, value));
const get = (path: TupleElement[] = []) => store.database.snapshot((tx) => getTree(tx, tree, path));
const clear = () => store.database.transact((tx) => deleteTree(tx, tree, []));

const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.double(),
  fc.string({ unit: "grapheme" }),
  fc.uint8Array({ maxLength: 20 }),
);
const names = fc.oneof(fc.string({ unit: "grapheme", maxLength: 8 }), fc.constantFrom(leaf, emptyDict, emptyList, "a"));
const { value: anyTree } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(names, tie("value")), { maxLength: 4 }).map((entries) => new Map(entries)),
  ),
}));

test("any value reads back as it was written, whatever stood there before", async () => {
  await fc.assert(
    fc.asyncProperty(anyTree, anyTree, async (before, value) => {
      await set([], before);
      await set([], value);
      expect(await get()).toEqual(value);
    }),
    { numRuns: 300 },
  );
});

test("after any two writes the later one reads back: a scalar/branch clash is won by the last writer", async () => {
  const path = fc.array(fc.oneof(names, fc.bigInt({ min: 0n, max: 3n })), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(path, anyTree, path, anyTree, async (firstPath, first, secondPath, second) => {
      await clear();
      await set(firstPath, first);
      await set(secondPath, second);
      expect(await get(secondPath)).toEqual(second);
      await get();
    }),
    { numRuns: 300 },
  );
});

test("a child takes the place of a scalar, an empty map or an empty list above it", async () => {
  for (const above of [1n, "text", null, new Map<string, Value>(), []] as Value[]) {
    await clear();
    await set(["a", "b"], above);
    await set(["a", "b", "c", "d"], 2n);
    expect(await get()).toEqual(mapOf({ a: mapOf({ b: mapOf({ c: mapOf({ d: 2n }) }) }) }));
  }
});

test("a scalar takes the place of a branch", async () => {
  await set([], mapOf({ a: mapOf({ b: mapOf({ c: 1n }), d: 2n }) }));
  await set(["a", "b"], 5);
  expect(await get()).toEqual(mapOf({ a: mapOf({ b: 5, d: 2n }) }));
});

test("a tree that the old system left with both a scalar and a branch at one place reads as the branch", async () => {
  await clear();
  await store.database.transact(async (tx) => {
    const put = (value: Value, ...path: TupleElement[]) =>
      tx.set(runKey(store, "r", "attrs", ...path), encodeValue(value));
    put(1n, "a", leaf);
    put(2n, "a", "b", leaf);
    put(true, "cfg", emptyDict);
    put(3n, "cfg", "x", leaf);
    put(true, "list", emptyList);
    put(4n, "list", 0n, leaf);
    put(true, emptyDict);
  });
  expect(await get()).toEqual(mapOf({ a: mapOf({ b: 2n }), cfg: mapOf({ x: 3n }), list: [4n] }));
  expect(await get(["a"])).toEqual(mapOf({ b: 2n }));
  // Writing again at the damaged place repairs it.
  await set(["a", "b"], 7n);
  await set(["a"], "whole");
  expect(await get(["a"])).toBe("whole");
});

test("names like the sentinels are safe as names", async () => {
  const value = mapOf({ [leaf]: 1n, [emptyDict]: mapOf({ [leaf]: mapOf({}) }), [emptyList]: [] });
  await set([], value);
  expect(await get()).toEqual(value);
  expect(await get([leaf])).toBe(1n);
});

test("integer keys read as a list with null in the holes, and mixed keys as a map in which text wins", async () => {
  await set([], mapOf({ l: [0n, 1n, 2n] }));
  await store.database.transact(async (tx) => tx.clear(runKey(store, "r", "attrs", "l", 1n, leaf)));
  expect(await get()).toEqual(mapOf({ l: [0n, null, 2n] }));
  await set(["l", "0"], 9n);
  expect(await get(["l"])).toEqual(
    new Map<string, Value>([
      ["0", 9n],
      ["2", 2n],
    ]),
  );
});

test("a huge or negative list position makes a map and not a list of a billion holes", async () => {
  for (const position of [1_000_000_000n, -1n, 2n ** 70n]) {
    await set([], mapOf({ l: mapOf({}) }));
    await set(["l", position], 1n);
    expect(await get(["l"])).toEqual(new Map<string, Value>([[String(position), 1n]]));
  }
});

test("keys without a sentinel, of foreign types or with other endings never break the read", async () => {
  await set([], mapOf({ a: 1n }));
  await store.database.transact(async (tx) => {
    for (const path of [["x"], ["y", 2.5], ["z", true, "q"], ["n", null]] as TupleElement[][])
      tx.set(runKey(store, "r", "attrs", ...path), encodeValue(1n));
  });
  expect(await get()).toEqual(mapOf({ a: 1n }));
});

test("treeKeys gives the names directly below a path", async () => {
  await clear();
  await set([], mapOf({ b: mapOf({ x: 1n, y: 2n }), a: 1n, [leaf]: 5n, l: [1n, 2n] }));
  const keysOf = (path: TupleElement[]) =>
    store.database.snapshot((tx) =>
      collect(
        (async function* () {
          for await (const key of treeKeys(tx, tree, path)) yield [key];
        })(),
      ),
    );
  expect(await keysOf([])).toEqual([leaf, "a", "b", "l"]);
  expect(await keysOf(["b"])).toEqual(["x", "y"]);
  expect(await keysOf(["l"])).toEqual([0n, 1n]);
  expect(await keysOf(["a"])).toEqual([]);
});

test("a path over 10 kB is refused by name before anything is written, however deep the nesting", async () => {
  await clear();
  await set([], mapOf({ kept: 1n }));
  const failed = await failureOf(set(["p"], mapOf({ ["n".repeat(10_000)]: 1n })));
  expect(failed).toMatchObject({
    code: "too_large",
    message: expect.stringMatching(/'p\/n+\.\.\.' in the attributes of run 'r' has 10\d\d\d bytes/),
  });
  let deep: ValueMap = new Map();
  for (let i = 0; i < 20_000; i++) deep = new Map([["d", deep]]);
  expect(await failureOf(set(["p"], deep))).toMatchObject({ code: "too_large" });
  expect(await get()).toEqual(mapOf({ kept: 1n }));
});
