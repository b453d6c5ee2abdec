// Deleting runs: bounded, resumable after a death at any transaction, and hidden from the first one on.
import { expect, test } from "bun:test";
import { encodeValue } from "../../formats/msgpack.ts";
import { mapOf, type Value } from "../../formats/value.ts";
import { type Database, KvError } from "../kv/index.ts";
import { DeathError, FaultyDatabase } from "../kv/testing/faulty.ts";
import { addRunTag, setRunExperiment } from "./associations.ts";
import { setAttrs } from "./attrs.ts";
import {
  createExperiment,
  createTag,
  deleteExperiment,
  listEntities,
  readEntity,
  renameExperiment,
} from "./entities.ts";
import type { Store } from "./index.ts";
import { addEntry, indexDrift, lookupActive, lookupExperiment, reindexStore } from "./indexes.ts";
import { indexKey, indexRange, systemKey } from "./keys.ts";
import {
  clearTombstone,
  createRun,
  deleteRun,
  listRuns,
  listTombstones,
  readTombstone,
  resolveHash,
  resumeDeletes,
} from "./runs.ts";
import { SequenceWriter } from "./sequences.ts";
import { collect, contentsOf, failureOf, memoryStore } from "./testing.ts";
import { writeTrace } from "./traces.ts";

const files = () => Promise.resolve();
const bounds = { entries: 20, keys: 50, bytes: 100_000 };

async function bigRun(wrap?: (database: Database) => Database): Promise<Store> {
  const store = await memoryStore(wrap);
  await store.database.transact(async (tx) => {
    await createExperiment(tx, store, { name: "exp" }, { id: "e", now: 1 });
    for (const hash of ["aa", "bb"]) {
      await createRun(tx, store, hash, { createdAt: 10, experimentId: "e" });
      const hparams = mapOf(
        Object.fromEntries(Array.from({ length: 45 }, (_, i): [string, Value] => [`p${i}`, BigInt(i)])),
      );
      await setAttrs(tx, store, hash, [], mapOf({ hparams, big: "x".repeat(350_000) }));
      await writeTrace(tx, store, hash, { contextId: 0, name: "loss", dtype: "float" });
      const steps = Array.from({ length: 150 }, (_, i) => i);
      await new SequenceWriter(store, { hash, contextId: 0, name: "loss" }).writeFloats(tx, {
        steps,
        values: steps,
        times: steps,
      });
    }
    for (let i = 0; i < 30; i++) {
      await createTag(tx, store, { name: `t${i}` }, { id: `tag${i}`, now: 1 });
      await addRunTag(tx, store, "aa", `tag${i}`);
    }
  });
  return store;
}

/** What the store holds when the run never was, but for its tombstone and the counts. */
async function deletedAtOnce(): Promise<Map<string, string>> {
  const store = await bigRun();
  await deleteRun(store, "aa", { now: 50 });
  return contentsOf(store);
}

test("a delete leaves the tombstone, exact counts, other runs, and nothing else", async () => {
  const store = await bigRun();
  const other = [...(await contentsOf(store))].filter(([key]) => key.includes(Buffer.from("\x02bb\x00").toHex()));
  const result = await deleteRun(store, "aa", { now: 50, bounds });
  expect(result.existed).toBe(true);
  expect(result.keys).toBeGreaterThan(345);
  const left = await contentsOf(store);
  expect([...left.keys()].filter((key) => key.includes(Buffer.from("\x02aa\x00").toHex()))).toHaveLength(1);
  for (const [key, value] of other) expect(left.get(key)).toBe(value);
  await store.database.snapshot(async (tx) => {
    expect(await readTombstone(tx, store, "aa")).toBe(50);
    expect((await readEntity(tx, store, "experiment", "e"))?.get("run_count")).toBe(1n);
    for await (const { fields } of listEntities(store, "tag")) expect(fields.get("run_count")).toBe(0n);
  });
  expect(left).toEqual(await deletedAtOnce());
});

test("deleting a deleted run, or a second time later, changes nothing", async () => {
  const store = await bigRun();
  await deleteRun(store, "aa", { now: 50 });
  const before = await contentsOf(store);
  expect(await deleteRun(store, "aa", { now: 99 })).toEqual({ existed: false, keys: 0 });
  expect(await contentsOf(store)).toEqual(before);
});

test("a delete that dies at any transaction is hidden at once and completed by deleting again, with the same end", async () => {
  const expected = await deletedAtOnce();
  let deaths = 0;
  for (let dieAfter = 0; ; dieAfter++) {
    const store = await bigRun();
    const dying = {
      ...store,
      database: new FaultyDatabase(store.database, { dieAfter, loseLastReply: dieAfter % 2 === 0 }),
    };
    const result = await deleteRun(dying, "aa", { now: 50, bounds }).catch((error: unknown) => error);
    if (!(result instanceof DeathError)) break;
    deaths++;
    if (dieAfter > 0) {
      expect(await collect(listRuns(store))).toEqual(["bb"]);
      expect(await failureOf(resolveHash(store, "aa"))).toMatchObject({ code: "not_found" });
      expect(await store.database.snapshot((tx) => collect(lookupActive(tx, store, true)))).toEqual(["bb"]);
    }
    if (dieAfter % 3 === 0) await deleteRun(store, "aa", { now: 50, bounds });
    else await resumeDeletes(store, { now: 50, bounds, files });
    if (dieAfter > 0) expect(await contentsOf(store)).toEqual(expected);
  }
  expect(deaths).toBeGreaterThan(10);
});

