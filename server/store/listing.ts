// Lists of runs from the indexes, page by page, and the run that a hash prefix means.
import { MatyanError } from "../../formats/error.ts";
import { decodeValue } from "../../formats/msgpack.ts";
import { unpack } from "../../formats/tuple.ts";
import { toNumber } from "../../formats/value.ts";
import { type KeyRange, prefixRange, type ReadTransaction } from "../kv/index.ts";
import type { Store } from "./index.ts";
import { forwardKey, type IndexTerm } from "./indexes.ts";
import { after, indexKey, indexRange, leaf, packKey, runKey, runRange, type StoreKeys } from "./keys.ts";
import { isTrue } from "./runs.ts";

export interface RunFilter {
  /** Names. An experiment or tag that does not exist gives no runs. */
  readonly experiment?: string | undefined;
  readonly tag?: string | undefined;
  readonly active?: boolean | undefined;
  readonly archived?: boolean | undefined;
  /** Created at this time or later, seconds since the epoch. */
  readonly since?: number | undefined;
  /** By time of creation, ascending (default) or descending. */
  readonly order?: "created" | "-created" | undefined;
}

const pageSize = 500;
/** Up to so many runs of an experiment or tag are sorted in memory; beyond, all runs are walked in order and compared. */
const sortLimit = 20_000;

/**
 * The hashes of the runs that match, in pages. Each page is one snapshot, so a run that changes meanwhile may appear by
 * its old or new state. Runs about to be deleted, runs without a time of creation and stale entries are left out.
 */
export async function* listRuns(store: Store, filter: RunFilter = {}): AsyncGenerator<string[]> {
  const terms = termsOf(filter);
  const [narrow, ...others] = terms;
  if (narrow !== undefined) {
    const sorted = await sortedRuns(store, narrow, others, filter);
    if (sorted !== undefined) {
      for (let at = 0; at < sorted.length; at += pageSize) yield sorted.slice(at, at + pageSize);
      return;
    }
  }
  yield* walkCreated(store, terms, filter);
}

function termsOf({ experiment, tag }: RunFilter): IndexTerm[] {
  const terms: IndexTerm[] = [];
  if (experiment !== undefined) terms.push(["experiment", experiment]);
  if (tag !== undefined) terms.push(["tag", tag]);
  return terms;
}

async function* walkCreated(store: Store, terms: readonly IndexTerm[], filter: RunFilter): AsyncGenerator<string[]> {
  const reverse = filter.order === "-created";
  const all = indexRange(store, "created_at");
  let range: KeyRange =
    filter.since === undefined ? all : { begin: indexKey(store, "created_at", filter.since), end: all.end };
  const offset = indexKey(store, "created_at").length;
  for (;;) {
    const page = await store.database.snapshot(async (tx) => {
      const keys: Uint8Array[] = [];
      for await (const batch of tx.range(range, { limit: pageSize, reverse }))
        for (const [key] of batch) keys.push(key);
      const listed = keys.flatMap((key) => {
        const [createdAt, hash] = unpack(key, offset);
        return typeof createdAt === "number" && typeof hash === "string" ? [{ createdAt, hash }] : [];
      });
      const matching = await matchRuns(
        tx,
        store,
        listed.map(({ hash }) => hash),
        terms,
        filter,
      );
      // A run that was created anew by the old system has entries of both times: only the true one counts.
      const hashes = listed.filter(({ hash, createdAt }) => matching.get(hash) === createdAt).map(({ hash }) => hash);
      return { keys, hashes };
    });
    if (page.hashes.length > 0) yield page.hashes;
    const last = page.keys.at(-1);
    if (last === undefined || page.keys.length < pageSize) return;
    range = reverse ? { begin: range.begin, end: last } : { begin: after(last), end: range.end };
  }
}

/** Runs of one term, sorted; undefined when there are more than `sortLimit`. */
async function sortedRuns(
  store: Store,
  term: IndexTerm,
  others: readonly IndexTerm[],
  filter: RunFilter,
): Promise<string[] | undefined> {
  const all = indexRange(store, ...term);
  const offset = indexKey(store, ...term).length;
  const found: { hash: string; createdAt: number }[] = [];
  for (let begin = all.begin, count = 0; ; ) {
    const keys = await store.database.snapshot(async (tx) => {
      const page: Uint8Array[] = [];
      for await (const batch of tx.range({ begin, end: all.end }, { limit: pageSize }))
        for (const [key] of batch) page.push(key);
      const hashes = page.map((key) => unpack(key, offset)[0]).filter((hash) => typeof hash === "string");
      for (const [hash, createdAt] of await matchRuns(tx, store, hashes, others, filter))
        if (filter.since === undefined || createdAt >= filter.since) found.push({ hash, createdAt });
      return page;
    });
    count += keys.length;
    if (count > sortLimit) return undefined;
    if (keys.length < pageSize) break;
    begin = after(keys.at(-1)!);
  }
  // Equal times by hash, as the index has them.
  const direction = filter.order === "-created" ? -1 : 1;
  found.sort(
    (a, b) => direction * (a.createdAt - b.createdAt || Buffer.compare(Buffer.from(a.hash), Buffer.from(b.hash))),
  );
  return found.map(({ hash }) => hash);
}

