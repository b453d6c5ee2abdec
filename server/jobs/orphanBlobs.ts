// `matyan cleanup-orphan-blobs`: deletes files of runs that are gone, and files that no record of their run names.
import { type Progress, silentProgress } from "../../formats/progress.ts";
import type { BlobEntry, BlobFailure, BlobStore } from "../blobs/index.ts";
import type { Store } from "../store/index.ts";
import { readCursor, writeCursor } from "../store/jobCursors.ts";
import { readRestoreJournal } from "../store/restoreJournal.ts";
import { hasData, readTombstone } from "../store/runs.ts";
import { dropReferenced } from "./references.ts";

/** Why files went: their run was deleted, there never was one, or nothing of their run names them. */
export type OrphanReason = "deleted run" | "unknown run" | "unreferenced";

export interface OrphanGroup {
  /** The run that the files were of. */
  readonly hash: string;
  readonly reason: OrphanReason;
  readonly count: number;
  readonly bytes: number;
  /** The first few keys. */
  readonly keys: readonly string[];
}

export interface OrphanOptions {
  /** Files to delete at most; the next time goes on behind them. 0 for all. */
  readonly limit: number;
  /** Files of runs that were not deleted are left alone until they are older than this, seconds: their message may be on its way. */
  readonly grace: number;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly dryRun?: boolean;
  /** Asked right before files are deleted; throws when they must not be. */
  readonly assertHeld?: () => Promise<void>;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  readonly onGroup?: (group: OrphanGroup) => void;
}

export interface OrphanResult {
  readonly listed: number;
  readonly deleted: number;
  readonly bytes: number;
  /** Keys that are no run's: left alone. */
  readonly foreign: number;
  readonly failed: number;
  readonly failures: readonly BlobFailure[];
  /** Whether the limit ended it before the end of the listing. */
  readonly more: boolean;
}

/** Files of one run that are held at a time. */
const groupSize = 100_000;
const shownKeys = 10;
const filesPerMark = 10_000;

/**
 * Walks all files in the order of their keys, run by run, in memory that does not grow with their number. Where it was stopped,
 * or reached its limit, the next time goes on; it begins at the front again after the end. Files below what is neither a run of the
 * store nor a run hash are somebody else's and stay.
 */
export async function cleanupOrphanBlobs(
  store: Store,
  blobs: BlobStore,
  options: OrphanOptions,
): Promise<OrphanResult> {
  const { limit, dryRun = false, progress = silentProgress, signal } = options;
  const totals = { listed: 0, deleted: 0, bytes: 0, foreign: 0, failed: 0, failures: [] as BlobFailure[], more: false };
  const start = await readCursor(store, "cleanup_orphan_blobs");
  let lastMark = 0;
  progress.stage("files");
  for await (const group of groups(blobs.list("", { after: start }), totals)) {
    signal?.throwIfAborted();
    progress.advance(group.entries.length);
    const left = limit === 0 ? Number.POSITIVE_INFINITY : limit - totals.deleted;
    if (left <= 0) {
      totals.more = true;
      return totals;
    }
    const { reason, orphans: all, foreign = 0 } = await orphansOf(store, group, options);
    totals.foreign += foreign;
    const orphans = all.slice(0, left);
    if (orphans.length > 0) {
      const done = dryRun
        ? { deleted: orphans.length, bytes: sizeOf(orphans), failed: 0, failures: [] }
        : await remove(store, blobs, group.hash, reason, orphans, options);
      totals.deleted += done.deleted;
      totals.failed += done.failed;
      totals.failures.push(...done.failures.slice(0, shownKeys - totals.failures.length));
      totals.bytes += done.bytes;
      const keys = orphans.slice(0, shownKeys).map(({ key }) => key);
      if (done.deleted > 0)
        options.onGroup?.({ hash: group.hash, reason, count: done.deleted, bytes: done.bytes, keys });
    }
    if (orphans.length < all.length) {
      totals.more = true;
      return totals;
    }
    // Where it goes on costs a transaction: not for each of many small runs.
    if (!dryRun && (orphans.length > 0 || totals.listed - lastMark > filesPerMark)) {
      lastMark = totals.listed;
      await writeCursor(store, "cleanup_orphan_blobs", group.entries.at(-1)!.key);
    }
  }
  if (!dryRun) await writeCursor(store, "cleanup_orphan_blobs", undefined);
  return totals;
}

