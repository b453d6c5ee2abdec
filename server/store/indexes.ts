// Index entries: forward keys that find runs, and their reverse twins that find the entries of a run (storage.md 3).
import type { TupleElement } from "../../formats/tuple.ts";
import { unpack } from "../../formats/tuple.ts";
import type { Value, ValueMap } from "../../formats/value.ts";
import { limits, type ReadTransaction, type Transaction } from "../kv/index.ts";
import { checkKey, cutText, indexKey, indexRange, lastString, packKey, type StoreKeys } from "./keys.ts";

/** A forward key without its run hash: `["hparam", "lr", 0.1]`. */
export type IndexTerm = readonly TupleElement[];

const empty = new Uint8Array(0);

/** The kinds of terms. "hparam_long" marks runs whose text parameter is too long for a key: look-ups must look into them. */
export const indexKinds = [
  "archived",
  "active",
  "created_at",
  "experiment",
  "tag",
  "hparam",
  "hparam_long",
  "trace",
] as const;
export type IndexKind = (typeof indexKinds)[number];

/** @throws MatyanError `too_large` naming the term. */
export function addEntry(tx: Transaction, store: StoreKeys, hash: string, term: IndexTerm): void {
  const what = () => `the index entry ${term[0]} '${cutText(String(term[1]))}' of run '${cutText(hash)}'`;
  const reverse = checkKey(reverseKey(store, hash, term), what);
  tx.set(forwardKey(store, hash, term), empty);
  tx.set(reverse, empty);
}

export function removeEntry(tx: Transaction, store: StoreKeys, hash: string, term: IndexTerm): void {
  tx.clear(forwardKey(store, hash, term));
  tx.clear(reverseKey(store, hash, term));
}

export function forwardKey(store: StoreKeys, hash: string, term: IndexTerm): Uint8Array {
  return packKey(store.dirs.indexes, [...term, hash]);
}

export function reverseKey(store: StoreKeys, hash: string, term: IndexTerm): Uint8Array {
  return packKey(store.dirs.indexes, ["_rev", hash, ...term, hash]);
}

/** The terms stored for a run (all, or those that begin with `term`), read from the reverse index. */
export async function storedTerms(
  tx: ReadTransaction,
  store: StoreKeys,
  hash: string,
  term: IndexTerm = [],
  limit?: number,
): Promise<TupleElement[][]> {
  const range = indexRange(store, "_rev", hash, ...term);
  const offset = indexKey(store, "_rev", hash).length;
  const terms: TupleElement[][] = [];
  for await (const batch of tx.range(range, limit === undefined ? {} : { limit }))
    for (const [key] of batch) terms.push(unpack(key, offset).slice(0, -1));
  return terms;
}

/**
 * Makes the stored terms of a run that begin with `within` equal to `expected`, touching only what differs.
 * At most `limit` changes; returns how many were made and whether that was all.
 */
export async function syncTerms(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  within: IndexTerm,
  expected: readonly IndexTerm[],
  limit = Number.POSITIVE_INFINITY,
): Promise<{ changes: number; done: boolean }> {
  const { missing, stale } = await diffTerms(tx, store, hash, within, expected);
  let changes = 0;
  for (const term of stale) {
    if (changes >= limit) return { changes, done: false };
    removeEntry(tx, store, hash, term);
    changes++;
  }
  for (const term of missing) {
    if (changes >= limit) return { changes, done: false };
    addEntry(tx, store, hash, term);
    changes++;
  }
  return { changes, done: true };
}

/** What is wrong with the stored terms of a run: `missing` lacks the forward key or its twin, `stale` has no reason. */
export async function diffTerms(
  tx: ReadTransaction,
  store: StoreKeys,
  hash: string,
  within: IndexTerm,
  expected: readonly IndexTerm[],
): Promise<{ missing: IndexTerm[]; stale: IndexTerm[] }> {
  const wanted = new Map(expected.map((term) => [termId(term), term]));
  const stale: IndexTerm[] = [];
  const twins = new Set<string>();
  for (const term of await storedTerms(tx, store, hash, within)) {
    const id = termId(term);
    if (wanted.has(id)) twins.add(id);
    else stale.push(term);
  }
  const terms = [...wanted.values()];
  const forward = await tx.getMany(terms.map((term) => forwardKey(store, hash, term)));
  const missing = terms.filter((term, i) => forward[i] === undefined || !twins.has(termId(term)));
  return { missing, stale };
}

