import { expect, test } from "bun:test";
import { encodeValue } from "../../formats/msgpack.ts";
import { mapOf, type Value } from "../../formats/value.ts";
import type { BlobEntry, BlobListOptions, BlobStore } from "../blobs/index.ts";
import { prefixRange } from "../kv/index.ts";
import { DeathError, FaultyDatabase } from "../kv/testing/faulty.ts";
import { setAttrs } from "../store/attrs.ts";
import { readTombstone } from "../store/deletion.ts";
import type { Store } from "../store/index.ts";
import { addEntry } from "../store/indexes.ts";
import { runKey, systemKey } from "../store/keys.ts";
import { reindexStore } from "../store/reindex.ts";
import { createRun, deleteRun, finishRun, readMeta } from "../store/runs.ts";
import { contentsOf, memoryStore } from "../store/testing.ts";
import { noBlobs } from "../workers/testing.ts";
import { finishStale } from "./finishStale.ts";
import { JobLock } from "./jobLock.ts";
import { safeAge } from "./messageLife.ts";
import { cleanupOrphanBlobs } from "./orphanBlobs.ts";
import { reindex } from "./reindexJob.ts";
import { cleanupTombstones } from "./tombstones.ts";

const day = 86_400;
const now = 100 * day;
const hashOf = (digit: string) => digit.repeat(32);
/** Live, with a referenced file; stale; deleted long ago; deleted today; a ghost; a hash that nobody knows. */
const [live, stale, buried, fresh, ghost, nobody] = ["a", "b", "c", "d", "e", "f"].map(hashOf) as [
  string,
  string,
  string,
  string,
  string,
  string,
];

/** Blobs in memory that were put at the time 0, but those of `young`. */
function oldBlobs(keys: readonly string[], young: readonly string[] = []): BlobStore & { readonly keys: Set<string> } {
  const blobs = noBlobs([...keys, ...young]);
  const list = blobs.list.bind(blobs);
  return Object.assign(blobs, {
    async *list(prefix: string, options?: BlobListOptions): AsyncGenerator<BlobEntry, void> {
      for await (const entry of list(prefix, options))
        yield { ...entry, size: 10, modified: young.includes(entry.key) ? now : 0 };
    },
  });
}

const kept = [`${live}/model.bin`, `${live}/young.bin`, `${nobody}/young.bin`, "dataset/train.bin", "readme"];
const lost = [`${live}/forgotten.bin`, `${buried}/x`, `${buried}/y`, `${fresh}/x`, `${nobody}/old.bin`, "old run/x"];

function sampleBlobs() {
  const young = kept.filter((key) => key.endsWith("young.bin"));
  return oldBlobs(
    [...kept, ...lost].filter((key) => !young.includes(key)),
    young,
  );
}

async function sample(): Promise<Store> {
  const store = await memoryStore();
  await store.database.transact(async (tx) => {
    await createRun(tx, store, live, { createdAt: 1 });
    const entry = mapOf({ s3_key: `${live}/model.bin`, content_type: "x" });
    await setAttrs(tx, store, live, ["__blobs__"], mapOf({ "model.bin": entry }));
    await setAttrs(tx, store, live, ["hparams"], mapOf({ lr: 0.5 as Value }));
    tx.set(systemKey(store, "_position", live, "k/t/0"), positionAt(now - 60));
    await createRun(tx, store, stale, { createdAt: now - 3 * day });
    await setAttrs(tx, store, ghost, ["hparams"], mapOf({ lr: 1 as Value }));
    tx.set(systemKey(store, "_position", buried, "k/t/0"), positionAt(1));
  });
  await deleteRun(store, buried, { now: now - 30 * day });
  await deleteRun(store, "old run", { now: now - 30 * day });
  await deleteRun(store, fresh, { now: now - day });
  return store;
}

function positionAt(published: number): Uint8Array {
  return encodeValue([5n, published]);
}

async function damage(store: Store): Promise<void> {
  await store.database.transact(async (tx) => {
    addEntry(tx, store, live, ["tag", "never"]);
    addEntry(tx, store, nobody, ["active", true]);
    tx.clearRange(prefixRange(Buffer.concat([store.dirs.indexes, Buffer.from("\x02created_at\x00")])));
  });
}

