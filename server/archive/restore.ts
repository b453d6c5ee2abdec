// Puts the runs, entities and blobs of an archive into the store (backup-convert.md 3, 6.5).
import { randomUUID } from "node:crypto";
import type { ArchiveReader } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import { formatJson } from "../../formats/json.ts";
import { type Progress, silentProgress } from "../../formats/progress.ts";
import { toNumber } from "../../formats/value.ts";
import type { BlobStore } from "../blobs/index.ts";
import type { Store } from "../store/index.ts";
import { ArchivedRun, type RunDocuments } from "./archivedRun.ts";
import { ArchiveSums } from "./archiveSums.ts";
import {
  isInTheWay,
  isSameRun,
  type OnConflict,
  type RunAction,
  readStoredRun,
  type StoredRun,
} from "./restoreDecide.ts";
import { EntityIds, type EntityOutcome, restoreEntities } from "./restoreEntities.ts";
import { PointReader } from "./restorePoints.ts";
import { restoreProject, type SettingOutcome } from "./restoreProject.ts";
import { discardRun, type Restored, type RunLinks, type RunWork, restoreRun } from "./restoreRun.ts";

export interface RestoreOptions extends RestoreWays {
  readonly archive: ArchiveReader;
  readonly store: Store;
  readonly blobs: BlobStore;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** How an archive is restored, wherever to. */
export interface RestoreWays {
  /** Says what would be done and writes nothing. All of the archive is read, so damage shows. */
  readonly dryRun?: boolean | undefined;
  /** Without experiments, tags, dashboards and so on, and settings; runs are linked to those that the store has. */
  readonly skipEntities?: boolean | undefined;
  readonly skipBlobs?: boolean | undefined;
  /**
   * What happens to runs that the store has already: `skip` (default) keeps them, `replace` puts the archive's in their
   * place, `fail` refuses to begin. `replace` also applies to entities and settings that differ; otherwise those stay.
   */
  readonly onConflict?: OnConflict | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called as soon as a thing is done (or, in a dry run, decided). */
  readonly onRun?: ((outcome: RunOutcome) => void) | undefined;
  readonly onEntity?: ((outcome: EntityOutcome) => void) | undefined;
}

export interface RunOutcome {
  readonly hash: string;
  /** "" when the archive's metadata can't be read. */
  readonly name: string;
  readonly action: RunAction;
  /** Of the archive, now in the store; 0 when nothing of the run is written. */
  readonly points: number;
  readonly blobs: number;
  readonly blobBytes: number;
  /** Why the run is kept or failed; undefined otherwise. */
  readonly reason: string | undefined;
  /** What is worth knowing of a run that is restored. */
  readonly notes: readonly string[];
}

export interface RestoreReport {
  readonly dryRun: boolean;
  readonly runs: Readonly<Record<RunAction, number>>;
  readonly points: number;
  readonly blobs: number;
  readonly blobBytes: number;
  readonly entities: Readonly<Record<EntityOutcome["action"], number>>;
  readonly settings: readonly SettingOutcome[];
  /** Runs that failed, and how. */
  readonly failures: readonly { readonly hash: string; readonly reason: string }[];
}

/**
 * Entities first, then run by run. A run becomes visible when all of it is there; one that is damaged in the archive fails
 * as a whole, and the others go on. An interrupted restore goes on when it is run again.
 * @throws MatyanError `conflict` for `fail` when runs exist (nothing is written then), `corrupt` for damaged entities or
 * settings, `interrupted`, and what the store and the blob store throw.
 */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const { archive, store, progress = silentProgress } = options;
  const archiveId = new Bun.CryptoHasher("sha256").update(formatJson(archive.manifest)).digest("hex");
  if (options.onConflict === "fail") await refuseExisting(options, archiveId);
  const entities = { create: 0, same: 0, keep: 0, replace: 0, map: 0 };
  progress.stage("restoring entities", undefined, "entities");
  const ids = await linkEntities(options, (outcome) => {
    entities[outcome.action]++;
    progress.advance(1);
    options.onEntity?.(outcome);
  });
  const settings = options.skipEntities ? [] : await restoreProject(archive, store, options);
  const runs: Record<RunAction, number> = { create: 0, continue: 0, replace: 0, same: 0, keep: 0, nothing: 0, fail: 0 };
  const totals = { points: 0, blobs: 0, blobBytes: 0 };
  const failures: { hash: string; reason: string }[] = [];
  const sums = await ArchiveSums.open(archive.folder);
  const work = { ...options, archiveId, ids, sums, owner: randomUUID() };
  progress.stage(options.dryRun ? "reading runs" : "restoring runs", await bytesOf(options), "bytes");
  for (const [index, hash] of archive.runHashes.entries()) {
    options.signal?.throwIfAborted();
    progress.item(`run ${index + 1} of ${archive.runHashes.length}: ${hash}`);
    const outcome = await restoreOne(work, hash);
    runs[outcome.action]++;
    totals.points += outcome.points;
    totals.blobs += outcome.blobs;
    totals.blobBytes += outcome.blobBytes;
    if (outcome.action === "fail") failures.push({ hash, reason: outcome.reason ?? "" });
    options.onRun?.(outcome);
  }
  return { dryRun: options.dryRun ?? false, runs, ...totals, entities, settings, failures };
}