function termId(term: IndexTerm): string {
  return packKey(empty, term).toHex();
}

/** The terms that a run's meta gives (Tier 1 without experiment and tags); none for a run that was never created. */
export function metaTerms(meta: ValueMap): IndexTerm[] {
  const created = meta.get("created_at");
  if (typeof created !== "number" && typeof created !== "bigint") return [];
  return [
    ["archived", meta.get("is_archived") === true],
    ["active", meta.get("active") !== false],
    ["created_at", Number(created)],
  ];
}

/** The term of one parameter, or undefined when its value is of a kind that is not indexed (null, bytes, a branch). */
export function hparamTerm(store: StoreKeys, hash: string, name: string, value: Value): IndexTerm | undefined {
  if (typeof value !== "string" && typeof value !== "bigint" && typeof value !== "number" && typeof value !== "boolean")
    return undefined;
  const term: IndexTerm = ["hparam", name, value];
  // UTF-16 units never outnumber UTF-8 bytes, so this spares packing what cannot fit.
  const tooLong = typeof value === "string" && value.length + name.length > limits.keyBytes;
  if (!tooLong && reverseKey(store, hash, term).length <= limits.keyBytes) return term;
  return longHparamTerm(name);
}

/** Marks that the run has a value for `name` that is too long for an index key. The name goes in by its SHA-256. */
export function longHparamTerm(name: string): IndexTerm {
  return ["hparam_long", new Bun.CryptoHasher("sha256").update(name).digest("hex")];
}

/** Removes entries of a run, at most `limit`, walking its reverse index. Returns how many; fewer than `limit` means all. */
export async function dropRunIndexes(tx: Transaction, store: StoreKeys, hash: string, limit?: number): Promise<number> {
  const terms = await storedTerms(tx, store, hash, [], limit);
  for (const term of terms) removeEntry(tx, store, hash, term);
  return terms.length;
}

/** The runs of a term, in byte order of their hashes, in batches. */
export async function* lookupTerm(tx: ReadTransaction, store: StoreKeys, term: IndexTerm): AsyncGenerator<string[]> {
  for await (const batch of tx.range(indexRange(store, ...term)))
    yield batch.map(([key]) => lastString(key, store.dirs.indexes));
}

export function lookupExperiment(tx: ReadTransaction, store: StoreKeys, name: string): AsyncGenerator<string[]> {
  return lookupTerm(tx, store, ["experiment", name]);
}

export function lookupTag(tx: ReadTransaction, store: StoreKeys, name: string): AsyncGenerator<string[]> {
  return lookupTerm(tx, store, ["tag", name]);
}

export function lookupTrace(tx: ReadTransaction, store: StoreKeys, name: string): AsyncGenerator<string[]> {
  return lookupTerm(tx, store, ["trace", name]);
}

export function lookupActive(tx: ReadTransaction, store: StoreKeys, active: boolean): AsyncGenerator<string[]> {
  return lookupTerm(tx, store, ["active", active]);
}

/** Runs by time of creation: seconds since the epoch, `from` inclusive, `to` exclusive, ascending unless `reverse`. */
export async function* lookupCreated(
  tx: ReadTransaction,
  store: StoreKeys,
  options: { readonly from?: number; readonly to?: number; readonly reverse?: boolean } = {},
): AsyncGenerator<{ readonly hash: string; readonly createdAt: number }[]> {
  const all = indexRange(store, "created_at");
  const begin = options.from === undefined ? all.begin : indexKey(store, "created_at", options.from);
  const end = options.to === undefined ? all.end : indexKey(store, "created_at", options.to);
  const offset = indexKey(store, "created_at").length;
  for await (const batch of tx.range({ begin, end }, { reverse: options.reverse ?? false }))
    yield batch.flatMap(([key]) => {
      const [createdAt, hash] = unpack(key, offset);
      return typeof createdAt === "number" && typeof hash === "string" ? [{ hash, createdAt }] : [];
    });
}

export { lookupHparam } from "./hparams.ts";
export { expectedIndexEntries, indexDrift, reindexRun, reindexStore } from "./reindex.ts";