type RunAll = (store: Store, blobs: BlobStore) => Promise<void>;

const runAll: RunAll = async (store, blobs) => {
  await reindex(store, blobs, { now, purgeGhosts: 7 * day });
  await finishStale(store, { now, olderThan: day });
  await cleanupOrphanBlobs(store, blobs, { now, grace: 7 * day, limit: 0 });
  await cleanupTombstones(store, blobs, { now, olderThan: 7 * day });
};

async function withLocks(store: Store, blobs: BlobStore, clock: () => number): Promise<void> {
  await using lock = await JobLock.acquire(store, "reindex", { ttl: 600, now: clock });
  await runAll(lock.store, blobs);
}

test("a crash at any commit of the jobs leaves live data alone, and the next time finishes: nothing stays stuck", async () => {
  const want = await sample();
  const wantBlobs = sampleBlobs();
  await runAll(want, wantBlobs);
  const right = await contentsOf(want);
  expect([...wantBlobs.keys].sort()).toEqual([...kept].sort());
  for (const loseLastReply of [false, true])
    for (let dieAfter = loseLastReply ? 1 : 0; ; dieAfter++) {
      const store = await sample();
      await damage(store);
      const blobs = sampleBlobs();
      const dying = { ...store, database: new FaultyDatabase(store.database, { dieAfter, loseLastReply }) };
      const result = await withLocks(dying, blobs, () => now).catch((error: unknown) => error);
      for (const key of kept) expect(blobs.keys).toContain(key);
      const meta = await store.database.snapshot((tx) => readMeta(tx, store, live));
      expect(meta?.get("active")).toBe(true);
      // Its lock is as dead as it is: it ends by itself.
      await withLocks(store, blobs, () => now + 601);
      expect(await contentsOf(store)).toEqual(right);
      expect(blobs.keys).toEqual(wantBlobs.keys);
      if (!(result instanceof Error)) {
        expect(dieAfter).toBeGreaterThan(15);
        break;
      }
      expect(isDeath(result)).toBe(true);
    }
});

/** The lock's release dies as well, and both are told. */
function isDeath(error: unknown): boolean {
  if (error instanceof SuppressedError) return isDeath(error.error) && isDeath(error.suppressed);
  return error instanceof DeathError;
}

test("what is logged while jobs work is kept: indexes end as a rebuild makes them", async () => {
  const store = await sample();
  await damage(store);
  const blobs = sampleBlobs();
  let count = 0;
  const afterCommit = async () => {
    const hash = count++ % 2 === 0 ? live : `${count}`.padStart(32, "9");
    await store.database.transact(async (tx) => {
      await createRun(tx, store, hash, { createdAt: now });
      await setAttrs(tx, store, hash, ["hparams", `p${count}`], count + 0.5);
    });
  };
  await runAll({ ...store, database: new FaultyDatabase(store.database, { afterCommit }) }, blobs);
  expect(count).toBeGreaterThan(15);
  const left = await contentsOf(store);
  await reindexStore(store);
  expect(await contentsOf(store)).toEqual(left);
  const check = await reindex(store, blobs, { now, check: true });
  expect(check).toMatchObject({ drifted: 0, leftovers: 0 });
});

test("a ghost whose creation comes while it is purged is no ghost any more, and stays", async () => {
  const store = await sample();
  let isCreated = false;
  // Between the look and the transaction that deletes.
  const database = new FaultyDatabase(store.database, {});
  const snapshot = database.snapshot.bind(database);
  database.snapshot = async (body) => {
    const result = await snapshot(body);
    if (isGhost(result) && !isCreated) {
      isCreated = true;
      await store.database.transact((tx) => createRun(tx, store, ghost, { createdAt: now }));
    }
    return result;
  };
  const result = await reindex({ ...store, database }, sampleBlobs(), { now, purgeGhosts: 7 * day });
  expect(isCreated).toBe(true);
  expect(result.purged).toBe(0);
  expect(await store.database.snapshot((tx) => readTombstone(tx, store, ghost))).toBeUndefined();
  expect(await store.database.snapshot((tx) => readMeta(tx, store, ghost))).toBeDefined();
});

