// Maintenance jobs on many runs and objects: time, memory and reads for each run, beside the reads of the existing jobs' algorithm.
// Usage: bun scripts/bench/jobs.ts [runs=100000] [objects=10000000]. The store is a real one on disk, the listing is simulated.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mapOf } from "../../formats/value.ts";
import type { BlobEntry, BlobStore } from "../../server/blobs/index.ts";
import { finishStale } from "../../server/jobs/finishStale.ts";
import { cleanupOrphanBlobs } from "../../server/jobs/orphanBlobs.ts";
import { reindex } from "../../server/jobs/reindexJob.ts";
import { cleanupTombstones } from "../../server/jobs/tombstones.ts";
import { openEmbedded } from "../../server/kv/embedded.ts";
import type { Database, ReadTransaction, Transaction } from "../../server/kv/index.ts";
import { setAttrs } from "../../server/store/attrs.ts";
import { openStore, type Store } from "../../server/store/index.ts";
import { runKey, runRange } from "../../server/store/keys.ts";
import { createRun, deleteRun } from "../../server/store/runs.ts";
import { noBlobs } from "../../server/workers/testing.ts";

const [runs = 100_000, objects = 10_000_000] = process.argv.slice(2).map(Number);
const now = Date.now() / 1_000;
const hashOf = (index: number) => index.toString(16).padStart(32, "0");
/** Every hundredth run is deleted, and the objects of as many more are of no run. */
const isDeleted = (index: number) => index % 100 === 7;

/** Counts calls that read: a get, a range, or many of them asked together. */
function counting(database: Database, counts: { reads: number; commits: number }): Database {
  const counted = <T extends ReadTransaction>(tx: T): T =>
    new Proxy(tx, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        if (name === "get" || name === "getMany" || name === "range" || name === "firstOfEach") counts.reads++;
        return member.bind(target);
      },
    });
  return {
    engine: database.engine,
    longSnapshots: database.longSnapshots,
    transact: async (body) => {
      counts.commits++;
      return database.transact((tx: Transaction) => body(counted(tx)));
    },
    snapshot: (body) => database.snapshot((tx) => body(counted(tx))),
    close: async () => undefined,
  };
}

/** What the existing reindex reads of each run (storage.md 3.5): the skip to it, meta, tags, parameters, traces. */
async function existingReindex(store: Store): Promise<void> {
  await store.database.snapshot(async (tx) => {
    for (let index = 0; index < runs; index++) {
      const hash = hashOf(index);
      await tx.firstOfEach([runRange(store, hash)]);
      for (const part of ["meta", "tags", "attrs", "traces"])
        for await (const _ of tx.range(runRange(store, hash, part)));
    }
  });
}

/** Of each active run the existing finish-stale reads its meta (7.2), which says nothing of activity. */
async function existingFinishStale(store: Store): Promise<void> {
  await store.database.snapshot(async (tx) => {
    for (let index = 0; index < runs; index++) await tx.get(runKey(store, hashOf(index), "meta", "created_at"));
  });
}

function listedBlobs(counts: { lists: number }): BlobStore {
  const each = Math.max(1, Math.floor(objects / runs));
  return Object.assign(noBlobs(), {
    async *list(prefix: string): AsyncGenerator<BlobEntry, void> {
      counts.lists++;
      if (prefix !== "") return;
      for (let index = 0; index < runs; index++) {
        const hash = hashOf(index % 100 === 8 ? runs + index : index);
        for (let file = 0; file < each; file++)
          yield { key: `${hash}/file-${file}`, size: 1_000, modified: index % 100 === 8 ? 0 : now };
      }
    },
    deleteMany: async (keys: Iterable<string> | AsyncIterable<string>) => {
      let deleted = 0;
      for await (const _ of keys) deleted++;
      return { deleted, failed: 0, failures: [] };
    },
  });
}

const folder = mkdtempSync(join(tmpdir(), "matyan-bench-jobs-"));
const database = await openEmbedded({ path: join(folder, "store.db"), durability: "normal" });
try {
  const store = await openStore(database);
  for (let at = 0; at < runs; at += 500)
    await database.transact(async (tx) => {
      for (let index = at; index < Math.min(runs, at + 500); index++) {
        await createRun(tx, store, hashOf(index), { createdAt: now - 30 * 86_400 });
        await setAttrs(tx, store, hashOf(index), ["hparams"], mapOf({ lr: 0.1, layers: 3n, optimizer: "adam" }));
      }
    });
  for (let index = 7; index < runs; index += 100) await deleteRun(store, hashOf(index), { now: now - 10 * 86_400 });
  const deleted = Array.from({ length: runs }, (_, index) => index).filter(isDeleted).length;
  console.log(`${runs} runs, ${deleted} of them deleted, ${objects} objects`);

  const lists = { lists: 0 };
  const measure = async (name: string, body: (store: Store) => Promise<unknown>) => {
    const counts = { reads: 0, commits: 0 };
    Bun.gc(true);
    const before = process.memoryUsage().rss;
    let most = before;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 50);
    const start = performance.now();
    await body({ ...store, database: counting(database, counts) });
    clearInterval(timer);
    const seconds = (performance.now() - start) / 1_000;
    console.log(
      `${name.padEnd(34)} ${seconds.toFixed(1).padStart(7)} s  ${(counts.reads / runs).toFixed(2).padStart(6)} reads/run` +
        `  ${String(counts.commits).padStart(7)} commits  +${Math.round((most - before) / 1e6)} MB`,
    );
  };
  const blobs = listedBlobs(lists);
  await measure("reindex --check", (counted) => reindex(counted, blobs, { now, check: true }));
  await measure("reindex", (counted) => reindex(counted, blobs, { now }));
  await measure("existing reindex, its reads", existingReindex);
  await measure("finish-stale --dry-run", (counted) => finishStale(counted, { now, olderThan: 86_400, dryRun: true }));
  await measure("existing finish-stale, its reads", existingFinishStale);
  lists.lists = 0;
  await measure("cleanup-orphan-blobs", (counted) =>
    cleanupOrphanBlobs(counted, blobs, { now, grace: 86_400, limit: 0 }),
  );
  console.log(`  listings: ${lists.lists}; the existing job: ${deleted}, one for each tombstone, every time`);
  await measure("cleanup-tombstones", (counted) => cleanupTombstones(counted, blobs, { now, olderThan: 7 * 86_400 }));
} finally {
  await database.close();
  rmSync(folder, { recursive: true });
}
