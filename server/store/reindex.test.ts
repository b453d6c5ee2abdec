// Repair of the index from the data of the runs: complete, resumable, and never an index that is empty meanwhile.
import { expect, test } from "bun:test";
import { encodeValue } from "../../formats/msgpack.ts";
import { mapOf, type Value } from "../../formats/value.ts";
import { prefixRange } from "../kv/index.ts";
import { DeathError, FaultyDatabase } from "../kv/testing/faulty.ts";
import { addRunTag } from "./associations.ts";
import { setAttrs } from "./attrs.ts";
import { createExperiment, createTag, renameTag } from "./entities.ts";
import type { Store } from "./index.ts";
import { addEntry, forwardKey, indexDrift, lookupActive, reindexRun, reindexStore } from "./indexes.ts";
import { indexKey, systemKey } from "./keys.ts";
import { createRun, deleteRun } from "./runs.ts";
import { collect, contentsOf, memoryStore } from "./testing.ts";
import { writeTrace } from "./traces.ts";

async function sample(): Promise<Store> {
  const store = await memoryStore();
  await store.database.transact(async (tx) => {
    await createExperiment(tx, store, { name: "exp" }, { id: "e", now: 1 });
    await createTag(tx, store, { name: "tag" }, { id: "t", now: 1 });
    for (const hash of ["a", "b", "c", "gone"]) {
      await createRun(tx, store, hash, { createdAt: 5, experimentId: "e" });
      await addRunTag(tx, store, hash, "t");
      await setAttrs(tx, store, hash, ["hparams"], mapOf({ lr: 0.1, note: "x".repeat(20_000), n: 1n }));
      await writeTrace(tx, store, hash, { contextId: 1, name: "loss", dtype: "float" });
      await writeTrace(tx, store, hash, { contextId: 2, name: "loss", dtype: "float" });
    }
    await writeTrace(tx, store, "ghost", { contextId: 1, name: "loss", dtype: "float" });
  });
  await deleteRun(store, "gone", { now: 9 });
  return store;
}

/** Index entries that should not be, with and without twin, of runs that are and are not; and true ones removed. */
async function damage(store: Store): Promise<void> {
  await store.database.transact(async (tx) => {
    addEntry(tx, store, "a", ["archived", true]);
    addEntry(tx, store, "a", ["hparam", "lr", 7n]);
    addEntry(tx, store, "b", ["tag", "old name"]);
    for (const kind of ["x", "y", "z"]) addEntry(tx, store, "never", ["trace", kind]);
    tx.set(forwardKey(store, "c", ["experiment", "untwinned"]), new Uint8Array(0));
    tx.set(forwardKey(store, "lost", ["created_at", 3]), new Uint8Array(0));
    tx.clear(forwardKey(store, "c", ["hparam", "lr", 0.1]));
    tx.clear(indexKey(store, "_rev", "c", "trace", "loss", "c"));
    tx.set(systemKey(store, "tags", "t", "run_count"), encodeValue(99n));
  });
}

test("reindexing a damaged store gives the bytes of the undamaged one, and of a right one changes nothing", async () => {
  const store = await sample();
  const right = await contentsOf(store);
  expect(await reindexStore(store)).toEqual({ runs: 4, changes: 0 });
  expect(await contentsOf(store)).toEqual(right);
  await damage(store);
  expect(await store.database.snapshot((tx) => indexDrift(tx, store, "c"))).toEqual({
    missing: [
      ["hparam", "lr", 0.1],
      ["trace", "loss"],
    ],
    stale: [],
  });
  expect(await store.database.snapshot((tx) => indexDrift(tx, store, "a"))).toEqual({
    missing: [],
    stale: [
      ["archived", true],
      ["hparam", "lr", 7n],
    ],
  });
  expect((await reindexStore(store)).changes).toBeGreaterThan(8);
  expect(await contentsOf(store)).toEqual(right);
});

test("a reindex that dies at any transaction is completed by running it again; data is never touched", async () => {
  const undamaged = await sample();
  const right = await contentsOf(undamaged);
  for (let dieAfter = 0; ; dieAfter++) {
    const store = await sample();
    await damage(store);
    const dying = { ...store, database: new FaultyDatabase(store.database, { dieAfter }) };
    const result = await reindexStore(dying).catch((error: unknown) => error);
    if (!(result instanceof DeathError)) {
      expect(dieAfter).toBeGreaterThan(10);
      return;
    }
    // Look-ups stay right meanwhile.
    expect(await store.database.snapshot((tx) => collect(lookupActive(tx, store, true)))).toEqual(["a", "b", "c"]);
    await reindexStore(store);
    expect(await contentsOf(store)).toEqual(right);
  }
});

test("a run with more entries than one transaction takes is repaired step by step, each bounded", async () => {
  const store = await memoryStore();
  const many = mapOf(Object.fromEntries(Array.from({ length: 130 }, (_, i): [string, Value] => [`p${i}`, 0.5 + i])));
  await store.database.transact(async (tx) => {
    await createRun(tx, store, "r", { createdAt: 1 });
    await setAttrs(tx, store, "r", ["hparams"], many);
  });
  const right = await contentsOf(store);
  await store.database.transact(async (tx) => tx.clearRange(prefixRange(store.dirs.indexes)));
  let steps = 0;
  for (let done = false; !done; steps++) {
    const step = await store.database.transact((tx) => reindexRun(tx, store, "r", 40));
    expect(step.changes).toBeLessThanOrEqual(40);
    done = step.done;
  }
  expect(steps).toBe(4);
  expect(await contentsOf(store)).toEqual(right);
});

test("a reindex can begin behind a run, and says which runs it has done", async () => {
  const store = await sample();
  const done: string[] = [];
  await reindexStore(store, { after: "b", onRun: (hash) => void done.push(hash) });
  expect(done).toEqual(["c", "ghost"]);
});

test("renaming a tag moves its entries although an older rename left some on another name", async () => {
  const store = await sample();
  await store.database.transact(async (tx) => addEntry(tx, store, "a", ["tag", "stale name"]));
  await renameTag(store, "t", "new", { now: 5 });
  for (const hash of ["a", "b", "c"])
    expect(await store.database.snapshot((tx) => indexDrift(tx, store, hash))).toEqual({ missing: [], stale: [] });
});
