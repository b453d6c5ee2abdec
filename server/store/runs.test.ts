// The life of a run, and that replays and unknown runs change nothing.
import { expect, test } from "bun:test";
import { mapOf, type Value } from "../../formats/value.ts";
import type { Transaction } from "../kv/index.ts";
import { addRunTag, setRunExperiment } from "./associations.ts";
import { mergeAttrs, setAttrs } from "./attrs.ts";
import { writeContext } from "./contexts.ts";
import { createExperiment, createTag } from "./entities.ts";
import type { Store } from "./index.ts";
import { storedTerms } from "./indexes.ts";
import { createRun, finishRun, isCreated, readMeta, resumeRun, updateMeta, writeMeta } from "./runs.ts";
import { writePoint } from "./sequences.ts";
import { contentsOf, failureOf, memoryStore } from "./testing.ts";
import { writeTrace } from "./traces.ts";

const fields = (...entries: [string, Value][]) => new Map(entries);

test("creating a run that exists changes nothing: creation is idempotent and never resets a run", async () => {
  const store = await memoryStore();
  const { database } = store;
  expect(await database.transact((tx) => createRun(tx, store, "r", { createdAt: 100 }))).toBe(true);
  await database.transact((tx) => updateMeta(tx, store, "r", fields(["name", "mine"], ["is_archived", true]), 110));
  await database.transact((tx) => finishRun(tx, store, "r", { now: 120 }));
  const before = await contentsOf(store);
  const again = { createdAt: 999, name: "other", description: "d", clientStart: 5 };
  expect(await database.transact((tx) => createRun(tx, store, "r", again))).toBe(false);
  expect(await contentsOf(store)).toEqual(before);
  expect(await database.snapshot((tx) => storedTerms(tx, store, "r"))).toEqual([
    ["active", false],
    ["archived", true],
    ["created_at", 100],
  ]);
});

test("a replayed batch leaves the store byte for byte the same", async () => {
  const store = await memoryStore();
  const { database } = store;
  await database.transact(async (tx) => {
    await createExperiment(tx, store, { name: "exp" }, { id: "e", now: 1 });
    await createTag(tx, store, { name: "tag" }, { id: "t", now: 1 });
  });
  const batch = async (tx: Transaction) => {
    await createRun(tx, store, "r", { createdAt: 100, experimentId: "e", clientStart: 99 });
    await setRunExperiment(tx, store, "r", "e", 101);
    await addRunTag(tx, store, "r", "t");
    await writeContext(tx, store, "r", 7, mapOf({ subset: "train" }));
    await writeTrace(tx, store, "r", { contextId: 7, name: "loss", dtype: "float", last: 0.5, lastStep: 3n });
    await writePoint(tx, store, { hash: "r", contextId: 7, name: "loss" }, { step: 3n, value: 0.5, time: 102 });
    await setAttrs(tx, store, "r", ["hparams"], mapOf({ lr: 0.1, n: 1n, big: "x".repeat(200_000) }), { now: 103 });
    await mergeAttrs(tx, store, "r", mapOf({ hparams: mapOf({ n: 2n }) }), [], { now: 104 });
    await finishRun(tx, store, "r", { now: 105 });
  };
  await database.transact(batch);
  const before = await contentsOf(store);
  await database.transact(batch);
  expect(await contentsOf(store)).toEqual(before);
});

test("what a run lacks whose messages came before its creation is filled in, and what it has is kept", async () => {
  const store = await memoryStore();
  await store.database.transact((tx) => writeMeta(tx, store, "r", mapOf({ name: "early", is_archived: true })));
  expect(await store.database.snapshot((tx) => isCreated(tx, store, "r"))).toBe(false);
  expect(await store.database.transact((tx) => createRun(tx, store, "r", { createdAt: 5 }))).toBe(true);
  const meta = await store.database.snapshot((tx) => readMeta(tx, store, "r"));
  expect([meta?.get("name"), meta?.get("is_archived"), meta?.get("created_at"), meta?.size]).toEqual([
    "early",
    true,
    5,
    10,
  ]);
  expect(await store.database.snapshot((tx) => storedTerms(tx, store, "r"))).toContainEqual(["archived", true]);
});

test("updating, finishing and resuming an unknown run is not_found and makes no ghost", async () => {
  const store = await memoryStore();
  const attempts: ((tx: Transaction) => Promise<unknown>)[] = [
    (tx) => updateMeta(tx, store, "no", fields(["name", "x"]), 1),
    (tx) => finishRun(tx, store, "no", { now: 1 }),
    (tx) => resumeRun(tx, store, "no", { now: 1 }),
  ];
  for (const attempt of attempts)
    expect(await failureOf(store.database.transact(attempt))).toMatchObject({ code: "not_found" });
  expect((await contentsOf(store)).size).toBe(0);
});

test("finishing takes the duration from the client's clocks, and a second finish does not move the end", async () => {
  const store = await memoryStore();
  const { database } = store;
  await database.transact((tx) => createRun(tx, store, "r", { createdAt: 1000, clientStart: 500 }));
  expect(await database.transact((tx) => finishRun(tx, store, "r", { now: 2000, clientFinish: 530 }))).toBe(true);
  const meta = () => database.snapshot((tx) => readMeta(tx, store, "r"));
  expect([(await meta())?.get("duration"), (await meta())?.get("finalized_at")]).toEqual([30, 1030]);
  expect(await database.transact((tx) => finishRun(tx, store, "r", { now: 9000 }))).toBe(false);
  expect((await meta())?.get("finalized_at")).toBe(1030);
  await database.transact((tx) => resumeRun(tx, store, "r", { now: 3000 }));
  expect([(await meta())?.get("active"), (await meta())?.get("finalized_at"), (await meta())?.get("duration")]).toEqual(
    [true, null, null],
  );
});

test("writeMeta writes the fields as they are and drops the index entries of what was there before", async () => {
  const store = await memoryStore();
  await store.database.transact((tx) => createRun(tx, store, "r", { createdAt: 5 }));
  const meta = mapOf({
    name: "n",
    created_at: 7.5,
    updated_at: 8.5,
    active: false,
    is_archived: true,
    extra: mapOf({ a: 1n }),
  });
  await store.database.transact((tx) => writeMeta(tx, store, "r", meta));
  await store.database.snapshot(async (tx) => {
    expect(new Map(await readMeta(tx, store, "r"))).toEqual(meta);
    const terms = [
      ["active", false],
      ["archived", true],
      ["created_at", 7.5],
    ];
    expect(await storedTerms(tx, store, "r")).toEqual(terms as Awaited<ReturnType<typeof storedTerms>>);
  });
});

test("a run id or name too long for the keys is refused by name", async () => {
  const store = await memoryStore();
  const make = (hash: string) => store.database.transact((tx) => createRun(tx, store, hash, { createdAt: 1 }));
  expect(await failureOf(make("h".repeat(501)))).toMatchObject({
    code: "too_large",
    message: expect.stringContaining("has 501 bytes"),
  });
  const write = (s: Store) =>
    s.database.transact((tx) => writeTrace(tx, s, "r", { contextId: 3, name: "n".repeat(10_000), dtype: "float" }));
  expect(await failureOf(write(store))).toMatchObject({
    code: "too_large",
    message: expect.stringMatching(/^the key of sequence 'n+\.\.\.' \(context 3\) of run 'r' has 10\d\d\d bytes$/),
  });
});
