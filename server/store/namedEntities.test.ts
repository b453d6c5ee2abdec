// Experiments and tags: names, counts from associations, renames and deletes that survive a death anywhere.
import { expect, test } from "bun:test";
import { encodeValue } from "../../formats/msgpack.ts";
import { mapOf } from "../../formats/value.ts";
import { DeathError, FaultyDatabase } from "../kv/testing/faulty.ts";
import {
  addRunTag,
  removeRunTag,
  runExperiment,
  runsOfExperiment,
  runTagNames,
  runTags,
  setRunExperiment,
} from "./associations.ts";
import {
  createEntity,
  createExperiment,
  createTag,
  deleteEntity,
  deleteExperiment,
  deleteTag,
  findExperimentByName,
  findTagByName,
  listEntities,
  readEntity,
  recount,
  renameExperiment,
  renameTag,
  resumeUnfinished,
  updateEntity,
  writeEntity,
} from "./entities.ts";
import type { Store } from "./index.ts";
import { indexDrift, lookupExperiment, lookupTag } from "./indexes.ts";
import { systemKey } from "./keys.ts";
import { runsPerTransaction } from "./namedEntities.ts";
import { createRun, readMeta } from "./runs.ts";
import { collect, contentsOf, failureOf, memoryStore } from "./testing.ts";

const countOf = (store: Store, kind: "experiment" | "tag", id: string) =>
  store.database.snapshot(async (tx) => (await readEntity(tx, store, kind, id))?.get("run_count"));
const byExperiment = (store: Store, name: string) =>
  store.database.snapshot((tx) => collect(lookupExperiment(tx, store, name)));
const byTag = (store: Store, name: string) => store.database.snapshot((tx) => collect(lookupTag(tx, store, name)));

async function storeOf(runs: number): Promise<Store> {
  const store = await memoryStore();
  await store.database.transact(async (tx) => {
    await createExperiment(tx, store, { name: "exp" }, { id: "e", now: 1 });
    await createExperiment(tx, store, { name: "other" }, { id: "o", now: 1 });
    await createTag(tx, store, { name: "tag" }, { id: "t", now: 1 });
    await createTag(tx, store, { name: "kept" }, { id: "k", now: 1 });
  });
  for (let at = 0; at < runs; at += 100)
    await store.database.transact(async (tx) => {
      for (let i = at; i < Math.min(runs, at + 100); i++) {
        const hash = `r${String(i).padStart(4, "0")}`;
        await createRun(tx, store, hash, { createdAt: i, experimentId: "e" });
        await addRunTag(tx, store, hash, "t");
        if (i % 2 === 0) await addRunTag(tx, store, hash, "k");
      }
    });
  return store;
}

test("attaching twice counts once, detaching twice takes off once, and an unknown tag is no ghost", async () => {
  const store = await storeOf(1);
  const { database } = store;
  expect(await database.transact((tx) => addRunTag(tx, store, "r0000", "t"))).toBe(false);
  await database.transact((tx) => setRunExperiment(tx, store, "r0000", "e"));
  expect([await countOf(store, "tag", "t"), await countOf(store, "experiment", "e")]).toEqual([1n, 1n]);
  expect(await database.transact((tx) => removeRunTag(tx, store, "r0000", "t"))).toBe(true);
  expect(await database.transact((tx) => removeRunTag(tx, store, "r0000", "t"))).toBe(false);
  expect(await countOf(store, "tag", "t")).toBe(0n);
  const before = await contentsOf(store);
  expect(await database.transact((tx) => removeRunTag(tx, store, "r0000", "nope"))).toBe(false);
  expect(await failureOf(database.transact((tx) => addRunTag(tx, store, "r0000", "nope")))).toMatchObject({
    code: "not_found",
  });
  expect(await failureOf(database.transact((tx) => setRunExperiment(tx, store, "r0000", "nope")))).toMatchObject({
    code: "not_found",
  });
  expect(await contentsOf(store)).toEqual(before);
  expect(await database.snapshot((tx) => runTagNames(tx, store, "r0000"))).toEqual(["kept"]);
});