test("every transaction of a delete stays within its bounds", async () => {
  const store = await bigRun();
  const sizes: number[] = [(await contentsOf(store)).size];
  const watched = new FaultyDatabase(store.database, {
    afterCommit: async () => {
      sizes.push((await contentsOf(store)).size);
    },
  });
  await deleteRun({ ...store, database: watched }, "aa", { now: 50, bounds });
  const removed = sizes.slice(1).map((size, i) => sizes[i]! - size);
  // 20 entries are 40 keys; 20 links are 60 and a tag's own key.
  expect(Math.max(...removed)).toBeLessThanOrEqual(40 + 60 + 5);
});

test("a stop between transactions ends the delete with its reason, and deleting again completes it", async () => {
  const store = await bigRun();
  const stop = new AbortController();
  const reason = new Error("stopped");
  const progress = { stage() {}, advance: () => stop.abort(reason), item() {}, note() {} };
  expect(await failureOf(deleteRun(store, "aa", { now: 50, bounds, progress, signal: stop.signal }))).toBe(reason);
  await deleteRun(store, "aa", { now: 50 });
  expect(await contentsOf(store)).toEqual(await deletedAtOnce());
});

test("deleting a run of a deleted experiment does not bring the experiment back", async () => {
  const store = await bigRun();
  await deleteExperiment(store, "e", { now: 5 });
  await store.database.transact(async (tx) => {
    // As the old system leaves it: the link to an experiment that is gone.
    tx.set(systemKey(store, "run_experiment", "aa"), encodeValue("e"));
    tx.set(systemKey(store, "experiment_runs", "e", "aa"), encodeValue(true));
  });
  await deleteRun(store, "aa", { now: 50 });
  expect(await store.database.snapshot((tx) => readEntity(tx, store, "experiment", "e"))).toBeUndefined();
  const experiments = [...(await contentsOf(store)).keys()].filter((key) =>
    key.startsWith(`system ${Buffer.from("\x02experiment").toHex()}`),
  );
  expect(experiments).toEqual([]);
});

test("tombstones are listed, read with unreadable times as 0, and cleared", async () => {
  const store = await memoryStore();
  await deleteRun(store, "x", { now: 5 });
  await store.database.transact(async (tx) => {
    tx.set(indexKey(store, "_deleted", "y"), Uint8Array.of(0xc1));
  });
  const list = () => Array.fromAsync(listTombstones(store));
  expect(await list()).toEqual([
    { hash: "x", deletedAt: 5 },
    { hash: "y", deletedAt: 0 },
  ]);
  await store.database.transact(async (tx) => clearTombstone(tx, store, "y"));
  expect((await list()).length).toBe(1);
});

test("an index entry too long for the engine is refused before it is written", async () => {
  const store = await memoryStore();
  const failed = await failureOf(
    store.database.transact(async (tx) => addEntry(tx, store, "r", ["trace", "n".repeat(10_000)])),
  );
  expect(failed).toMatchObject({ code: "too_large" });
  expect(failed).not.toBeInstanceOf(KvError);
});

test("a run whose index entries have keys of nearly 10 kB is deleted, renamed with its experiment and reindexed in smaller steps", async () => {
  const store = await memoryStore();
  const { database } = store;
  const name = "e".repeat(8_000);
  await database.transact((tx) => createExperiment(tx, store, { name }, { id: "e", now: 1 }));
  for (let at = 0; at < 300; at += 50)
    await database.transact(async (tx) => {
      await createRun(tx, store, "r", { createdAt: 1 });
      for (let i = at; i < at + 50; i++) await setAttrs(tx, store, "r", ["hparams", `p${i}`], "x".repeat(9_500));
      for (let i = at; i < at + 50; i++) await setRunExperiment(tx, store, `r${i}`, "e");
    });
  await renameExperiment(store, "e", "n".repeat(8_000), { now: 2 });
  expect((await database.snapshot((tx) => collect(lookupExperiment(tx, store, "n".repeat(8_000))))).length).toBe(300);
  expect(await database.snapshot((tx) => collect(lookupExperiment(tx, store, name)))).toEqual([]);
  await database.transact(async (tx) => tx.clearRange(indexRange(store, "hparam")));
  await reindexStore(store);
  expect(await database.snapshot((tx) => indexDrift(tx, store, "r"))).toEqual({ missing: [], stale: [] });
  await deleteRun(store, "r", { now: 3 });
  expect([...(await contentsOf(store)).keys()].filter((key) => key.includes(Buffer.from("hparam").toHex()))).toEqual(
    [],
  );
});
