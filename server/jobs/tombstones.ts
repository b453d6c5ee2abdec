// `matyan cleanup-tombstones`: forgets deletions that are so old that no message of their runs can come any more.
import { type Progress, silentProgress } from "../../formats/progress.ts";
import type { BlobStore } from "../blobs/index.ts";
import { clearTombstone, hasRemains, listTombstones, readTombstone, type Tombstone } from "../store/deletion.ts";
import type { Store } from "../store/index.ts";
import { forgetPositions } from "../store/positions.ts";

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
  for await (const tombstone of listTombstones(store)) {
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
  if (await store.database.snapshot((tx) => hasRemains(tx, store, hash))) return "its data is not all gone";
  for (const prefix of [`${hash}/`, `artifacts/${hash}/`])
    for await (const _ of blobs.list(prefix)) return "its files are not all gone";
  return undefined;
}

/** False when the run was deleted anew since. What workers noted of its messages goes with the tombstone. */
async function clear(store: Store, { hash, deletedAt }: Tombstone): Promise<boolean> {
  return store.database.transact(async (tx) => {
    if ((await readTombstone(tx, store, hash)) !== deletedAt) return false;
    await clearTombstone(tx, store, hash);
    forgetPositions(tx, store, hash);
    return true;
  });
}
