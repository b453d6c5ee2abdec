// Re-ingests an archive into a live server, ours or the existing Python one, through REST and its frontier.
import type { ArchiveReader } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import { silentProgress } from "../../formats/progress.ts";
import { isMap, toNumber, type ValueMap } from "../../formats/value.ts";
import { ArchivedRun, type RunDocuments } from "../../server/archive/archivedRun.ts";
import { ArchiveSums } from "../../server/archive/archiveSums.ts";
import type { RestoreReport, RestoreWays, RunOutcome } from "../../server/archive/restore.ts";
import type { RunAction } from "../../server/archive/restoreDecide.ts";
import type { EntityOutcome } from "../../server/archive/restoreEntities.ts";
import { traceKey } from "../../server/archive/restoreValues.ts";
import { ServerRefusal } from "../client/http.ts";
import { EntityNames, type EntityTask, restoreRemoteEntities, restoreRemoteNotes } from "./restoreRemoteEntities.ts";
import { rehearsePoints } from "./restoreRemotePoints.ts";
import { restoreRemoteProject } from "./restoreRemoteProject.ts";
import { compareProps, missingArtifacts } from "./restoreRemoteProps.ts";
import { blobFolderOf, deleteRemoteRun, isMarked, type RestoredRun, restoreRemoteRun } from "./restoreRemoteRun.ts";
import { NotApplied, type Patience, patience } from "./restoreRemoteSocket.ts";
import { openTarget, readRun, type Target, textOf } from "./restoreRemoteTarget.ts";
import { compareParams, listedTraces } from "./restoreRemoteVerify.ts";

/**
 * A dry run asks the server what it has. `replace` of runs takes a server of ours: the existing one goes on dropping the
 * messages of a run that it deleted.
 */
export interface RestoreRemoteOptions extends RestoreWays {
  readonly archive: ArchiveReader;
  /** Address of the API, as people type it. */
  readonly url: string;
  /** Address of the frontier where it is another one (the existing system's port 53801); by default found from `url`. */
  readonly frontier?: string | undefined;
  /** How long a server may be silent. */
  readonly patience?: Patience | undefined;
}

export interface RestoreRemoteReport extends RestoreReport {
  /** What no message or request carries to that server, for the archive as a whole; what concerns one run is in its notes. */
  readonly notes: readonly string[];
}

