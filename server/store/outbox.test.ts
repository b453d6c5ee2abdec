// What a delete sets off is never lost: the outbox has it from the first transaction to the last file.
import { expect, test } from "bun:test";
import { mapOf } from "../../formats/value.ts";
import { DeathError, FaultyDatabase } from "../kv/testing/faulty.ts";
import { setAttrs } from "./attrs.ts";
import type { Store } from "./index.ts";
import { runRange } from "./keys.ts";
import { listOutbox, type OutboxEntry, type OutboxKind } from "./outbox.ts";
import {
  clearTombstone,
  createRun,
  deleteRun,
  readMeta,
  readTombstone,
  requestDelete,
  resumeDeletes,
  resumeRequests,
} from "./runs.ts";
import { contentsOf, failureOf, memoryStore } from "./testing.ts";

async function oneRun(): Promise<Store> {
  const store = await memoryStore();
  await makeRun(store);
  return store;
}

async function makeRun(store: Store, hash = "r"): Promise<void> {
  await store.database.transact(async (tx) => {
    await createRun(tx, store, hash, { createdAt: 10 });
    await setAttrs(tx, store, hash, ["hparams"], mapOf({ lr: 0.1 }));
  });
}

async function outboxOf(store: Store, kind: OutboxKind): Promise<OutboxEntry[]> {
  const entries: OutboxEntry[] = [];
  for await (const entry of listOutbox(store, kind)) entries.push(entry);
  return entries;
}

/** Remembers whose files were dropped; fails so many times first. */
function dropper(failures = 0) {
  const dropped: string[] = [];
  const files = async (hash: string) => {
    if (failures-- > 0) throw new Error("no route to the bucket");
    dropped.push(hash);
  };
  return { dropped, files };
}

test("a delete that dies anywhere drops the run's files in the end", async () => {
  let deaths = 0;
  for (let dieAfter = 1; ; dieAfter++) {
    const store = await oneRun();
    const { dropped, files } = dropper();
    const database = new FaultyDatabase(store.database, { dieAfter, loseLastReply: dieAfter % 2 === 0 });
    const result = await deleteRun({ ...store, database }, "r", { now: 50, files }).catch((error: unknown) => error);
    const isDead = result instanceof DeathError;
    if (isDead) deaths++;
    await resumeDeletes(store, { now: 60, files });
    expect([...new Set(dropped)]).toEqual(["r"]);
    expect(await outboxOf(store, "run_deleted")).toEqual([]);
    expect([...(await contentsOf(store)).keys()]).toHaveLength(1);
    if (!isDead) break;
  }
  expect(deaths).toBeGreaterThan(3);
});

test("files that cannot be dropped are tried again, and do not hold up those of other runs", async () => {
  const store = await oneRun();
  await makeRun(store, "s");
  for (const hash of ["r", "s"]) await deleteRun(store, hash, { now: 50, files: "later" });
  expect(await outboxOf(store, "run_deleted")).toEqual(
    ["r", "s"].map((hash) => ({ kind: "run_deleted", hash, since: 50, withFiles: true })),
  );
  const { dropped, files } = dropper(1);
  expect(await failureOf(resumeDeletes(store, { now: 60, files }))).toMatchObject({
    message: "no route to the bucket",
  });
  expect(dropped).toEqual(["s"]);
  expect(await resumeDeletes(store, { now: 60, files })).toEqual(["r"]);
  expect(dropped).toEqual(["s", "r"]);
  expect(await store.database.snapshot((tx) => readTombstone(tx, store, "r"))).toBe(50);
});

test("a delete that leaves the files alone is completed without them", async () => {
  const store = await oneRun();
  const dying = new FaultyDatabase(store.database, { dieAfter: 1 });
  expect(await failureOf(deleteRun({ ...store, database: dying }, "r", { now: 50 }))).toBeInstanceOf(DeathError);
  const { dropped, files } = dropper();
  expect(await resumeDeletes(store, { now: 60, files })).toEqual(["r"]);
  expect(dropped).toEqual([]);
  expect([...(await contentsOf(store)).keys()]).toHaveLength(1);
});

test("a run made anew after its tombstone was cleared keeps its files", async () => {
  const store = await oneRun();
  await deleteRun(store, "r", { now: 50, files: "later" });
  await store.database.transact((tx) => clearTombstone(tx, store, "r"));
  await makeRun(store);
  const { dropped, files } = dropper();
  expect(await resumeDeletes(store, { now: 60, files })).toEqual([]);
  expect(dropped).toEqual([]);
  expect(await store.database.snapshot((tx) => readMeta(tx, store, "r"))).toBeDefined();
});

test("a tombstone cleared before the data is gone stays cleared when the delete is completed", async () => {
  const store = await oneRun();
  const dying = new FaultyDatabase(store.database, { dieAfter: 1 });
  await failureOf(deleteRun({ ...store, database: dying }, "r", { now: 50, files: "later" }));
  await store.database.transact((tx) => clearTombstone(tx, store, "r"));
  const { dropped, files } = dropper();
  expect(await resumeDeletes(store, { now: 60, files })).toEqual(["r"]);
  expect(dropped).toEqual(["r"]);
  expect([...(await contentsOf(store)).keys()]).toEqual([]);
});

test("a delete that was asked for is asked for again until it begins, and not when the run was made anew", async () => {
  const store = await oneRun();
  await store.database.transact((tx) => requestDelete(tx, store, "r", 40));
  const asked: string[] = [];
  const submit = async (hash: string) => void asked.push(hash);
  await resumeRequests(store, submit);
  await resumeRequests(store, submit);
  expect(asked).toEqual(["r", "r"]);
  await deleteRun(store, "r", { now: 50 });
  expect(await outboxOf(store, "delete_run")).toEqual([]);
  // As when a Python worker deleted the run, which knows nothing of the outbox, and the run was sent again.
  await makeRun(store, "t");
  await store.database.transact((tx) => requestDelete(tx, store, "t", 40));
  await store.database.transact(async (tx) => tx.clearRange(runRange(store, "t")));
  await makeRun(store, "t");
  expect(await resumeRequests(store, submit)).toEqual([]);
  expect(await outboxOf(store, "delete_run")).toEqual([]);
});
