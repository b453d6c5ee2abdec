// Lists of runs: right under every filter and order, paged, and never by walking the data of the runs.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeValue } from "../../formats/msgpack.ts";
import type { Value } from "../../formats/value.ts";
import { mapOf } from "../../formats/value.ts";
import type { Database } from "../kv/index.ts";
import { addRunTag, setRunExperiment } from "./associations.ts";
import { createExperiment, createTag } from "./entities.ts";
import { addEntry } from "./indexes.ts";
import { leaf, runKey } from "./keys.ts";
import { createRun, listRuns, type RunFilter, resolveHash, scanRunHashes, updateMeta, writeMeta } from "./runs.ts";
import { collect, failureOf, memoryStore } from "./testing.ts";

interface Wanted {
  readonly hash: string;
  readonly createdAt: number;
  readonly active: boolean;
  readonly archived: boolean;
  readonly experiment: string | undefined;
  readonly tags: readonly string[];
}

async function storeOf(runs: readonly Wanted[]) {
  const store = await memoryStore();
  await store.database.transact(async (tx) => {
    for (const name of ["e1", "e2"]) await createExperiment(tx, store, { name }, { id: name, now: 1 });
    for (const name of ["t1", "t2"]) await createTag(tx, store, { name }, { id: name, now: 1 });
    for (const { hash, createdAt, active, archived, experiment, tags } of runs) {
      await createRun(tx, store, hash, { createdAt });
      await updateMeta(tx, store, hash, mapOf({ active, is_archived: archived }), 1);
      if (experiment !== undefined) await setRunExperiment(tx, store, hash, experiment);
      for (const tag of tags) await addRunTag(tx, store, hash, tag);
    }
  });
  return store;
}

const run: fc.Arbitrary<Wanted> = fc.record({
  hash: fc.string({ minLength: 1, maxLength: 6 }),
  createdAt: fc.double({ min: 0, max: 10, noNaN: true }),
  active: fc.boolean(),
  archived: fc.boolean(),
  experiment: fc.option(fc.constantFrom("e1", "e2"), { nil: undefined }),
  tags: fc.subarray(["t1", "t2"]),
});
const filter: fc.Arbitrary<RunFilter> = fc.record({
  experiment: fc.option(fc.constantFrom("e1", "e2", "none"), { nil: undefined }),
  tag: fc.option(fc.constantFrom("t1", "t2", "none"), { nil: undefined }),
  active: fc.option(fc.boolean(), { nil: undefined }),
  archived: fc.option(fc.boolean(), { nil: undefined }),
  since: fc.option(fc.double({ min: 0, max: 10, noNaN: true }), { nil: undefined }),
  order: fc.constantFrom("created" as const, "-created" as const),
});

test("any filter gives the runs that match, in order of creation", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(run, { selector: ({ hash }) => hash, maxLength: 15 }),
      fc.array(filter, { maxLength: 12 }),
      async (runs, filters) => {
        const store = await storeOf(runs);
        for (const f of filters) {
          const expected = runs.filter(
            (r) =>
              (f.experiment === undefined || r.experiment === f.experiment) &&
              (f.tag === undefined || r.tags.includes(f.tag)) &&
              (f.active === undefined || r.active === f.active) &&
              (f.archived === undefined || r.archived === f.archived) &&
              (f.since === undefined || r.createdAt >= f.since),
          );
          expected.sort(
            (a, b) => a.createdAt - b.createdAt || Buffer.compare(Buffer.from(a.hash), Buffer.from(b.hash)),
          );
          if (f.order === "-created") expected.reverse();
          expect(await collect(listRuns(store, f))).toEqual(expected.map(({ hash }) => hash));
        }
      },
    ),
    { numRuns: 40 },
  );
});

test("thousands of runs come in pages, each a few look-ups and none over the data of the runs", async () => {
  const store = await storeOf([]);
  for (let at = 0; at < 1_300; at += 100)
    await store.database.transact(async (tx) => {
      for (let i = at; i < at + 100; i++) await createRun(tx, store, `r${i}`, { createdAt: i });
    });
  let reads = 0;
  const database: Database = {
    engine: store.database.engine,
    longSnapshots: store.database.longSnapshots,
    transact: (body) => store.database.transact(body),
    snapshot: (body) => {
      reads++;
      return store.database.snapshot(body);
    },
    close: async () => {},
  };
  const sizes: number[] = [];
  for await (const page of listRuns({ ...store, database }, { order: "-created" })) sizes.push(page.length);
  expect([sizes, reads]).toEqual([[500, 500, 300], 3]);
  expect((await collect(scanRunHashes(store))).length).toBe(1_300);
});

test("runs about to be deleted, ghosts and stale entries are not listed", async () => {
  const store = await storeOf([]);
  await store.database.transact(async (tx) => {
    for (const hash of ["ok", "pending", "recreated"]) await createRun(tx, store, hash, { createdAt: 5 });
    tx.set(runKey(store, "pending", "meta", "pending_deletion", leaf), encodeValue(true));
    addEntry(tx, store, "recreated", ["created_at", 3]);
    addEntry(tx, store, "vanished", ["created_at", 4]);
    addEntry(tx, store, "recreated", ["archived", true]);
    await writeMeta(tx, store, "ghost", mapOf({ name: "no creation" }));
  });
  expect(await collect(listRuns(store))).toEqual(["ok", "recreated"]);
  expect(await collect(listRuns(store, { archived: true }))).toEqual([]);
});

test("a hash prefix is resolved when it is unique; several candidates are named; an exact hash wins", async () => {
  const store = await storeOf([]);
  const hashes = ["abc1", "abc2", "ab", "xyz", "x\0y", "日本"];
  await store.database.transact(async (tx) => {
    for (const hash of hashes) await createRun(tx, store, hash, { createdAt: 1 });
    for (let i = 0; i < 30; i++) await createRun(tx, store, `many${i}`, { createdAt: 1 });
    // Without meta fields this is no run.
    tx.set(runKey(store, "abc3", "seqs"), encodeValue(1n));
  });
  for (const [prefix, hash] of [
    ["abc1", "abc1"],
    ["ab", "ab"],
    ["xy", "xyz"],
    ["x\0", "x\0y"],
    ["日", "日本"],
  ] as const)
    expect(await resolveHash(store, prefix)).toBe(hash);
  expect(await failureOf(resolveHash(store, "abc"))).toMatchObject({
    code: "conflict",
    message: "several runs start with 'abc': abc1, abc2",
  });
  expect(await failureOf(resolveHash(store, "many"))).toMatchObject({
    message: expect.stringMatching(/many0, many1, .*\.\.\.$/),
  });
  expect(await failureOf(resolveHash(store, "abc3"))).toMatchObject({ code: "not_found" });
  expect(await failureOf(resolveHash(store, "nope"))).toMatchObject({ code: "not_found" });
  expect(await failureOf(resolveHash(store, ""))).toMatchObject({ code: "usage" });
});

test("a run restored with other times is listed by them alone", async () => {
  const store = await storeOf([]);
  const meta = (created: Value) => mapOf({ name: "n", created_at: created, active: false, is_archived: false });
  await store.database.transact((tx) => writeMeta(tx, store, "a", meta(50)));
  await store.database.transact((tx) => writeMeta(tx, store, "b", meta(20)));
  await store.database.transact((tx) => writeMeta(tx, store, "a", meta(10)));
  expect(await collect(listRuns(store))).toEqual(["a", "b"]);
});