test("moving a run between experiments moves association, meta, both counts and the index", async () => {
  const store = await storeOf(2);
  await store.database.transact((tx) => setRunExperiment(tx, store, "r0000", "o", 77));
  expect([await countOf(store, "experiment", "e"), await countOf(store, "experiment", "o")]).toEqual([1n, 1n]);
  expect([await byExperiment(store, "exp"), await byExperiment(store, "other")]).toEqual([["r0001"], ["r0000"]]);
  await store.database.snapshot(async (tx) => {
    expect(await runExperiment(tx, store, "r0000")).toBe("o");
    const meta = await readMeta(tx, store, "r0000");
    expect([meta?.get("experiment_id"), meta?.get("updated_at")]).toEqual(["o", 77]);
  });
  await store.database.transact((tx) => setRunExperiment(tx, store, "r0000", null, 78));
  expect([await countOf(store, "experiment", "o"), await byExperiment(store, "other")]).toEqual([0n, []]);
  expect(await store.database.snapshot((tx) => runExperiment(tx, store, "r0000"))).toBeUndefined();
});

test("names of experiments and tags are unique on creation, rename and restore", async () => {
  const store = await storeOf(0);
  const { database } = store;
  const exists = { code: "conflict", message: "Experiment with name 'exp' already exists" };
  expect(
    await failureOf(database.transact((tx) => createExperiment(tx, store, { name: "exp" }, { now: 2 }))),
  ).toMatchObject(exists);
  expect(await failureOf(renameExperiment(store, "o", "exp", { now: 2 }))).toMatchObject(exists);
  const fields = mapOf({ name: "exp", created_at: 5 });
  expect(await failureOf(database.transact((tx) => writeEntity(tx, store, "experiment", "x", fields)))).toMatchObject(
    exists,
  );
  expect(await failureOf(database.transact((tx) => writeEntity(tx, store, "experiment", "o", fields)))).toMatchObject({
    code: "conflict",
  });
  expect(await failureOf(database.transact((tx) => updateEntity(tx, store, "tag", "t", fields, 3)))).toMatchObject({
    code: "usage",
  });
  expect(await database.transact((tx) => createExperiment(tx, store, { name: "exp" }, { id: "e", now: 1 }))).toBe("e");
  expect(await failureOf(renameTag(store, "nope", "x", { now: 2 }))).toMatchObject({ code: "not_found" });
  expect(
    await failureOf(database.transact((tx) => createTag(tx, store, { name: "n".repeat(8_001) }, { now: 2 }))),
  ).toMatchObject({ code: "too_large" });
});

test("a rename moves the index of every run and leaves no stale entry; the old name is free at once", async () => {
  for (const runs of [3, runsPerTransaction, 2 * runsPerTransaction + 7]) {
    const store = await storeOf(runs);
    await renameExperiment(store, "e", "new", { now: 9 });
    await renameTag(store, "t", "new tag", { now: 9 });
    expect([(await byExperiment(store, "exp")).length, (await byExperiment(store, "new")).length]).toEqual([0, runs]);
    expect([(await byTag(store, "tag")).length, (await byTag(store, "new tag")).length]).toEqual([0, runs]);
    expect((await byTag(store, "kept")).length).toBe(Math.ceil(runs / 2));
    await store.database.snapshot(async (tx) => {
      expect([await findExperimentByName(tx, store, "exp"), await findExperimentByName(tx, store, "new")]).toEqual([
        undefined,
        "e",
      ]);
      expect(await findTagByName(tx, store, "new tag")).toBe("t");
      for (const hash of ["r0000", "r0002"])
        expect(await indexDrift(tx, store, hash)).toEqual({ missing: [], stale: [] });
    });
    await store.database.transact((tx) => createExperiment(tx, store, { name: "exp" }, { now: 10 }));
  }
});

/** Sweeps the death of the process over every transaction of `work`, lets `repair` complete it, and compares the ends. */
async function sweep(
  work: (store: Store) => Promise<unknown>,
  repair: (store: Store) => Promise<unknown>,
): Promise<number> {
  const runs = 2 * runsPerTransaction + 3;
  const clean = await storeOf(runs);
  await work(clean);
  const expected = await contentsOf(clean);
  for (let dieAfter = 0; ; dieAfter++) {
    const store = await storeOf(runs);
    const result = await work({
      ...store,
      database: new FaultyDatabase(store.database, { dieAfter, loseLastReply: true }),
    }).catch((error: unknown) => error);
    if (!(result instanceof DeathError)) return dieAfter;
    await repair(store);
    expect(await contentsOf(store)).toEqual(expected);
  }
}

