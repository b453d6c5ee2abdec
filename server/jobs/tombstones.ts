// `matyan cleanup-tombstones`: forgets deletions that are so old that no message of their runs can come any more.
import { type Progress, silentProgress } from "../../formats/progress.ts";
import type { BlobStore } from "../blobs/index.ts";
import { clearTombstone, listTombstones, readTombstone, type Tombstone } from "../store/deletion.ts";
import type { Store } from "../store/index.ts";
import { after, indexKey, indexRange, runRange, systemRange } from "../store/keys.ts";
import { readOutbox } from "../store/outbox.ts";

export interface TombstoneOptions {
  /** Seconds since the deletion from which on a tombstone may go. */
  readonly olderThan: number;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly dryRun?: boolean;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  readonly onTombstone?: (tombstone: Tombstone, kept: TombstoneKept | undefined) => void;
}

/** Why an old tombstone stays: without it, what is left would look like a run, or like nobody's. */
export type TombstoneKept = "its data is not all gone" | "its files are not all gone";

export interface TombstoneResult {
  readonly found: number;
  readonly old: number;
  readonly cleared: number;
  readonly kept: number;
}

/**
 * Clears tombstones that are older than `olderThan`, each in a transaction of its own which looks again. One whose run still has
 * data or files is kept, and named: `cleanup-orphan-blobs` and the workers need it to finish.
 */
export async function cleanupTombstones(
  store: Store,
  blobs: BlobStore,
  options: TombstoneOptions,
): Promise<TombstoneResult> {
  const { now, olderThan, dryRun = false, progress = silentProgress, signal, onTombstone } = options;
  const result = { found: 0, old: 0, cleared: 0, kept: 0 };
  progress.stage("tombstones");
  for await (const tombstone of tombstones(store)) {
    signal?.throwIfAborted();
    progress.advance(1);
    result.found++;
    if (tombstone.deletedAt >= now - olderThan) continue;
    result.old++;
    const kept = await keptFor(store, blobs, tombstone.hash);
    if (kept !== undefined) result.kept++;
    else if (!dryRun) {
      if (!(await clear(store, tombstone))) continue;
      result.cleared++;
    }
    onTombstone?.(tombstone, kept);
  }
  return result;
}

async function keptFor(store: Store, blobs: BlobStore, hash: string): Promise<TombstoneKept | undefined> {
  const hasData = await store.database.snapshot(async (tx) => {
    const [data, entry] = await tx.firstOfEach([runRange(store, hash), indexRange(store, "_rev", hash)]);
    return (
      data !== undefined || entry !== undefined || (await readOutbox(tx, store, "run_deleted", hash)) !== undefined
    );
  });
  if (hasData) return "its data is not all gone";
  for await (const _ of blobs.list(`${hash}/`)) return "its files are not all gone";
  return undefined;
}

/** False when the run was deleted anew since. What workers noted of its messages goes with the tombstone. */
async function clear(store: Store, { hash, deletedAt }: Tombstone): Promise<boolean> {
  return store.database.transact(async (tx) => {
    if ((await readTombstone(tx, store, hash)) !== deletedAt) return false;
    await clearTombstone(tx, store, hash);
    tx.clearRange(systemRange(store, "_position", hash));
    return true;
  });
}

const pageSize = 500;

/** A page a snapshot: tombstones go while they are walked. */
async function* tombstones(store: Store): AsyncGenerator<Tombstone, void> {
  const all = indexRange(store, "_deleted");
  for (let begin = all.begin; ; ) {
    const page = await store.database.snapshot(async (tx) => {
      const found: Tombstone[] = [];
      for await (const batch of listTombstones(tx, store, { begin, end: all.end }, pageSize)) found.push(...batch);
      return found;
    });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    begin = after(indexKey(store, "_deleted", last.hash));
  }
}
