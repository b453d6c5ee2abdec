// Data of runs whose creation never came: in no list, and nobody's to see.
import type { BlobStore } from "../blobs/index.ts";
import { readTombstone } from "../store/deletion.ts";
import type { Store } from "../store/index.ts";
import { leaf, runKey } from "../store/keys.ts";
import { readRestoreJournal } from "../store/restoreJournal.ts";
import { deleteRun } from "../store/runs.ts";
import { removeFiles } from "../workers/runFiles.ts";
import { lastActivity } from "./activity.ts";

export interface Ghost {
  readonly hash: string;
  /** Seconds since the epoch; undefined when none of its data says a time. */
  readonly lastActivity: number | undefined;
}

/** The ghost of that hash, or undefined when the run was created, deleted or is being restored. */
export async function ghostOf(store: Store, hash: string): Promise<Ghost | undefined> {
  return store.database.snapshot(async (tx) => {
    const [created, tombstone, journal] = await Promise.all([
      tx.get(runKey(store, hash, "meta", "created_at", leaf)),
      readTombstone(tx, store, hash),
      readRestoreJournal(tx, store, hash),
    ]);
    if (created !== undefined || tombstone !== undefined || journal !== undefined) return undefined;
    return { hash, lastActivity: await lastActivity(tx, store, hash) };
  });
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
  const ghost = await ghostOf(store, hash);
  if (ghost === undefined || (ghost.lastActivity !== undefined && ghost.lastActivity >= cutoff)) return false;
  await deleteRun(store, hash, { now, files: removeFiles(blobs), ...(signal === undefined ? {} : { signal }) });
  return true;
}