test("a rename that dies at any transaction is completed by calling it again", async () => {
  const rename = (store: Store) => renameExperiment(store, "e", "new", { now: 9 });
  expect(await sweep(rename, rename)).toBe(4);
});

test("a tag rename that dies midway is completed by resumeUnfinished, or by the next rename", async () => {
  const rename = (store: Store) => renameTag(store, "t", "new", { now: 9 });
  const resume = async (store: Store) => {
    if ((await resumeUnfinished(store)) === 0) await rename(store);
  };
  expect(await sweep(rename, resume)).toBe(4);
  const further = async (store: Store) => {
    await renameTag(store, "t", "between", { now: 9 });
    await rename(store);
  };
  await sweep(rename, further);
});

test("a delete of an experiment or tag leaves no link, index entry or count, wherever it dies", async () => {
  for (const [remove, prefix] of [
    [(store: Store) => deleteExperiment(store, "e", { now: 9 }), "experiment"],
    [(store: Store) => deleteTag(store, "t", { now: 9 }), "tag"],
  ] as const) {
    const again = async (store: Store) => {
      if ((await resumeUnfinished(store)) === 0)
        await remove(store).catch((error: unknown) => expect(error).toMatchObject({ code: "not_found" }));
    };
    expect(await sweep(remove, again)).toBe(4);
    const store = await storeOf(3);
    await remove(store);
    expect([await byExperiment(store, "exp"), await byTag(store, "tag")].map((hashes) => hashes.length)).toEqual(
      prefix === "experiment" ? [0, 3] : [3, 0],
    );
    await store.database.snapshot(async (tx) => {
      expect(await readEntity(tx, store, prefix, prefix === "tag" ? "t" : "e")).toBeUndefined();
      expect(await indexDrift(tx, store, "r0000")).toEqual({ missing: [], stale: [] });
      if (prefix === "experiment") {
        expect((await readMeta(tx, store, "r0000"))?.get("experiment_id")).toBeNull();
        expect(await collect(runsOfExperiment(tx, store, "e"))).toEqual([]);
      } else expect(await runTags(tx, store, "r0000")).toEqual(["k"]);
    });
    expect(await failureOf(remove(store))).toMatchObject({ code: "not_found" });
  }
});

test("ghosts of the old system are no entities, and recount makes a drifted count right", async () => {
  const store = await storeOf(3);
  await store.database.transact(async (tx) => {
    tx.set(systemKey(store, "tags", "ghost", "run_count"), encodeValue(0n));
    tx.set(systemKey(store, "tags", "t", "run_count"), encodeValue(40n));
  });
  await store.database.snapshot(async (tx) => {
    const ids: string[] = [];
    for await (const { id } of listEntities(store, "tag")) ids.push(id);
    expect(ids).toEqual(["k", "t"]);
    expect(await readEntity(tx, store, "tag", "ghost")).toBeUndefined();
  });
  expect(await recount(store, "tag", "t")).toBe(3);
  expect(await countOf(store, "tag", "t")).toBe(3n);
});

test("an update keeps the fields that it does not name, and refuses what does not exist", async () => {
  const store = await storeOf(0);
  const { database } = store;
  await database.transact((tx) => updateEntity(tx, store, "experiment", "e", mapOf({ description: "d" }), 5));
  await database.transact((tx) => updateEntity(tx, store, "experiment", "e", mapOf({ is_archived: true }), 6));
  const fields = await database.snapshot((tx) => readEntity(tx, store, "experiment", "e"));
  expect(["description", "is_archived", "name", "updated_at", "run_count"].map((field) => fields?.get(field))).toEqual([
    "d",
    true,
    "exp",
    6,
    0n,
  ]);
  expect(
    await failureOf(database.transact((tx) => updateEntity(tx, store, "note", "n", mapOf({ content: "x" }), 6))),
  ).toMatchObject({ code: "not_found" });
  const id = await database.transact((tx) => createEntity(tx, store, "note", mapOf({ run_hash: "r" }), { now: 1 }));
  expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  await database.transact((tx) => deleteEntity(tx, store, "note", id));
  expect(await failureOf(database.transact((tx) => deleteEntity(tx, store, "note", id)))).toMatchObject({
    code: "not_found",
  });
});
