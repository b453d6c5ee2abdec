// Deleting a run of any size in bounded transactions, and the tombstones that keep it deleted (storage.md 2.9).
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import { type Progress, silentProgress } from "../../formats/progress.ts";
import { toNumber } from "../../formats/value.ts";
import type { KeyRange, ReadTransaction, Transaction } from "../kv/index.ts";
import { detachRun } from "./associations.ts";
import { boundedTransaction } from "./bounded.ts";
import type { Store } from "./index.ts";
import { dropRunIndexes, removeEntry } from "./indexes.ts";
import { after, indexKey, indexRange, lastString, leaf, runKey, runRange, type StoreKeys } from "./keys.ts";

/** What one transaction of a delete touches at most. */
export const deleteBounds = { entries: 5_000, keys: 50_000, bytes: 8_000_000 } as const;

export interface DeleteOptions {
  /** Seconds since the epoch: the time of the tombstone. */
  readonly now: number;
  /** Counts keys. */
  readonly progress?: Progress;
  /** Stops between two transactions; deleting again goes on. */
  readonly signal?: AbortSignal;
  /** Other bounds per transaction than `deleteBounds`. */
  readonly bounds?: { readonly entries: number; readonly keys: number; readonly bytes: number };
}

/**
 * Deletes a run. The first transaction hides it from every reader and writes its tombstone; the following ones clear
 * index entries, associations and data. Cut short anywhere, it is completed by deleting again (or `resumeDeletes`);
 * deleting a deleted run changes nothing.
 * @returns the number of keys of its data, and whether there was anything of it.
 */
export async function deleteRun(
  store: Store,
  hash: string,
  options: DeleteOptions,
): Promise<{ readonly existed: boolean; readonly keys: number }> {
  const { progress = silentProgress, signal, bounds = deleteBounds } = options;
  const { database } = store;
  const existed = await boundedTransaction(database, bounds.entries, (tx, limit) =>
    hideRun(tx, store, hash, options.now, limit),
  );
  for (let more = true; more; ) {
    signal?.throwIfAborted();
    more = await boundedTransaction(database, bounds.entries, (tx, limit) => dropLinks(tx, store, hash, limit));
  }
  let keys = 0;
  for (const range of dataRanges(store, hash))
    for (let more = true; more; ) {
      signal?.throwIfAborted();
      const cleared = await database.transact((tx) => clearSome(tx, range, bounds));
      keys += cleared.keys;
      progress.advance(cleared.keys);
      more = cleared.more;
    }
  // Meta goes last: until then it says that the run is to be deleted.
  await database.transact(async (tx) => tx.clearRange(runRange(store, hash)));
  return { existed, keys };
}

async function hideRun(tx: Transaction, store: StoreKeys, hash: string, now: number, limit: number): Promise<boolean> {
  const [data, meta, entry] = await tx.firstOfEach([
    runRange(store, hash),
    runRange(store, hash, "meta"),
    indexRange(store, "_rev", hash),
  ]);
  if (meta !== undefined) tx.set(runKey(store, hash, "meta", "pending_deletion", leaf), encodeValue(true));
  const tombstone = indexKey(store, "_deleted", hash);
  if ((await tx.get(tombstone)) === undefined) tx.set(tombstone, encodeValue(now));
  // Entries of older writers may lack the twin that the walk below finds them by.
  for (const value of [false, true])
    for (const kind of ["archived", "active"]) removeEntry(tx, store, hash, [kind, value]);
  const created = await tx.get(runKey(store, hash, "meta", "created_at", leaf));
  const createdAt = created === undefined ? undefined : toNumber(decodeValue(created));
  if (createdAt !== undefined) removeEntry(tx, store, hash, ["created_at", createdAt]);
  await dropLinks(tx, store, hash, limit);
  return data !== undefined || entry !== undefined;
}

/** Removes index entries and associations, at most `limit` of each. Returns whether there may be more. */
async function dropLinks(tx: Transaction, store: StoreKeys, hash: string, limit: number): Promise<boolean> {
  const entries = await dropRunIndexes(tx, store, hash, limit);
  const links = await detachRun(tx, store, hash, limit);
  return entries === limit || links === limit;
}

/** All of a run's data before and behind its meta fields. */
function dataRanges(store: StoreKeys, hash: string): KeyRange[] {
  const all = runRange(store, hash);
  const meta = runRange(store, hash, "meta");
  return [
    { begin: all.begin, end: meta.begin },
    { begin: meta.end, end: all.end },
  ];
}

/** Clears the first keys of a range within the bounds: reads up to the bound, then clears up to what was read. */
export async function clearSome(
  tx: Transaction,
  range: KeyRange,
  bounds: { readonly keys: number; readonly bytes: number },
): Promise<{ keys: number; more: boolean }> {
  let keys = 0;
  let bytes = 0;
  let end: Uint8Array | undefined;
  scan: for await (const batch of tx.snapshot.range(range, { limit: bounds.keys }))
    for (const [key, value] of batch) {
      keys++;
      bytes += key.length + value.length;
      if (bytes < bounds.bytes && keys < bounds.keys) continue;
      end = after(key);
      break scan;
    }
  if (keys > 0) tx.clearRange(end === undefined ? range : { begin: range.begin, end });
  return { keys, more: end !== undefined };
}

/** When the run was deleted, in seconds since the epoch; undefined when it was not. An unreadable time reads as 0. */
export async function readTombstone(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<number | undefined> {
  const bytes = await tx.get(indexKey(store, "_deleted", hash));
  return bytes === undefined ? undefined : timeOf(bytes);
}

/** Lets messages of the run through again. Data of a delete that was cut short stays hidden until it is completed. */
export function clearTombstone(tx: Transaction, store: StoreKeys, hash: string): void {
  tx.clear(indexKey(store, "_deleted", hash));
}

export interface Tombstone {
  readonly hash: string;
  readonly deletedAt: number;
}

/** All tombstones by hash, in batches. */
export async function* listTombstones(tx: ReadTransaction, store: StoreKeys): AsyncGenerator<Tombstone[]> {
  for await (const batch of tx.range(indexRange(store, "_deleted")))
    yield batch.map(([key, bytes]) => ({ hash: lastString(key, store.dirs.indexes), deletedAt: timeOf(bytes) }));
}

function timeOf(bytes: Uint8Array): number {
  try {
    return toNumber(decodeValue(bytes)) ?? 0;
  } catch {
    return 0; // storage.md 1.3: a tombstone counts whatever its value
  }
}

/** Completes the deletes that were cut short: tombstones whose runs still hold data. Returns the runs. */
export async function resumeDeletes(store: Store, options: DeleteOptions): Promise<string[]> {
  const resumed: string[] = [];
  const all = indexRange(store, "_deleted");
  for (let begin: Uint8Array | undefined = all.begin; begin !== undefined; ) {
    const range: KeyRange = { begin, end: all.end };
    const page = await store.database.snapshot(async (tx) => {
      const hashes: string[] = [];
      for await (const batch of tx.range(range, { limit: 1_000 }))
        for (const [key] of batch) hashes.push(lastString(key, store.dirs.indexes));
      const left = await tx.firstOfEach(hashes.map((hash) => runRange(store, hash)));
      return { hashes, unfinished: hashes.filter((_, i) => left[i] !== undefined) };
    });
    for (const hash of page.unfinished) {
      await deleteRun(store, hash, options);
      resumed.push(hash);
    }
    const last = page.hashes.at(-1);
    begin = page.hashes.length < 1_000 || last === undefined ? undefined : after(indexKey(store, "_deleted", last));
  }
  return resumed;
}
