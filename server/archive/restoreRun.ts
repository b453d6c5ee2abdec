// Puts one run of an archive into the store. Nobody sees it before the last transaction, which makes all of it visible.
import { MatyanError } from "../../formats/error.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import type { BlobStore } from "../blobs/index.ts";
import type { Transaction } from "../kv/index.ts";
import { addRunTag, setRunExperiment } from "../store/associations.ts";
import { hparamTerms } from "../store/attrs.ts";
import type { Store } from "../store/index.ts";
import { addEntry, type IndexTerm } from "../store/indexes.ts";
import { reindexRun } from "../store/reindex.ts";
import {
  clearRestoreJournal,
  type RestoreJournal,
  readRestoreJournal,
  writeRestoreJournal,
} from "../store/restoreJournal.ts";
import { clearTombstone, deleteRun, writeMeta } from "../store/runs.ts";
import { writeStats } from "../store/sequenceStats.ts";
import { isMetric, writeTrace } from "../store/traces.ts";
import type { ArchivedRun, RunDocuments } from "./archivedRun.ts";
import { putBlobs } from "./restoreBlobs.ts";
import { firstJournal, readStoredRun } from "./restoreDecide.ts";
import { Batch, type Commit, writeDocuments } from "./restoreDocuments.ts";
import { PointReader, type SequenceState, stageLarge, writeBatch } from "./restorePoints.ts";

export interface RunWork {
  readonly store: Store;
  /** Undefined: without blobs. */
  readonly blobs: BlobStore | undefined;
  /** Names the archive and this restore in the journal. */
  readonly archive: string;
  readonly owner: string;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly signal: AbortSignal | undefined;
}

/** Where the run's links lead in this store. */
export interface RunLinks {
  /** For the metadata; without `isLinked` it is what the archive has, and no experiment of the store. */
  readonly experimentId: string | null;
  readonly isLinked: boolean;
  readonly tagIds: readonly string[];
}

export interface Restored {
  readonly points: number;
  readonly lostObjects: number;
  /** Sequences that `traces.json` lacks. */
  readonly unlisted: number;
  readonly blobs: number;
  readonly blobBytes: number;
}

/** Left alone, the engine lets some 10 MB more of dead records pile up before it collects them. */
const batchesPerCollection = 50;
const maxFinalTerms = 3_000;
const maxFinalTraces = 5_000;

/**
 * Restores a run that `firstJournal` may write: begins it, or goes on where an interrupted restore stopped.
 * @throws MatyanError `corrupt` when the archive's run is damaged (nothing of it is visible then; `discardRun` removes
 * the rest), `busy` when another restore took the run over, and what the store throws.
 */
export async function restoreRun(
  work: RunWork,
  run: ArchivedRun,
  documents: RunDocuments,
  links: RunLinks,
): Promise<Restored> {
  const { store } = work;
  let journal = await begin(work, run.hash);
  if (journal.phase === "clearing") {
    await clearRemains(work, run.hash);
    journal = await advance(work, run.hash, journal, { phase: "blobs" }, async () => {});
  }
  let stored = { blobs: 0, blobBytes: 0 };
  if (journal.phase === "blobs") {
    if (work.blobs !== undefined) stored = await putBlobs(work.blobs, run, documents.attrs, work.signal);
    await writeDocuments({ ...work, hash: run.hash, commit: committer(work, run.hash, journal) }, documents);
    journal = await advance(work, run.hash, journal, { phase: "points" }, async () => {});
  } else if (work.blobs !== undefined) stored = await countBlobs(run);
  const reader = new PointReader(run.hash, documents.traces);
  let batches = 0;
  for await (const batch of reader.batches(run.records(), journal.lines)) {
    work.signal?.throwIfAborted();
    if (++batches % batchesPerCollection === 0) Bun.gc(true);
    await stageLarge(store, run.hash, batch);
    journal = await advance(work, run.hash, journal, { lines: batch.line }, (tx) =>
      writeBatch(tx, store, run.hash, batch),
    );
  }
  if (!journal.merged) await writeExtremes(work, run.hash, journal, reader.states);
  const unlisted = [...reader.states].filter((state) => state.trace === undefined).length;
  await complete(work, run.hash, journal, documents, links, [...reader.states].filter(isIncomplete));
  return { points: reader.points, lostObjects: reader.lost, unlisted, ...stored };
}

/**
 * Removes what the failed restore of a damaged run left. Points that were there before it stay.
 * The run's tombstone stays if it had one.
 */
export async function discardRun(work: RunWork, hash: string): Promise<void> {
  const { store } = work;
  const stored = await store.database.snapshot((tx) => readStoredRun(tx, store, hash));
  if (stored.journal?.owner !== work.owner) return;
  if (!stored.journal.merged) await clearRemains(work, hash);
  await store.database.transact(async (tx) => {
    clearRestoreJournal(tx, store, hash);
    if (stored.tombstone === undefined) await clearTombstone(tx, store, hash);
  });
}

async function begin(work: RunWork, hash: string): Promise<RestoreJournal> {
  const { store, archive, owner } = work;
  return store.database.transact(async (tx) => {
    const journal = firstJournal(await readStoredRun(tx, store, hash), archive, owner);
    writeRestoreJournal(tx, store, hash, journal);
    return journal;
  });
}

