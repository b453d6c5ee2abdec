// Pages of index entries: for work that stops between pages, such as a search whose reader is slow, and holds no snapshot then.
import { rangeOf, unpack } from "../../formats/tuple.ts";
import type { KeyRange, ReadTransaction } from "../kv/index.ts";
import type { Store } from "./index.ts";
import { forwardKey, type IndexTerm } from "./indexes.ts";
import { after, indexKey, indexRange, lastString, packKey, type StoreKeys } from "./keys.ts";

export interface TermPage {
  readonly hashes: readonly string[];
  /** Where the next page begins; undefined when this was the last. */
  readonly next: Uint8Array | undefined;
}

/** Runs of a term in byte order of their hashes, from `begin` (the `next` of the page before) on. */
export async function pageOfTerm(
  tx: ReadTransaction,
  store: StoreKeys,
  term: IndexTerm,
  begin: Uint8Array | undefined,
  limit: number,
): Promise<TermPage> {
  const all = termKeys(store, term);
  const hashes: string[] = [];
  let last: Uint8Array | undefined;
  for await (const batch of tx.range({ begin: begin ?? all.begin, end: all.end }, { limit }))
    for (const [key] of batch) {
      hashes.push(lastString(key, store.dirs.indexes));
      last = key;
    }
  return { hashes, next: last === undefined || hashes.length < limit ? undefined : after(last) };
}

/** The entries of a term: one for each run. */
export function termKeys(store: StoreKeys, term: IndexTerm): KeyRange {
  return indexRange(store, ...term);
}

/** The entries of the first `limit` keys of a range, and where those behind them begin; undefined when there are none. */
export async function countPage(
  tx: ReadTransaction,
  range: KeyRange,
  limit: number,
): Promise<{ readonly count: number; readonly next: Uint8Array | undefined }> {
  let count = 0;
  let last: Uint8Array | undefined;
  for await (const batch of tx.range(range, { limit })) {
    count += batch.length;
    last = batch.at(-1)?.[0] ?? last;
  }
  return { count, next: last === undefined || count < limit ? undefined : after(last) };
}

/** How many runs a term has; `atMost` when there are that many or more. */
export async function countTerm(
  tx: ReadTransaction,
  store: StoreKeys,
  term: IndexTerm,
  atMost: number,
): Promise<number> {
  let count = 0;
  for await (const batch of tx.range(termKeys(store, term), { limit: atMost })) count += batch.length;
  return count;
}

/** Times of creation, seconds since the epoch, both included; open where undefined. */
export interface CreatedTimes {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** The entries of the index of creation times: one for each run. */
export function createdKeys(store: StoreKeys, { from, to }: CreatedTimes): KeyRange {
  const all = termKeys(store, ["created_at"]);
  return {
    begin: from === undefined ? all.begin : indexKey(store, "created_at", from),
    end: to === undefined ? all.end : rangeOf(packKey(store.dirs.indexes, ["created_at", to])).end,
  };
}

export interface CreatedRange extends CreatedTimes {
  /** Newest first. */
  readonly reverse: boolean;
}

export interface CreatedPage {
  readonly entries: readonly { readonly hash: string; readonly createdAt: number }[];
  readonly next: Uint8Array | undefined;
}

/**
 * Runs by time of creation, equal times by hash (descending when `reverse`). `position` is the `next` of the page before, or
 * a `createdPosition`; the page lies behind it in the direction of reading.
 */
export async function pageOfCreated(
  tx: ReadTransaction,
  store: StoreKeys,
  range: CreatedRange,
  position: Uint8Array | undefined,
  limit: number,
): Promise<CreatedPage> {
  const { reverse } = range;
  let { begin, end } = createdKeys(store, range);
  if (position !== undefined && reverse) end = earlier(end, position);
  else if (position !== undefined) begin = later(begin, after(position));
  const offset = indexKey(store, "created_at").length;
  const entries: { hash: string; createdAt: number }[] = [];
  let count = 0;
  let last: Uint8Array | undefined;
  for await (const batch of tx.range({ begin, end }, { limit, reverse }))
    for (const [key] of batch) {
      const [createdAt, hash] = unpack(key, offset);
      if (typeof createdAt === "number" && typeof hash === "string") entries.push({ createdAt, hash });
      count++;
      last = key;
    }
  return { entries, next: count < limit ? undefined : last };
}

/** Entries of a page when all of an index is gone through: far from the time that a transaction may take. */
const walkedAtOnce = 10_000;

/** All runs by time of creation, oldest first. Each page is a snapshot of its own. */
export async function* walkCreated(store: Store): AsyncGenerator<CreatedPage["entries"], void> {
  for (let position: Uint8Array | undefined; ; ) {
    const page: CreatedPage = await store.database.snapshot((tx) =>
      pageOfCreated(tx, store, { reverse: false }, position, walkedAtOnce),
    );
    yield page.entries;
    if (page.next === undefined) return;
    position = page.next;
  }
}

/** All runs of a term, likewise. */
export async function* walkTerm(store: Store, term: IndexTerm): AsyncGenerator<TermPage["hashes"], void> {
  for (let begin: Uint8Array | undefined; ; ) {
    const page: TermPage = await store.database.snapshot((tx) => pageOfTerm(tx, store, term, begin, walkedAtOnce));
    yield page.hashes;
    if (page.next === undefined) return;
    begin = page.next;
  }
}

/** The place of a run in the order of creation. */
export function createdPosition(store: StoreKeys, createdAt: number, hash: string): Uint8Array {
  return forwardKey(store, hash, ["created_at", createdAt]);
}

function earlier(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) < 0 ? a : b;
}

function later(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) > 0 ? a : b;
}
