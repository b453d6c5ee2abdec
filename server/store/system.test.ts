// Contexts, project settings, job locks, and the inspection of keys of any kind.
import { expect, test } from "bun:test";
import { encodeValue } from "../../formats/msgpack.ts";
import { mapOf, type Value } from "../../formats/value.ts";
import { FaultyDatabase } from "../kv/testing/faulty.ts";
import { setAttrs } from "./attrs.ts";
import { readContexts, writeContext } from "./contexts.ts";
import { inspectStore } from "./inspect.ts";
import { indexKey, runKey, systemKey } from "./keys.ts";
import { clearLock, lockNames, readLock, writeLock } from "./locks.ts";
import { readProjectSettings, writeProjectSettings } from "./project.ts";
import { createRun } from "./runs.ts";
import { collect, contentsOf, failureOf, memoryStore } from "./testing.ts";
import { readTraces, writeTrace } from "./traces.ts";

test("a context is written with every trace that needs it, so that a failed commit cannot lose it", async () => {
  const store = await memoryStore();
  const batch = (database: typeof store.database) =>
    database.transact(async (tx) => {
      await writeContext(tx, store, "r", 7, mapOf({ subset: "train" }));
      await writeTrace(tx, store, "r", { contextId: 7, name: "loss", dtype: "float" });
    });
  await failureOf(batch(new FaultyDatabase(store.database, { dieAfter: 0 })));
  await failureOf(
    store.database.transact(async (tx) => {
      await writeContext(tx, store, "r", 7, mapOf({ subset: "train" }));
      throw new Error("the commit failed");
    }),
  );
  await batch(store.database);
  const before = await contentsOf(store);
  await batch(store.database);
  expect(await contentsOf(store)).toEqual(before);
  expect(await store.database.snapshot((tx) => readContexts(tx, store, "r"))).toEqual(
    new Map([[7, mapOf({ subset: "train" })]]),
  );
});

test("damaged context, trace and association keys do not break their readers", async () => {
  const store = await memoryStore();
  await store.database.transact(async (tx) => {
    await writeTrace(tx, store, "r", { contextId: 1, name: "a", dtype: "image", last: 0, lastStep: 4n });
    tx.set(runKey(store, "r", "contexts", 5n), encodeValue("text"));
    tx.set(runKey(store, "r", "contexts", "x"), encodeValue(1n));
    tx.set(runKey(store, "r", "traces", 1n, "b", "last_step"), encodeValue(3n));
    tx.set(runKey(store, "r", "traces", 1n, "b", "last", "deep"), encodeValue(3n));
    tx.set(runKey(store, "r", "traces", "odd"), encodeValue(3n));
  });
  await store.database.snapshot(async (tx) => {
    expect(await readContexts(tx, store, "r")).toEqual(new Map([[5, new Map()]]));
    expect(await readTraces(tx, store, "r")).toEqual([
      { contextId: 1, name: "a", dtype: "image", last: 0, lastStep: 4n },
      { contextId: 1, name: "b", dtype: "float", lastStep: 3n },
    ]);
  });
});

test("project settings keep what is not written, and pinned sequences are one list", async () => {
  const store = await memoryStore();
  const read = () => store.database.snapshot((tx) => readProjectSettings(tx, store));
  expect(await read()).toEqual(new Map());
  const pinned = [mapOf({ name: "loss", context: mapOf({ subset: "val" }) })];
  await store.database.transact((tx) =>
    writeProjectSettings(tx, store, mapOf({ name: "p", pinned_sequences: pinned })),
  );
  await store.database.transact((tx) => writeProjectSettings(tx, store, mapOf({ description: "d" })));
  expect(await read()).toEqual(
    new Map<string, Value>([
      ["description", "d"],
      ["name", "p"],
      ["pinned_sequences", pinned],
    ]),
  );
});