/** One transaction of the restore: `body`, and the journal that says so. */
async function advance(
  work: RunWork,
  hash: string,
  journal: RestoreJournal,
  change: Partial<RestoreJournal>,
  body: (tx: Transaction) => Promise<void>,
): Promise<RestoreJournal> {
  const next = { ...journal, ...change };
  await work.store.database.transact(async (tx) => {
    await checkOwner(tx, work, hash);
    await body(tx);
    writeRestoreJournal(tx, work.store, hash, next);
  });
  return next;
}

function committer(work: RunWork, hash: string, journal: RestoreJournal): Commit {
  return async (body) => void (await advance(work, hash, journal, {}, body));
}

async function checkOwner(tx: Transaction, { store, owner }: RunWork, hash: string): Promise<void> {
  const journal = await readRestoreJournal(tx, store, hash);
  if (journal?.owner === owner) return;
  throw new MatyanError("busy", `another restore is working on run ${hash}`, {
    hint: "Wait until it is done, then run this one again.",
  });
}

/** The run that was there before, or what is left of one, with its blobs if blobs are restored. */
async function clearRemains(work: RunWork, hash: string): Promise<void> {
  const { store, blobs, now, signal } = work;
  await deleteRun(store, hash, { now, ...(signal === undefined ? {} : { signal }) });
  if (blobs === undefined) return;
  for await (const { key } of blobs.list(`${hash}/`)) {
    signal?.throwIfAborted();
    await blobs.delete(key);
  }
}

/** Sequences whose last step (or all) the archive doesn't say: their points did. */
function isIncomplete(state: SequenceState): boolean {
  return state.trace === undefined || (state.trace.lastStep === undefined && state.lastStep !== undefined);
}

/** Of the sequences that are nothing but what the archive says of them. */
async function writeExtremes(
  work: RunWork,
  hash: string,
  journal: RestoreJournal,
  states: Iterable<SequenceState>,
): Promise<void> {
  const batch = new Batch(committer(work, hash, journal));
  for (const { contextId, name, dtype, trace, lastStep, extremes } of states) {
    // Traces of the existing system can end before the highest step, which writers take for the end.
    const isEnd = lastStep !== undefined && lastStep === (trace?.lastStep ?? lastStep);
    if (extremes === undefined || !isEnd || !isMetric({ dtype })) continue;
    await batch.add(150 + hash.length + name.length * 3, async (tx) =>
      writeStats(tx, work.store, { hash, contextId, name }, extremes, { lastStep, last: trace?.last ?? null }),
    );
  }
  await batch.flush();
}

/** The last transaction: metadata, links and index, and the journal and tombstone go. */
async function complete(
  work: RunWork,
  hash: string,
  journal: RestoreJournal,
  documents: RunDocuments,
  { experimentId, isLinked, tagIds }: RunLinks,
  incomplete: SequenceState[],
): Promise<void> {
  const { store } = work;
  const names = new Set([...documents.traces, ...incomplete].map(({ name }) => name));
  const addTrace = (state: SequenceState) => (tx: Transaction) => {
    const { contextId, name, dtype, lastStep } = state;
    return writeTrace(
      tx,
      store,
      hash,
      { contextId, name, dtype, ...(lastStep === undefined ? {} : { lastStep }) },
      { index: false },
    );
  };
  if (incomplete.length > maxFinalTraces) {
    const batch = new Batch(committer(work, hash, journal));
    for (const state of incomplete.splice(0)) await batch.add(600, addTrace(state));
    await batch.flush();
  }
  await indexAhead(work, hash, journal, documents, names);
  const meta: ValueMap = new Map<string, Value>(documents.meta).set("experiment_id", experimentId);
  await store.database.transact(async (tx) => {
    await checkOwner(tx, work, hash);
    for (const state of incomplete) await addTrace(state)(tx);
    await writeMeta(tx, store, hash, meta);
    await clearTombstone(tx, store, hash);
    if (isLinked) await setRunExperiment(tx, store, hash, experimentId);
    for (const id of tagIds) await addRunTag(tx, store, hash, id);
    const { done } = await reindexRun(tx, store, hash);
    if (!done) throw new Error(`the index of run ${hash} does not fit into its last transaction`);
    clearRestoreJournal(tx, store, hash);
  });
}

/**
 * A run with thousands of parameters or sequences has their index entries written before the last transaction, which
 * couldn't hold them. They lead to a run that isn't there yet, which every reader of the index has to expect anyway.
 */
async function indexAhead(
  work: RunWork,
  hash: string,
  journal: RestoreJournal,
  documents: RunDocuments,
  names: ReadonlySet<string>,
): Promise<void> {
  const { store } = work;
  const hparams = documents.attrs.get("hparams");
  if (names.size + (isMap(hparams) ? hparams.size : 0) <= maxFinalTerms) return;
  const terms: IndexTerm[] = await store.database.snapshot((tx) => hparamTerms(tx, store, hash));
  for (const name of names) terms.push(["trace", name]);
  const batch = new Batch(committer(work, hash, journal));
  for (const term of terms)
    await batch.add(1_000 + String(term[1]).length * 6 + String(term[2] ?? "").length * 6, async (tx) =>
      addEntry(tx, store, hash, term),
    );
  await batch.flush();
}

async function countBlobs(run: ArchivedRun): Promise<{ blobs: number; blobBytes: number }> {
  let blobs = 0;
  let blobBytes = 0;
  for await (const { size } of run.blobs()) {
    blobs++;
    blobBytes += size;
  }
  return { blobs, blobBytes };
}
