// What the index of a run must hold, computed from its data alone, and repair towards it without a moment of emptiness.
import { type Progress, silentProgress } from "../../formats/progress.ts";
import { unpack } from "../../formats/tuple.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { experimentTerms, tagTerms } from "./associations.ts";
import { hparamTerms } from "./attrs.ts";
import { boundedTransaction } from "./bounded.ts";
import { readTombstone } from "./deletion.ts";
import { entityKinds, isNamed, listEntities } from "./entities.ts";
import type { Store } from "./index.ts";
import { diffTerms, dropRunIndexes, type IndexTerm, indexKinds, metaTerms, reverseKey, syncTerms } from "./indexes.ts";
import { after, indexRange, runRange, type StoreKeys } from "./keys.ts";
import { scanRunHashes } from "./listing.ts";
import { recount } from "./namedEntities.ts";
import { readMeta } from "./runs.ts";
import { rebuildStats } from "./sequenceStats.ts";
import { readTraces } from "./traces.ts";

/** Changes of one transaction: each is two keys of up to a few hundred bytes. */
const changesPerTransaction = 5_000;

/**
 * The terms that a run must be found by; none for a deleted one. A run without `created_at` (its creation never came)
 * is found by its parameters, sequences and links, but by no list.
 */
export async function expectedIndexEntries(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<IndexTerm[]> {
  if ((await readTombstone(tx, store, hash)) !== undefined) return [];
  const meta = await readMeta(tx, store, hash);
  const names = new Set((await readTraces(tx, store, hash)).map((trace) => trace.name));
  return [
    ...(meta === undefined ? [] : metaTerms(meta)),
    ...(await experimentTerms(tx, store, hash)),
    ...(await tagTerms(tx, store, hash)),
    ...(await hparamTerms(tx, store, hash)),
    ...[...names].map((name): IndexTerm => ["trace", name]),
  ];
}

/** How the stored entries of a run differ from what they must be. */
export async function indexDrift(
  tx: ReadTransaction,
  store: StoreKeys,
  hash: string,
): Promise<{ missing: IndexTerm[]; stale: IndexTerm[] }> {
  return diffTerms(tx, store, hash, [], await expectedIndexEntries(tx, store, hash));
}

/** Repairs the entries of a run, `limit` of them at most. Returns whether all are right now; if not, call again. */
export async function reindexRun(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  limit = changesPerTransaction,
): Promise<{ changes: number; done: boolean }> {
  return syncTerms(tx, store, hash, [], await expectedIndexEntries(tx, store, hash), limit);
}

export interface ReindexOptions {
  /** Goes on behind this run. */
  readonly after?: string;
  /** Only these runs: what is left of others, and counts, stay as they are. */
  readonly runs?: readonly string[];
  /** Called with each run done: what `after` takes. */
  readonly onRun?: (hash: string) => void | Promise<void>;
  readonly progress?: Progress;
  /** Stops between two transactions. */
  readonly signal?: AbortSignal;
}

/**
 * Repairs the whole index run by run, and reads the metrics whose extremes are not known: look-ups stay right meanwhile. Then
 * removes entries of runs that are gone and entries without a twin, and recounts experiments and tags. Deletes no data. It may be
 * stopped and begun again anywhere.
 */
export async function reindexStore(
  store: Store,
  options: ReindexOptions = {},
): Promise<{ runs: number; changes: number }> {
  const { progress = silentProgress, signal } = options;
  let runs = 0;
  let changes = 0;
  progress.stage("runs");
  for await (const hashes of chosenRuns(store, options))
    for (const hash of hashes) {
      signal?.throwIfAborted();
      // Most runs are right: reading that takes no turn of those who write.
      const { missing, stale } = await store.database.snapshot((tx) => indexDrift(tx, store, hash));
      for (let done = missing.length + stale.length === 0; !done; ) {
        signal?.throwIfAborted();
        const step = await boundedTransaction(store.database, changesPerTransaction, (tx, limit) =>
          reindexRun(tx, store, hash, limit),
        );
        changes += step.changes;
        done = step.done;
      }
      changes += await rebuildStats(store, hash, signal);
      runs++;
      progress.advance(1);
      await options.onRun?.(hash);
    }
  if (options.runs !== undefined) return { runs, changes };
  progress.stage("entries of runs that are gone");
  changes += await dropLostRuns(store, signal);
  changes += await dropUntwinned(store, signal);
  progress.stage("counts");
  for (const kind of entityKinds) {
    if (!isNamed(kind)) continue;
    for await (const { id } of listEntities(store, kind)) {
      signal?.throwIfAborted();
      await recount(store, kind, id);
    }
  }
  return { runs, changes };
}

function chosenRuns(
  store: Store,
  { runs, after }: ReindexOptions,
): AsyncIterable<readonly string[]> | [readonly string[]] {
  return runs === undefined ? scanRunHashes(store, after === undefined ? {} : { after }) : [runs];
}

/** Counts what a reindex removes beside the entries of runs: those of runs that are gone, and those without a twin. */
export async function countLeftovers(store: Store, signal?: AbortSignal): Promise<number> {
  let count = 0;
  for (const kind of ["_rev", ...indexKinds]) {
    const { end, begin: start } = indexRange(store, kind);
    for (let begin: Uint8Array | undefined = start; begin !== undefined; ) {
      signal?.throwIfAborted();
      const range = { begin, end };
      const step: Step = await store.database.snapshot(async (tx) => {
        const keys: Uint8Array[] = [];
        for await (const batch of tx.range(range, { limit: 2_000 })) for (const [key] of batch) keys.push(key);
        const next = keys.length < 2_000 ? undefined : after(keys.at(-1)!);
        if (kind !== "_rev") {
          const twins = await tx.getMany(keys.map((key) => twinOf(store, key)));
          return { count: twins.filter((twin) => twin === undefined).length, next };
        }
        const owners = keys.map((key) => unpack(key, store.dirs.indexes.length)[1]);
        const hashes = [...new Set(owners)].filter((hash) => typeof hash === "string");
        const data = await tx.firstOfEach(hashes.map((hash) => runRange(store, hash)));
        const lost = new Set<unknown>(hashes.filter((_, i) => data[i] === undefined));
        return { count: owners.filter((hash) => lost.has(hash)).length, next };
      });
      count += step.count;
      begin = step.next;
    }
  }
  return count;
}

/** Walks the reverse index from run to run and drops the entries of those without data. */
async function dropLostRuns(store: Store, signal: AbortSignal | undefined): Promise<number> {
  const { end, begin: start } = indexRange(store, "_rev");
  let dropped = 0;
  for (let begin = start; ; ) {
    signal?.throwIfAborted();
    const step = await boundedTransaction(store.database, changesPerTransaction, async (tx, limit) => {
      const [entry] = await tx.firstOfEach([{ begin, end }]);
      if (entry === undefined) return undefined;
      const [, hash] = unpack(entry[0], store.dirs.indexes.length);
      if (typeof hash !== "string") return { count: 0, next: after(entry[0]) };
      const next = indexRange(store, "_rev", hash).end;
      const [data] = await tx.firstOfEach([runRange(store, hash)]);
      if (data !== undefined) return { count: 0, next };
      const count = await dropRunIndexes(tx, store, hash, limit);
      return { count, next: count < limit ? next : begin };
    });
    if (step === undefined) return dropped;
    dropped += step.count;
    begin = step.next;
  }
}

interface Step {
  readonly count: number;
  readonly next: Uint8Array | undefined;
}

/** Removes forward entries without a twin: after the runs were repaired, nothing true lacks one. */
async function dropUntwinned(store: Store, signal: AbortSignal | undefined): Promise<number> {
  let dropped = 0;
  for (const kind of indexKinds) {
    const { end, begin: start } = indexRange(store, kind);
    for (let begin: Uint8Array | undefined = start; begin !== undefined; ) {
      signal?.throwIfAborted();
      const range = { begin, end };
      const step: Step = await boundedTransaction(store.database, 2_000, async (tx, limit) => {
        const keys: Uint8Array[] = [];
        for await (const batch of tx.range(range, { limit })) for (const [key] of batch) keys.push(key);
        const twins = await tx.getMany(keys.map((key) => twinOf(store, key)));
        const lost = keys.filter((_, i) => twins[i] === undefined);
        for (const key of lost) tx.clear(key);
        return { count: lost.length, next: keys.length < limit ? undefined : after(keys.at(-1)!) };
      });
      dropped += step.count;
      begin = step.next;
    }
  }
  return dropped;
}

function twinOf(store: StoreKeys, key: Uint8Array): Uint8Array {
  const elements = unpack(key, store.dirs.indexes.length);
  const hash = elements.pop();
  // A key that no entry can have is its own twin: left to `matyan inspect`.
  return typeof hash === "string" ? reverseKey(store, hash, elements) : key;
}