test("a lock is read with its owner, unless another time was written over it or the value is no time", async () => {
  const store = await memoryStore();
  const { database } = store;
  const key = systemKey(store, "job_lock", "job");
  const read = () => database.snapshot((tx) => readLock(tx, store, "job"));
  const owner = { host: "h", pid: 7, space: "s", since: 1_000, token: "t" };
  expect(await read()).toBeUndefined();
  await database.transact(async (tx) => writeLock(tx, store, "job", 1_060, owner));
  expect(await read()).toEqual({ expiresAt: 1_060, owner });
  await database.transact(async (tx) => tx.set(key, encodeValue(2_000)));
  expect(await read()).toEqual({ expiresAt: 2_000, owner: undefined });
  await database.transact(async (tx) => tx.set(key, Uint8Array.of(0xc1)));
  expect(await read()).toBeUndefined();
  expect(await database.snapshot((tx) => lockNames(tx, store))).toEqual(["job"]);
  expect(await database.transact((tx) => clearLock(tx, store, "job"))).toBe(true);
  expect(await database.transact((tx) => clearLock(tx, store, "job"))).toBe(false);
});

test("inspection decodes every kind of key and says what is wrong with the others, without throwing", async () => {
  const store = await memoryStore();
  await store.database.transact(async (tx) => {
    await createRun(tx, store, "r", { createdAt: 5 });
    await setAttrs(tx, store, "r", ["big"], "x".repeat(100_000));
    tx.set(Buffer.concat([store.dirs.runs, Uint8Array.of(0x02, 0x41)]), Uint8Array.of(0xc1));
    tx.set(Buffer.concat([store.dirs.system, Uint8Array.of(0xf7)]), encodeValue(1n));
    tx.set(Buffer.concat([store.dirs.indexes]), new Uint8Array(0));
  });
  const all = async (dir: "runs" | "indexes" | "system" | "directories", prefix?: string) =>
    collect(inspectStore(store, dir, { prefix }));
  const runs = await all("runs");
  expect(runs.find(({ khex }) => khex === "0241")).toMatchObject({ vhex: "c1", error: expect.stringContaining("; ") });
  expect(runs.find(({ key }) => key?.[2] === "big")?.value).toEqual(
    mapOf({ $large: mapOf({ size: 100_005n, chunks: 2n, sha256: expect.any(String) }) }),
  );
  expect((await all("system")).map(({ value, error }) => [value, error !== undefined])).toEqual([[1n, true]]);
  expect((await all("indexes"))[0]).toEqual({ dir: "indexes", key: [], khex: "", vhex: "", value: "" });
  expect((await all("directories")).length).toBeGreaterThan(5);
});

test("a written prefix means the keys below it: typed elements, quotes, and texts that begin so", async () => {
  const store = await memoryStore();
  await store.database.transact(async (tx) => {
    for (const path of [
      ["abc", "seqs", 1n, "a/b", "val", 3n],
      ["abc", "seqs", 10n, "x", "val", 0n],
      ["abd", "meta", "1", "__leaf__"],
      ["12", "contexts", 0n],
    ])
      tx.set(runKey(store, ...path), encodeValue(1n));
    for (const term of [
      ["created_at", 1.5, "r"],
      ["archived", true, "r"],
      ["archived", false, "r"],
      ["hparam", "x", Number.NaN, "r"],
    ])
      tx.set(indexKey(store, ...term), new Uint8Array(0));
  });
  const count = async (dir: "runs" | "indexes", prefix: string) =>
    (await collect(inspectStore(store, dir, { prefix }))).length;
  const expected: ["runs" | "indexes", string, number][] = [
    ["runs", "", 4],
    ["runs", "abc", 2],
    ["runs", "abc/", 2],
    ["runs", "ab*", 3],
    ["runs", "ab", 0],
    ["runs", "*", 4],
    ["runs", "abc/seqs/1", 1],
    ["runs", 'abc/seqs/1/"a/b"/val/3', 1],
    ["runs", "abc/seqs/*", 2],
    ["runs", "abc/se*", 2],
    ["runs", 'abd/meta/"1"', 1],
    ["runs", "abd/meta/1", 0],
    ["runs", "12/contexts/0", 1],
    ["runs", '"12"', 1],
    ["indexes", "created_at/1.5", 1],
    ["indexes", "created_at/15e-1", 1],
    ["indexes", "archived/true", 1],
    ["indexes", "archived", 2],
    ["indexes", "hparam/x/nan", 1],
  ];
  for (const [dir, prefix, hits] of expected) expect([prefix, await count(dir, prefix)]).toEqual([prefix, hits]);
  expect(await failureOf(count("runs", 'abc/"x'))).toMatchObject({ code: "usage" });
});