/**
 * Of `hashes` those that exist, are not to be deleted and match, with their time of creation. One wait. Being active or
 * archived is read from the run itself: old entries of runs that the old system created twice say otherwise.
 */
async function matchRuns(
  tx: ReadTransaction,
  store: StoreKeys,
  hashes: readonly string[],
  terms: readonly IndexTerm[],
  filter: RunFilter = {},
): Promise<Map<string, number>> {
  const fields = ["created_at", "pending_deletion", "active", "is_archived"];
  const width = fields.length + terms.length;
  const stored = await tx.getMany(
    hashes.flatMap((hash) => [
      ...fields.map((field) => runKey(store, hash, "meta", field, leaf)),
      ...terms.map((term) => forwardKey(store, hash, term)),
    ]),
  );
  const matching = new Map<string, number>();
  hashes.forEach((hash, i) => {
    const [created, pending, active, archived, ...entries] = stored.slice(i * width, (i + 1) * width);
    if (created === undefined || isTrue(pending) || entries.includes(undefined)) return;
    if (filter.active !== undefined && filter.active !== (active === undefined || isTrue(active))) return;
    if (filter.archived !== undefined && filter.archived !== isTrue(archived)) return;
    const createdAt = toNumber(decodeValue(created));
    if (createdAt !== undefined) matching.set(hash, createdAt);
  });
  return matching;
}

const candidateLimit = 6;

/** The first `limit` runs whose hash starts with `prefix`, in byte order: the run of that very hash before all others. */
export async function runsByPrefix(store: Store, prefix: string, limit: number): Promise<string[]> {
  const packed = packKey(store.dirs.runs, [prefix]);
  // Without its end mark the packed text is a prefix of all texts that begin so.
  const { end } = prefixRange(packed.subarray(0, -1));
  const found: string[] = [];
  for (let begin: Uint8Array | undefined = packed; begin !== undefined && found.length < limit; ) {
    const page: Page = await nextHashes(store, { begin, end }, limit);
    found.push(...page.hashes.filter(({ exists }) => exists).map(({ hash }) => hash));
    begin = page.next;
  }
  return found.slice(0, limit);
}

/**
 * The run whose hash is `prefix`, or the only one whose hash starts with it. One seek per candidate.
 * @throws MatyanError `not_found`; `conflict` naming candidates when several runs match; `usage` for an empty prefix.
 */
export async function resolveHash(store: Store, prefix: string): Promise<string> {
  return theRunOf(prefix, prefix === "" ? [] : await runsByPrefix(store, prefix, candidateLimit));
}

/**
 * The one that was meant among runs whose hashes start with `prefix`, in byte order; after the first few no more are looked at.
 * @throws MatyanError as `resolveHash`
 */
export function theRunOf(
  prefix: string,
  candidates: readonly string[],
  hint = "`matyan runs ls` lists the runs.",
): string {
  if (prefix === "") throw new MatyanError("usage", "an empty run hash names no run");
  const [first] = candidates;
  if (first === undefined) throw new MatyanError("not_found", `no run's hash starts with '${prefix}'`, { hint });
  if (first === prefix || candidates.length === 1) return first;
  const shown = candidates.slice(0, candidateLimit - 1).join(", ");
  const more = candidates.length >= candidateLimit ? ", ..." : "";
  throw new MatyanError("conflict", `several runs start with '${prefix}': ${shown}${more}`, {
    hint: "Give more of the hash.",
  });
}

/** All hashes that hold any data, listed or not, in byte order: skips from run to run. For repair; lists use `listRuns`. */
export async function* scanRunHashes(
  store: Store,
  options: { readonly after?: string } = {},
): AsyncGenerator<string[]> {
  const { dirs } = store;
  const end = prefixRange(dirs.runs).end;
  let begin: Uint8Array | undefined = options.after === undefined ? dirs.runs : runRange(store, options.after).end;
  while (begin !== undefined) {
    const page: Page = await nextHashes(store, { begin, end }, pageSize);
    if (page.hashes.length > 0) yield page.hashes.map(({ hash }) => hash);
    begin = page.next;
  }
}

interface Page {
  readonly hashes: readonly { readonly hash: string; readonly exists: boolean }[];
  readonly next: Uint8Array | undefined;
}

async function nextHashes(store: Store, range: KeyRange, limit: number): Promise<Page> {
  return store.database.snapshot(async (tx) => {
    const hashes: string[] = [];
    let begin = range.begin;
    while (hashes.length < limit) {
      const [found] = await tx.firstOfEach([{ begin, end: range.end }]);
      if (found === undefined) break;
      const [hash] = unpack(found[0], store.dirs.runs.length);
      // A key that does not begin with a hash is not of this data model: step over it.
      begin = typeof hash === "string" ? runRange(store, hash).end : after(found[0]);
      if (typeof hash === "string") hashes.push(hash);
    }
    const matching = await matchRuns(tx, store, hashes, []);
    return {
      hashes: hashes.map((hash) => ({ hash, exists: matching.has(hash) })),
      next: hashes.length < limit ? undefined : begin,
    };
  });
}