function isGhost(result: unknown): boolean {
  return typeof result === "object" && result !== null && "hash" in result && result.hash === ghost;
}

test("an old run with a young message is not stale, a finished one is not finished again", async () => {
  const store = await sample();
  const found: string[] = [];
  const options = { now, olderThan: day, onRun: ({ hash }: { hash: string }) => void found.push(hash) };
  expect(await finishStale(store, { ...options, dryRun: true })).toEqual({ active: 2, stale: 1, finished: 0 });
  expect(await finishStale(store, options)).toEqual({ active: 2, stale: 1, finished: 1 });
  expect(found).toEqual([stale, stale]);
  expect(await finishStale(store, options)).toEqual({ active: 1, stale: 0, finished: 0 });
  expect(await store.database.transact((tx) => finishRun(tx, store, stale, { now }))).toBe(false);
});

test("with a limit every orphan's turn comes, and what was listed is counted by run", async () => {
  const store = await sample();
  const blobs = sampleBlobs();
  const deleted: number[] = [];
  for (let more = true; more; ) {
    const result = await cleanupOrphanBlobs(store, blobs, { now, grace: 7 * day, limit: 1 });
    deleted.push(result.deleted);
    more = result.more;
  }
  expect(Math.max(...deleted)).toBe(1);
  expect(deleted.reduce((sum, one) => sum + one)).toBe(lost.length);
  expect([...blobs.keys].sort()).toEqual([...kept].sort());
});

test("a dry run changes nothing", async () => {
  const store = await sample();
  await damage(store);
  const before = await contentsOf(store);
  const blobs = sampleBlobs();
  const { deleted, bytes } = await cleanupOrphanBlobs(store, blobs, { now, grace: 7 * day, limit: 0, dryRun: true });
  expect([deleted, bytes]).toEqual([lost.length, 10 * lost.length]);
  await cleanupTombstones(store, blobs, { now, olderThan: 0, dryRun: true });
  const check = await reindex(store, blobs, { now, check: true });
  expect(check.drifted).toBeGreaterThan(0);
  expect(check.leftovers).toBeGreaterThan(0);
  expect(check.ghosts).toBe(1);
  expect(await contentsOf(store)).toEqual(before);
  expect(blobs.keys).toEqual(sampleBlobs().keys);
});

test("a tombstone stays while its run has data or files, and takes what was noted of its messages along", async () => {
  const store = await sample();
  const blobs = oldBlobs([`${buried}/x`]);
  expect(await cleanupTombstones(store, blobs, { now, olderThan: 7 * day })).toMatchObject({
    old: 2,
    cleared: 1,
    kept: 1,
  });
  blobs.keys.clear();
  await store.database.transact(async (tx) => tx.set(runKey(store, buried, "attrs", "x", "__leaf__"), encodeValue(1)));
  expect(await cleanupTombstones(store, blobs, { now, olderThan: 7 * day })).toMatchObject({ cleared: 0, kept: 1 });
  await store.database.transact(async (tx) => tx.clear(runKey(store, buried, "attrs", "x", "__leaf__")));
  expect(await cleanupTombstones(store, blobs, { now, olderThan: 7 * day })).toMatchObject({ cleared: 1, kept: 0 });
  const [position, ours] = await store.database.snapshot((tx) =>
    tx.getMany([buried, live].map((hash) => systemKey(store, "_position", hash, "k/t/0"))),
  );
  expect(position).toBeUndefined();
  expect(ours).toBeDefined();
});

test("nothing is forgotten before the messages are", async () => {
  const bus = (kept: number) => ({ retention: async () => kept }) satisfies Parameters<typeof safeAge>[1];
  expect(await safeAge(60, undefined, ["t"])).toBe(60);
  expect(await safeAge(60, bus(3_600), ["t"])).toBe(3_600);
  expect(await safeAge(7_200, bus(3_600), ["t"])).toBe(7_200);
  await expect(safeAge(60, bus(Number.POSITIVE_INFINITY), ["t"])).rejects.toThrow("keeps its messages for ever");
});