interface Work extends RestoreOptions {
  readonly archiveId: string;
  readonly owner: string;
  readonly ids: EntityIds;
  readonly sums: ArchiveSums | undefined;
}

async function refuseExisting({ archive, store }: RestoreOptions, archiveId: string): Promise<void> {
  const existing: string[] = [];
  for (const hash of archive.runHashes) {
    const stored = await store.database.snapshot((tx) => readStoredRun(tx, store, hash));
    if (isInTheWay(stored, archiveId)) existing.push(hash);
  }
  if (existing.length === 0) return;
  const shown = existing.slice(0, 5).join(", ") + (existing.length > 5 ? ", ..." : "");
  throw new MatyanError("conflict", `the store has ${existing.length} of the archive's runs already: ${shown}`, {
    hint: "Nothing was written. Use --on-conflict skip to keep them, or replace to put the archive's in their place.",
  });
}

/** Without entities it still finds out which stored ones the archive's are, by id and by name. */
async function linkEntities(options: RestoreOptions, report: (outcome: EntityOutcome) => void): Promise<EntityIds> {
  const { archive, store, now, signal, skipEntities = false, dryRun = false } = options;
  const work = { store, now, signal, replace: options.onConflict === "replace", dryRun: dryRun || skipEntities };
  if (!skipEntities) return restoreEntities(archive, work, report);
  const ids = new EntityIds();
  await restoreEntities(archive, work, (outcome) => {
    if (outcome.action !== "create") ids.add(outcome);
  });
  return ids;
}

/** What will be read: the points' text and the blobs that the manifest counts. */
async function bytesOf({ archive, skipBlobs }: RestoreOptions): Promise<number> {
  let bytes = skipBlobs ? 0 : (toNumber(archive.manifest.get("blob_bytes")) ?? 0);
  for (const hash of archive.runHashes) bytes += (await archive.run(hash)).recordBytes;
  return bytes;
}

/** Faults of the archive: the run fails, the restore goes on. Anything else ends it. */
const runFaults: ReadonlySet<string> = new Set(["corrupt", "too_large", "unsupported"]);

