// Data of runs whose creation never came: in no list, and nobody's to see.
import type { BlobStore } from "../blobs/index.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { lastActivity } from "../store/activity.ts";
import type { Store } from "../store/index.ts";
import { readRestoreJournal } from "../store/restoreJournal.ts";
import { deleteRun, hasData, isCreated, readTombstone } from "../store/runs.ts";
import { removeFiles } from "../workers/runFiles.ts";
import { FencedDatabase } from "./fencedDatabase.ts";

export interface Ghost {
  readonly hash: string;
  /** Seconds since the epoch; undefined when none of its data says a time. */
  readonly lastActivity: number | undefined;
}

/** The ghost of that hash, or undefined when the run was created, deleted or is being restored. */
export function ghostOf(store: Store, hash: string): Promise<Ghost | undefined> {
  return store.database.snapshot((tx) => readGhost(tx, store, hash));
}

async function readGhost(tx: ReadTransaction, store: Store, hash: string): Promise<Ghost | undefined> {
  // Nearly all are none: one read says so.
  if (await isCreated(tx, store, hash)) return undefined;
  const [tombstone, journal, isThere] = await Promise.all([
    readTombstone(tx, store, hash),
    readRestoreJournal(tx, store, hash),
    hasData(tx, store, hash),
  ]);
  if (tombstone !== undefined || journal !== undefined || !isThere) return undefined;
  return { hash, lastActivity: await lastActivity(tx, store, hash) };
}

/** Rolls the transaction back that would have deleted what is a run by now. */
class NoGhostError extends Error {
  override readonly name = "NoGhostError";
}

/**
 * Deletes a ghost as a run is deleted: with a tombstone, so that late messages do not bring it back, and with its files. One that
 * was heard of after `cutoff` (seconds since the epoch), or whose creation came by now, stays.
 * @returns whether it was deleted
 */
export async function purgeGhost(
  store: Store,
  blobs: BlobStore,
  hash: string,
  { cutoff, now, signal }: { readonly cutoff: number; readonly now: number; readonly signal?: AbortSignal },
): Promise<boolean> {
  const isOld = (ghost: Ghost | undefined) =>
    ghost !== undefined && (ghost.lastActivity === undefined || ghost.lastActivity < cutoff);
  if (!isOld(await ghostOf(store, hash))) return false;
  // Asked again in the transaction that decides: its creation may come between. What follows has the tombstone.
  const guarded = new FencedDatabase(store.database, async (tx) => {
    if ((await readTombstone(tx, store, hash)) !== undefined) return;
    if (!isOld(await readGhost(tx, store, hash))) throw new NoGhostError();
  });
  try {
    await deleteRun({ ...store, database: guarded }, hash, {
      ...{ now, files: removeFiles(blobs) },
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (error instanceof NoGhostError) return false;
    throw error;
  }
  return true;
}
