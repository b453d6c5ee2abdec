// `matyan reindex`: compares the indexes with the data, and repairs them in place.
import { type Progress, silentProgress } from "../../formats/progress.ts";
import type { BlobStore } from "../blobs/index.ts";
import { resumeDeletes } from "../store/deletion.ts";
import type { Store } from "../store/index.ts";
import type { IndexTerm } from "../store/indexes.ts";
import { readCursor, writeCursor } from "../store/jobCursors.ts";
import { scanRunHashes } from "../store/listing.ts";
import { countLeftovers, indexDrift, reindexStore } from "../store/reindex.ts";
import { removeFiles } from "../workers/runFiles.ts";
import { type Ghost, ghostOf, purgeGhost } from "./ghosts.ts";

export interface RunDrift {
  readonly hash: string;
  readonly missing: readonly IndexTerm[];
  readonly stale: readonly IndexTerm[];
}

export interface ReindexJobOptions {
  /** Only these runs. */
  readonly runs?: readonly string[];
  /** Only says what is wrong. */
  readonly check?: boolean;
  /** Deletes ghosts that were silent for so many seconds; undefined only reports them. */
  readonly purgeGhosts?: number | undefined;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  readonly onDrift?: (drift: RunDrift) => void;
  readonly onGhost?: (ghost: Ghost, purged: boolean) => void;
}

export interface ReindexJobResult {
  readonly runs: number;
  /** Runs whose entries differ (`check`). */
  readonly drifted: number;
  /** Entries of runs that are gone, and entries without a twin (`check` of all runs). */
  readonly leftovers: number;
  /** Entries written or removed. */
  readonly changes: number;
  readonly ghosts: number;
  readonly purged: number;
  /** The run behind which a job that had been stopped went on. */
  readonly resumedAfter: string | undefined;
}

const runsPerMark = 200;

/**
 * Run by run: look-ups stay right meanwhile, and the indexes are never empty. Deletes no run: data without a creation is reported,
 * and removed only when asked for. Stopped anywhere, the next call goes on where it was.
 */
export async function reindex(store: Store, blobs: BlobStore, options: ReindexJobOptions): Promise<ReindexJobResult> {
  const { check = false, runs: chosen } = options;
  if (check) return checkRuns(store, options);
  // A ghost's deletion that was cut short is completed first: it is no ghost any more.
  if (options.purgeGhosts !== undefined)
    await resumeDeletes(store, {
      ...{ now: options.now, files: removeFiles(blobs) },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  const resumedAfter = chosen === undefined ? await readCursor(store, "reindex") : undefined;
  const ghosts = { ghosts: 0, purged: 0 };
  let sinceMark = 0;
  let last = resumedAfter;
  const mark = async (hash: string) => {
    await lookForGhost(store, blobs, hash, options, ghosts);
    last = hash;
    if (chosen !== undefined || ++sinceMark < runsPerMark) return;
    sinceMark = 0;
    await writeCursor(store, "reindex", hash);
  };
  try {
    const done = await reindexStore(store, {
      ...(chosen === undefined ? {} : { runs: chosen }),
      ...(resumedAfter === undefined ? {} : { after: resumedAfter }),
      ...(options.progress === undefined ? {} : { progress: options.progress }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onRun: mark,
    });
    if (chosen === undefined) await writeCursor(store, "reindex", undefined);
    return { ...done, ...ghosts, drifted: 0, leftovers: 0, resumedAfter };
  } catch (error) {
    if (options.signal?.aborted && chosen === undefined && last !== undefined)
      await writeCursor(store, "reindex", last);
    throw error;
  }
}

async function checkRuns(store: Store, options: ReindexJobOptions): Promise<ReindexJobResult> {
  const { progress = silentProgress, signal, onDrift } = options;
  const result = { runs: 0, drifted: 0, ghosts: 0 };
  progress.stage("runs");
  for await (const hashes of options.runs === undefined ? scanRunHashes(store) : [options.runs])
    for (const hash of hashes) {
      signal?.throwIfAborted();
      const { missing, stale } = await store.database.snapshot((tx) => indexDrift(tx, store, hash));
      result.runs++;
      progress.advance(1);
      if (missing.length + stale.length > 0) {
        result.drifted++;
        onDrift?.({ hash, missing, stale });
      }
      const ghost = await ghostOf(store, hash);
      if (ghost === undefined) continue;
      result.ghosts++;
      options.onGhost?.(ghost, false);
    }
  progress.stage("entries of no run");
  const leftovers = options.runs === undefined ? await countLeftovers(store, signal) : 0;
  return { ...result, leftovers, changes: 0, purged: 0, resumedAfter: undefined };
}

async function lookForGhost(
  store: Store,
  blobs: BlobStore,
  hash: string,
  { now, purgeGhosts, signal, onGhost }: ReindexJobOptions,
  counts: { ghosts: number; purged: number },
): Promise<void> {
  const ghost = await ghostOf(store, hash);
  if (ghost === undefined) return;
  counts.ghosts++;
  const purged =
    purgeGhosts !== undefined &&
    (await purgeGhost(store, blobs, hash, {
      ...{ cutoff: now - purgeGhosts, now },
      ...(signal === undefined ? {} : { signal }),
    }));
  if (purged) counts.purged++;
  onGhost?.(ghost, purged);
}