async function restoreOne(work: Work, hash: string): Promise<RunOutcome> {
  const nothing = { hash, points: 0, blobs: 0, blobBytes: 0, reason: undefined, notes: [] };
  let name = "";
  try {
    const run = await ArchivedRun.open(
      work.archive,
      hash,
      work.sums,
      (bytes) => work.progress?.advance(bytes),
      work.signal,
    );
    const documents = await run.documents(work.now);
    name = String(documents.meta.get("name"));
    if (documents.isNothing)
      return { ...nothing, name: "", action: "nothing", reason: "it did not exist when it was backed up" };
    const { stored, links, notes, isSame } = await look(work, hash, documents);
    const existing = isInTheWay(stored, work.archiveId);
    if (existing && work.onConflict !== "replace") {
      work.progress?.advance(run.recordBytes);
      const pending = stored.meta?.get("pending_deletion") === true;
      const reason = pending
        ? "a run of that hash is there, and its deletion is under way"
        : "a different run of that hash is there";
      return isSame ? { ...nothing, name, action: "same" } : { ...nothing, name, action: "keep", reason };
    }
    const action = existing ? "replace" : stored.journal?.archive === work.archiveId ? "continue" : "create";
    // A run is not given up for one that turns out to be damaged.
    const rehearsed = work.dryRun || existing ? await rehearse(work, run, documents) : undefined;
    const restored = work.dryRun ? rehearsed! : await restoreRun(runWork(work), run, documents, links);
    const { points, blobs, blobBytes } = restored;
    return {
      ...nothing,
      name,
      action,
      points,
      blobs,
      blobBytes,
      notes: [...notes, ...notesOf(stored, documents, restored)],
    };
  } catch (error) {
    if (!(error instanceof MatyanError) || !runFaults.has(error.code)) throw error;
    if (!work.dryRun) await discardRun(runWork(work), hash);
    return { ...nothing, name, action: "fail", reason: error.message };
  }
}

function runWork({ store, blobs, skipBlobs, archiveId, owner, now, signal }: Work): RunWork {
  return { store, blobs: skipBlobs ? undefined : blobs, archive: archiveId, owner, now, signal };
}

interface Look {
  readonly stored: StoredRun;
  readonly links: RunLinks;
  readonly notes: string[];
  readonly isSame: boolean;
}

/** One look at the store: what it has of the run, and of what the run refers to. */
async function look({ store, ids }: Work, hash: string, documents: RunDocuments): Promise<Look> {
  return store.database.snapshot(async (tx) => {
    const stored = await readStoredRun(tx, store, hash);
    const notes: string[] = [];
    const archivedId = documents.meta.get("experiment_id");
    const wanted = typeof archivedId === "string" ? archivedId : undefined;
    const found = await ids.find(tx, store, "experiment", wanted, documents.experimentName);
    const lost = documents.experimentName ?? wanted;
    if (found === undefined && lost !== undefined) notes.push(`its experiment '${lost}' is not in the store`);
    const tagIds: string[] = [];
    for (const tag of documents.tags) {
      const id = await ids.find(tx, store, "tag", tag.id, tag.name);
      if (id === undefined) notes.push(`its tag '${tag.name ?? tag.id}' is not in the store`);
      else tagIds.push(id);
    }
    const experimentId = found ?? wanted ?? null;
    const isSame =
      stored.meta !== undefined && (await isSameRun(tx, store, hash, stored.meta, documents, experimentId));
    return { stored, notes, isSame, links: { experimentId, isLinked: found !== undefined, tagIds } };
  });
}

/** Reads all of the run as a restore would. @throws MatyanError `corrupt`. */
async function rehearse(work: Work, run: ArchivedRun, documents: RunDocuments): Promise<Restored> {
  const reader = new PointReader(run.hash, documents.traces);
  for await (const _ of reader.batches(run.records(), 0)) work.signal?.throwIfAborted();
  let blobs = 0;
  let blobBytes = 0;
  if (!work.skipBlobs) {
    for await (const file of run.blobs()) {
      for await (const _ of file.read()) work.signal?.throwIfAborted();
      blobs++;
      blobBytes += file.size;
    }
  }
  const unlisted = [...reader.states].filter((state) => state.trace === undefined).length;
  return { points: reader.points, lostObjects: reader.lost, unlisted, blobs, blobBytes };
}

function notesOf(stored: StoredRun, documents: RunDocuments, restored: Restored): string[] {
  const notes: string[] = [];
  if (stored.tombstone !== undefined && stored.journal === undefined)
    notes.push("it had been deleted: its deletion marker goes");
  if (documents.wasPendingDeletion)
    notes.push("its deletion had been asked for when it was backed up: it is restored as a run like any other");
  if (restored.lostObjects > 0)
    notes.push(
      `${restored.lostObjects} objects (images, texts, ...) are not in the archive: the program that made it lost them`,
    );
  if (restored.unlisted > 0)
    notes.push(`${restored.unlisted} sequences were missing from traces.json: they are listed now`);
  return notes;
}
