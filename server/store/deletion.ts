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
import { clearOutbox, listOutbox, type OutboxEntry, putOutbox, readOutbox } from "./outbox.ts";

/** What one transaction of a delete touches at most. */
const deleteBounds = { entries: 5_000, keys: 50_000, bytes: 8_000_000 } as const;

/** Removes the files of a run whose data is gone, or tells who does. May be called again for the same run. */
export type DropFiles = (hash: string) => Promise<void>;

export interface DeleteOptions {
  /** Seconds since the epoch: the time of the tombstone. */
  readonly now: number;
  /**
   * What becomes of the run's files once its data is gone. `later` leaves them to `resumeDeletes`, which is told by the outbox;
   * absent, they stay for good.
   */
  readonly files?: DropFiles | "later";
  /** Writes what has to be durable together with the decision. */
  readonly note?: (tx: Transaction) => void;
  /** Counts keys. */
  readonly progress?: Progress;
  /** Stops between two transactions; deleting again goes on. */
  readonly signal?: AbortSignal;
  /** Other bounds per transaction than `deleteBounds`. */
  readonly bounds?: { readonly entries: number; readonly keys: number; readonly bytes: number };
}

/**
 * Deletes a run. The first transaction hides it from every reader and writes its tombstone; the following ones clear
 * index entries, associations and data; then its files go. Cut short anywhere, also by a failure of `files`, it is completed by
 * deleting again or `resumeDeletes`: the outbox says so. Deleting a deleted run changes nothing.
 * @returns the number of keys of its data, and whether there was anything of it.
 */
export async function deleteRun(
  store: Store,
  hash: string,
  options: DeleteOptions,
): Promise<{ readonly existed: boolean; readonly keys: number }> {
  const { progress = silentProgress, signal, bounds = deleteBounds, files } = options;
  const { database } = store;
  const existed = await boundedTransaction(database, bounds.entries, (tx, limit) =>
    hideRun(tx, store, hash, options, limit),
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
  await database.transact(async (tx) => {
    tx.clearRange(runRange(store, hash));
    if (files === undefined) clearOutbox(tx, store, "run_deleted", hash);
  });
  if (files === undefined || files === "later") return { existed, keys };
  await files(hash);
  await database.transact(async (tx) => clearOutbox(tx, store, "run_deleted", hash));
  return { existed, keys };
}

async function hideRun(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  { now, files, note }: DeleteOptions,
  limit: number,
): Promise<boolean> {
  note?.(tx);
  clearOutbox(tx, store, "delete_run", hash);
  putOutbox(tx, store, { kind: "run_deleted", hash, since: now, withFiles: files !== undefined });
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
async function clearSome(
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

/**
 * Lets messages of the run through again. Data of a delete that was cut short stays hidden until it is completed; files that it
 * had still to remove stay, since a run made anew may have files of its own.
 */
export async function clearTombstone(tx: Transaction, store: StoreKeys, hash: string): Promise<void> {
  tx.clear(indexKey(store, "_deleted", hash));
  if (!(await isPending(tx, store, hash))) clearOutbox(tx, store, "run_deleted", hash);
}

async function isPending(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<boolean> {
  return (await tx.get(runKey(store, hash, "meta", "pending_deletion", leaf))) !== undefined;
}

export interface Tombstone {
  readonly hash: string;
  readonly deletedAt: number;
}

const tombstonePage = 500;

/** All tombstones by hash. Each page is a snapshot of its own: they may be cleared while they are walked. */
export async function* listTombstones(store: Store): AsyncGenerator<Tombstone, void> {
  const all = indexRange(store, "_deleted");
  for (let begin: Uint8Array | undefined = all.begin; begin !== undefined; ) {
    const range = { begin, end: all.end };
    const page: Tombstone[] = await store.database.snapshot(async (tx) => {
      const found: Tombstone[] = [];
      for await (const batch of tx.range(range, { limit: tombstonePage }))
        for (const [key, bytes] of batch)
          found.push({ hash: lastString(key, store.dirs.indexes), deletedAt: timeOf(bytes) });
      return found;
    });
    yield* page;
    const last = page.at(-1);
    begin =
      last === undefined || page.length < tombstonePage ? undefined : after(indexKey(store, "_deleted", last.hash));
  }
}

/** Whether something of a deleted run is still in the store, or to be done. */
export async function hasRemains(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<boolean> {
  const [data, entry] = await tx.firstOfEach([runRange(store, hash), indexRange(store, "_rev", hash)]);
  return data !== undefined || entry !== undefined || (await readOutbox(tx, store, "run_deleted", hash)) !== undefined;
}

function timeOf(bytes: Uint8Array): number {
  try {
    return toNumber(decodeValue(bytes)) ?? 0;
  } catch {
    return 0; // storage.md 1.3: a tombstone counts whatever its value
  }
}

export interface ResumeOptions {
  /** Seconds since the epoch. */
  readonly now: number;
  readonly files: DropFiles;
  readonly signal?: AbortSignal;
  readonly bounds?: DeleteOptions["bounds"];
}

/**
 * Completes the deletes that the outbox knows of: data first, then files. One that fails is left there, and does not hold up the
 * others. Returns the runs. @throws the first failure, after all others are done.
 */
export async function resumeDeletes(store: Store, options: ResumeOptions): Promise<string[]> {
  const { signal } = options;
  const resumed: string[] = [];
  const failures: unknown[] = [];
  for await (const entry of listOutbox(store, "run_deleted")) {
    signal?.throwIfAborted();
    try {
      await resumeDelete(store, entry, options);
      resumed.push(entry.hash);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return resumed;
}

async function resumeDelete(store: Store, { hash, withFiles }: OutboxEntry, options: ResumeOptions): Promise<void> {
  const { now, files, signal, bounds } = options;
  const isCleared = await store.database.snapshot(async (tx) => (await readTombstone(tx, store, hash)) === undefined);
  await deleteRun(store, hash, {
    now,
    ...(withFiles ? { files } : {}),
    ...(signal === undefined ? {} : { signal }),
    ...(bounds === undefined ? {} : { bounds }),
  });
  // Its tombstone was cleared before its data was gone, so that the run could be made again.
  if (isCleared) await store.database.transact((tx) => clearTombstone(tx, store, hash));
}

/**
 * Hands each deletion that was asked for and did not begin to `submit`, which has to see to it that `delete_run` is applied. Asking
 * again is harmless; a run that is not hidden any more (another system deleted it, or it was made anew) is left alone.
 */
export async function resumeRequests(
  store: Store,
  submit: (hash: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<string[]> {
  const resumed: string[] = [];
  for await (const { hash } of listOutbox(store, "delete_run")) {
    signal?.throwIfAborted();
    const isWanted = await store.database.transact(async (tx) => {
      if (await isPending(tx, store, hash)) return true;
      clearOutbox(tx, store, "delete_run", hash);
      return false;
    });
    if (!isWanted) continue;
    await submit(hash);
    resumed.push(hash);
  }
  return resumed;
}