interface Work extends RestoreRemoteOptions {
  readonly target: Target;
  readonly names: EntityNames;
  readonly sums: ArchiveSums | undefined;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** Runs in a row that the server took and did not apply, after which there is no sense in going on. */
const mostUnapplied = 2;

/**
 * Entities first, then run by run, oldest first, then the notes of runs. Each run is compared with the archive before it
 * gets its name; a run that differs, or is damaged in the archive, fails alone. What was interrupted goes on when it is run again.
 * @throws MatyanError `usage` and `io` for addresses that are no servers or don't answer, `conflict` for `fail` when runs
 * exist, `unsupported` for `replace` with the existing server, `corrupt` for damaged entities, `interrupted`
 */
export async function restoreRemote(options: RestoreRemoteOptions): Promise<RestoreRemoteReport> {
  const { archive, progress = silentProgress, dryRun = false, skipEntities = false, signal } = options;
  const target = await openTarget(options.url, options.frontier, signal);
  const now = Date.now() / 1_000;
  const { onConflict } = options;
  if (onConflict === "replace" || onConflict === "fail") await refuseExisting(target, archive, onConflict);
  const entities = { create: 0, same: 0, keep: 0, replace: 0, map: 0 };
  const losses = new Map<string, number>();
  const lose = (what: string) => void losses.set(what, (losses.get(what) ?? 0) + 1);
  const names = await EntityNames.read(target, archive, !skipEntities, now);
  const report = (outcome: EntityOutcome) => {
    entities[outcome.action]++;
    progress.advance(1);
    options.onEntity?.(outcome);
  };
  const entityTask: EntityTask = { target, archive, dryRun, replace: onConflict === "replace", now, report, lose };
  progress.stage("restoring entities", undefined, "entities");
  if (!skipEntities) await restoreRemoteEntities(entityTask, names);
  const settings = skipEntities ? [] : await restoreRemoteProject(archive, target, { dryRun, onConflict, lose });
  const runs: Record<RunAction, number> = { create: 0, continue: 0, replace: 0, same: 0, keep: 0, nothing: 0, fail: 0 };
  const totals = { points: 0, blobs: 0, blobBytes: 0 };
  const failures: { hash: string; reason: string }[] = [];
  const work: Work = { ...options, progress, target, names, now, sums: await ArchiveSums.open(archive.folder) };
  const hashes = await oldestFirst(archive);
  progress.stage(dryRun ? "reading runs" : "restoring runs", await bytesOf(options), "bytes");
  let unapplied = 0;
  for (const [index, hash] of hashes.entries()) {
    signal?.throwIfAborted();
    progress.item(`run ${index + 1} of ${hashes.length}: ${hash}`);
    const outcome = await restoreOne(work, hash).catch((error: unknown) => {
      if (!(error instanceof NotApplied) || ++unapplied >= mostUnapplied) throw error;
      return failed(hash, "", `${error.message}. ${error.hint ?? ""}`);
    });
    if (outcome.action !== "fail") unapplied = 0;
    runs[outcome.action]++;
    totals.points += outcome.points;
    totals.blobs += outcome.blobs;
    totals.blobBytes += outcome.blobBytes;
    if (outcome.action === "fail") failures.push({ hash, reason: outcome.reason ?? "" });
    options.onRun?.(outcome);
  }
  if (!skipEntities) await restoreRemoteNotes(entityTask, names);
  const written = runs.create + runs.continue + runs.replace;
  const notes = notesOf(target, written, entities.create, losses);
  return { dryRun, runs, ...totals, entities, settings, failures, notes };
}

/** By creation: a server that dates runs by their arrival lists them in their order. */
async function oldestFirst(archive: ArchiveReader): Promise<readonly string[]> {
  const times = new Map<string, number>();
  for (const hash of archive.runHashes) {
    const run = await archive.run(hash);
    // What can't be read is told when its turn comes.
    const meta = run.missing.includes("run.json") ? null : await run.readJson("run.json").catch(() => null);
    const time = isMap(meta) ? toNumber(meta.get("created_at") ?? meta.get("creation_time")) : undefined;
    times.set(hash, time ?? Number.POSITIVE_INFINITY);
  }
  return [...archive.runHashes].sort((a, b) => {
    const [first, second] = [times.get(a)!, times.get(b)!];
    return first === second ? 0 : first - second;
  });
}

async function refuseExisting(target: Target, archive: ArchiveReader, way: "replace" | "fail"): Promise<void> {
  if (way === "replace" && target.keepsTimes) return;
  const existing: string[] = [];
  for (const hash of archive.runHashes) {
    const info = await readRun(target, hash);
    if (info !== undefined && !isUnfinished(hash, info)) existing.push(hash);
  }
  if (existing.length === 0) return;
  const shown = existing.slice(0, 5).join(", ") + (existing.length > 5 ? ", ..." : "");
  if (way === "replace")
    throw new MatyanError(
      "unsupported",
      `the server has ${existing.length} of the archive's runs, and can't replace them: ${shown}`,
      {
        hint: "Nothing was written. This server drops the messages of runs that it has deleted: delete them, restart its ingestion workers, and restore then.",
      },
    );
  throw new MatyanError("conflict", `the server has ${existing.length} of the archive's runs already: ${shown}`, {
    hint: "Nothing was written. Use --on-conflict skip to keep them, or replace to put the archive's in their place.",
  });
}

/** Each run is read twice: before anything of it is written, and to be sent. */
async function bytesOf({ archive, skipBlobs, dryRun }: RestoreRemoteOptions): Promise<number> {
  let bytes = skipBlobs ? 0 : (toNumber(archive.manifest.get("blob_bytes")) ?? 0);
  for (const hash of archive.runHashes) bytes += (await archive.run(hash)).recordBytes;
  return dryRun ? bytes : 2 * bytes;
}

/** Faults of the archive, and refusals of single runs: the run fails, the restore goes on. */
const runFaults: ReadonlySet<string> = new Set(["corrupt", "too_large"]);

async function restoreOne(work: Work, hash: string): Promise<RunOutcome> {
  const { archive, target, progress, signal } = work;
  let name = "";
  try {
    const advance = (bytes: number) => progress?.advance(bytes);
    const run = await ArchivedRun.open(archive, hash, work.sums, advance, signal);
    const documents = await run.documents(work.now);
    name = textOf(documents.meta, "name");
    const nothing = { hash, name, points: 0, blobs: 0, blobBytes: 0, reason: undefined, notes: [] };
    if (documents.isNothing)
      return { ...nothing, name: "", action: "nothing", reason: "it did not exist when it was backed up" };
    const links = linksOf(work, documents);
    const info = await readRun(target, hash);
    const isContinued = info !== undefined && isUnfinished(hash, info);
    const isInTheWay = info !== undefined && !isContinued;
    if (isInTheWay && work.onConflict !== "replace") {
      if (await isSame(run, documents, links, info)) return { ...nothing, action: "same" };
      return { ...nothing, action: "keep", reason: "a different run of that hash is there" };
    }
    const action = isInTheWay ? "replace" : isContinued ? "continue" : "create";
    // Nothing is sent of a run that turns out to be damaged.
    const rehearsal = await rehearsePoints(run, documents);
    const blobs = work.skipBlobs ? { blobs: 0, blobBytes: 0 } : await checkBlobs(run, signal);
    if (work.dryRun) return { ...nothing, action, ...blobs, points: rehearsal.points, notes: links.notes };
    if (isInTheWay) await deleteRemoteRun(target, hash, (work.patience ?? patience).applyMs);
    const restored = await restoreRemoteRun({
      ...{ target, run, documents, ...links, rehearsal, isContinued, advance },
      blobFolder: work.skipBlobs ? undefined : blobFolderOf(archive.folder, hash),
      patience: work.patience ?? patience,
      onTrouble: (text) => progress?.note(text),
      onCompare: () => progress?.item(`comparing ${hash}`),
    });
    const { points } = restored;
    const done = { ...nothing, points, blobs: restored.blobs, blobBytes: restored.blobBytes };
    const notes = [...links.notes, ...runNotes(documents, restored)];
    if (restored.problems.length === 0) return { ...done, action, notes };
    const reason = `it is not the archive's on the server: ${restored.problems.slice(0, 5).join("; ")}`;
    return { ...nothing, action: "fail", reason, notes };
  } catch (error) {
    if (error instanceof ServerRefusal && error.status >= 500)
      return failed(hash, name, `the server failed over it: ${error.message}`);
    if (!(error instanceof MatyanError) || !runFaults.has(error.code)) throw error;
    return failed(hash, name, error.message);
  }
}

function failed(hash: string, name: string, reason: string): RunOutcome {
  return { hash, name, action: "fail", points: 0, blobs: 0, blobBytes: 0, reason, notes: [] };
}

interface Links {
  readonly experiment: string | undefined;
  readonly tags: readonly string[];
  readonly notes: string[];
}

function linksOf({ names }: Work, documents: RunDocuments): Links {
  const notes: string[] = [];
  const archivedId = documents.meta.get("experiment_id");
  const wanted = typeof archivedId === "string" ? archivedId : undefined;
  const experiment = names.nameOf("experiment", wanted, documents.experimentName);
  const lost = documents.experimentName ?? wanted;
  if (experiment === undefined && lost !== undefined) notes.push(`its experiment '${lost}' is not on the server`);
  const tags: string[] = [];
  for (const tag of documents.tags) {
    const name = names.nameOf("tag", tag.id, tag.name);
    if (name === undefined) notes.push(`its tag '${tag.name ?? tag.id}' is not on the server`);
    else tags.push(name);
  }
  return { experiment, tags, notes };
}

/** What a restore that was interrupted left: a run that is named so, or one that has nothing yet. */
function isUnfinished(hash: string, info: ValueMap): boolean {
  const props = info.get("props");
  const name = textOf(isMap(props) ? props : undefined, "name");
  if (isMarked(name)) return true;
  const params = info.get("params");
  const artifacts = info.get("artifacts");
  const isEmpty = isMap(params) && params.size === 0 && Array.isArray(artifacts) && artifacts.length === 0;
  return name === `Run: ${hash}` && isEmpty && listedTraces(info).size === 0;
}

/** Whether the server's run has the archive's properties, parameters, sequences and artifacts. Points are not compared. */
async function isSame(
  run: ArchivedRun,
  documents: RunDocuments,
  { experiment, tags }: Links,
  info: ValueMap,
): Promise<boolean> {
  const { meta, attrs, traces } = documents;
  const wanted = {
    ...{ name: textOf(meta, "name"), description: textOf(meta, "description"), experiment, tags },
    ...{ archived: meta.get("is_archived") === true, active: meta.get("active") === true },
  };
  if (compareProps(wanted, info).length > 0 || compareParams(attrs, info.get("params") ?? null).length > 0)
    return false;
  if (missingArtifacts(documents, info).length > 0) return false;
  const found = listedTraces(info);
  const isListed = (archived: ReadonlyMap<string, string>) =>
    [...found.keys()].every((key) => archived.has(key)) &&
    [...archived].every(([key, dtype]) => unlisted.has(dtype) || found.has(key));
  if (isListed(new Map(traces.map((trace) => [traceKey(trace.contextId, trace.name), trace.dtype])))) return true;
  // The archive's list may name sequences without points, and lack others.
  return isListed((await rehearsePoints(run, documents)).filled);
}

/** Types of sequences that `info` does not list, or not everywhere. */
const unlisted: ReadonlySet<string> = new Set(["logs", "log_records", "custom"]);

/** Reads all blobs, which checks them against the archive's digests. @throws MatyanError `corrupt` */
async function checkBlobs(
  run: ArchivedRun,
  signal: AbortSignal | undefined,
): Promise<{ readonly blobs: number; readonly blobBytes: number }> {
  let [blobs, blobBytes] = [0, 0];
  for await (const file of run.blobs()) {
    for await (const _ of file.read()) signal?.throwIfAborted();
    blobs++;
    blobBytes += file.size;
  }
  return { blobs, blobBytes };
}

function runNotes(documents: RunDocuments, { lostObjects, losses }: RestoredRun): string[] {
  const notes = counted(losses);
  if (documents.wasPendingDeletion)
    notes.push("its deletion had been asked for when it was backed up: it is restored as a run like any other");
  if (lostObjects > 0)
    notes.push(
      `${lostObjects} objects (images, texts, ...) are not in the archive: the program that made it lost them`,
    );
  return notes;
}

function counted(losses: ReadonlyMap<string, number>): string[] {
  return Array.from(losses, ([what, count]) => (count === 1 ? what : `${what} (${count} times)`));
}

function notesOf(target: Target, runs: number, created: number, losses: ReadonlyMap<string, number>): string[] {
  const notes = counted(losses);
  if (runs > 0 && !target.keepsTimes)
    notes.push(
      "this server dates runs, their ends, points and log records by their arrival, and counts log records anew: those of the archive stay behind. Runs were sent oldest first, so that they are listed in their order",
    );
  if (created > 0)
    notes.push("experiments, tags, dashboards, apps, reports and notes get ids and times of the server's own");
  return notes;
}