interface Group {
  readonly hash: string;
  readonly entries: readonly BlobEntry[];
}

/** Files of one run each. Counts what it passes over. */
async function* groups(
  entries: AsyncIterable<BlobEntry>,
  totals: { listed: number; foreign: number },
): AsyncGenerator<Group, void> {
  let hash = "";
  let group: BlobEntry[] = [];
  for await (const entry of entries) {
    totals.listed++;
    const owner = ownerOf(entry.key);
    if (owner === undefined) totals.foreign++;
    if (group.length > 0 && (owner !== hash || group.length >= groupSize)) {
      yield { hash, entries: group };
      group = [];
    }
    if (owner === undefined) continue;
    hash = owner;
    group.push(entry);
  }
  if (group.length > 0) yield { hash, entries: group };
}

/** Hashes as the clients make them: 32 digits of a UUID, 24 of earlier versions, 26 of a ULID. */
const runHash = /^(?:[0-9a-f]{24}|[0-9a-f]{32}|[0-9A-HJKMNP-TV-Z]{26})$/;

/** The run below whose prefix a file lies; early scripts put `artifacts/` before it. */
function ownerOf(key: string): string | undefined {
  const [first, second, third] = key.split("/", 3);
  const [hash, rest] = first === "artifacts" ? [second, third] : [first, second];
  return hash !== undefined && hash !== "" && rest !== undefined ? hash : undefined;
}

type RunState = "deleted" | "unknown" | "known" | "being restored";

async function stateOf(store: Store, hash: string): Promise<RunState> {
  return store.database.snapshot(async (tx) => {
    const [journal, tombstone, isThere] = await Promise.all([
      readRestoreJournal(tx, store, hash),
      readTombstone(tx, store, hash),
      hasData(tx, store, hash),
    ]);
    // A restore stores files before the records that name them.
    if (journal !== undefined) return "being restored";
    if (tombstone !== undefined) return "deleted";
    return isThere ? "known" : "unknown";
  });
}

async function orphansOf(
  store: Store,
  { hash, entries }: Group,
  { now, grace, signal }: OrphanOptions,
): Promise<{ readonly reason: OrphanReason; readonly orphans: readonly BlobEntry[]; readonly foreign?: number }> {
  const state = await stateOf(store, hash);
  if (state === "deleted") return { reason: "deleted run", orphans: entries };
  // Nothing says that a name which the store does not know is a run's.
  if (state === "unknown" && !runHash.test(hash))
    return { reason: "unknown run", orphans: [], foreign: entries.length };
  const old = entries.filter(({ modified }) => modified !== undefined && modified < now - grace);
  if (state === "unknown") return { reason: "unknown run", orphans: old };
  const keys = new Set(state === "known" ? old.map(({ key }) => key) : []);
  if (keys.size > 0) await dropReferenced(store, hash, keys, signal);
  return { reason: "unreferenced", orphans: old.filter(({ key }) => keys.has(key)) };
}

function sizeOf(entries: readonly BlobEntry[]): number {
  return entries.reduce((sum, { size }) => sum + size, 0);
}

/** Files deleted between two looks at whether they still may be. */
const deletedAtOnce = 1_000;
const stateFor = { "deleted run": "deleted", "unknown run": "unknown", unreferenced: "known" } as const;

async function remove(
  store: Store,
  blobs: BlobStore,
  hash: string,
  reason: OrphanReason,
  orphans: readonly BlobEntry[],
  { assertHeld, signal }: OrphanOptions,
): Promise<{ deleted: number; bytes: number; failed: number; failures: BlobFailure[] }> {
  const done = { deleted: 0, bytes: 0, failed: 0, failures: [] as BlobFailure[] };
  for (let at = 0; at < orphans.length; at += deletedAtOnce) {
    signal?.throwIfAborted();
    await assertHeld?.();
    // A restore, or the run's first message, may have come meanwhile.
    if ((await stateOf(store, hash)) !== stateFor[reason]) break;
    const part = orphans.slice(at, at + deletedAtOnce);
    const { deleted, failed, failures } = await blobs.deleteMany(part.map(({ key }) => key));
    const left = new Set(failures.map(({ key }) => key));
    done.deleted += deleted;
    done.bytes += sizeOf(part.filter(({ key }) => !left.has(key)));
    done.failed += failed;
    done.failures.push(...failures);
  }
  return done;
}
