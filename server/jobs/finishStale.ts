// `matyan finish-stale`: ends the runs that nobody logs to any more.
import { type Progress, silentProgress } from "../../formats/progress.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { lastActivity } from "../store/activity.ts";
import type { Store } from "../store/index.ts";
import { pageOfTerm } from "../store/indexPages.ts";
import { finishRun, readMeta, updateMeta } from "../store/runs.ts";

export interface StaleRun {
  readonly hash: string;
  /** Seconds since the epoch; undefined when nothing of the run says a time. */
  readonly lastActivity: number | undefined;
}

export interface FinishStaleOptions {
  /** Seconds without any activity that make a run stale. */
  readonly olderThan: number;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly dryRun?: boolean;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  readonly onRun?: (run: StaleRun) => void;
}

export interface FinishStaleResult {
  readonly active: number;
  readonly stale: number;
  readonly finished: number;
}

const pageSize = 200;

/**
 * Finishes each active run without a point, log line or change for `olderThan` seconds; its age alone says nothing. Whether a run
 * is stale is asked again in the transaction that finishes it, so that one which logs meanwhile stays active. A run whose last
 * activity is not known is left alone. The end is the last activity: that is when it stopped.
 */
export async function finishStale(store: Store, options: FinishStaleOptions): Promise<FinishStaleResult> {
  const { now, olderThan, dryRun = false, progress = silentProgress, signal, onRun } = options;
  const cutoff = now - olderThan;
  const result = { active: 0, stale: 0, finished: 0 };
  progress.stage("active runs");
  for await (const hashes of activeRuns(store))
    for (const hash of hashes) {
      signal?.throwIfAborted();
      progress.advance(1);
      const found = await store.database.snapshot((tx) => staleSince(tx, store, hash, cutoff));
      if (found === undefined) continue;
      result.active++;
      if (found === "alive") continue;
      const last = found.lastActivity;
      result.stale++;
      if (!dryRun && !(await finish(store, hash, cutoff, now))) continue;
      if (!dryRun) result.finished++;
      onRun?.({ hash, lastActivity: last });
    }
  return result;
}

async function finish(store: Store, hash: string, cutoff: number, now: number): Promise<boolean> {
  return store.database.transact(async (tx) => {
    const found = await staleSince(tx, store, hash, cutoff);
    if (found === undefined || found === "alive") return false;
    if (!(await finishRun(tx, store, hash, { now }))) return false;
    await updateMeta(tx, store, hash, new Map([["finalized_at", found.lastActivity]]), now);
    return true;
  });
}

/** Undefined when the run is not active, or there is none. */
async function staleSince(
  tx: ReadTransaction,
  store: Store,
  hash: string,
  cutoff: number,
): Promise<{ readonly lastActivity: number } | "alive" | undefined> {
  const meta = await readMeta(tx, store, hash);
  if (meta === undefined || meta.get("active") === false || meta.get("pending_deletion") === true) return undefined;
  const last = await lastActivity(tx, store, hash);
  return last === undefined || last >= cutoff ? "alive" : { lastActivity: last };
}

/** Hashes of the runs that the index says are active, a page a snapshot: runs may leave it while it is walked. */
async function* activeRuns(store: Store): AsyncGenerator<readonly string[]> {
  for (let from: Uint8Array | undefined, isFirst = true; isFirst || from !== undefined; isFirst = false) {
    const page = await store.database.snapshot((tx) => pageOfTerm(tx, store, ["active", true], from, pageSize));
    if (page.hashes.length > 0) yield page.hashes;
    from = page.next;
  }
}
