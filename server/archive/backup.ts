// Writes runs of the store to an archive (backup-convert.md 1 and 2).
import { createArchive } from "../../formats/archive/writer.ts";
import { type Progress, silentProgress } from "../../formats/progress.ts";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import type { BlobStore } from "../blobs/index.ts";
import type { Store } from "../store/index.ts";
import { entityKinds } from "./archivedEntity.ts";
import { backupEntities, backupSettings } from "./backupEntities.ts";
import { backupRun } from "./backupRun.ts";
import { runsToBackUp } from "./backupSelect.ts";
import { parseSince } from "./since.ts";

export interface BackupOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  /** A path ending in `.tar.gz` or `.tgz` is that file; else a folder in which the archive is made. */
  readonly out: string;
  readonly compress?: boolean | undefined;
  /** Filters, as typed; runs must pass all of them. */
  readonly runs?: readonly string[] | undefined;
  readonly experiment?: string | undefined;
  readonly since?: string | undefined;
  readonly includeBlobs?: boolean | undefined;
  readonly durable?: boolean | undefined;
  readonly now?: (() => Date) | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface BackupReport {
  /** The archive; null when filters were given and no run passed them: then nothing was written. */
  readonly path: string | null;
  readonly runs: number;
  readonly points: number;
  readonly blobs: number;
  readonly blobBytes: number;
  /** Bytes of all files, before compression. */
  readonly bytes: number;
  readonly entities: Readonly<Record<string, number>>;
  /** Runs left out because their deletion has been asked for, or because they were deleted meanwhile. */
  readonly pendingDeletion: readonly string[];
  readonly gone: readonly string[];
  /** At most `maxWarnings` texts: blobs that are referred to but missing, or that no archive can hold. */
  readonly warnings: readonly string[];
  readonly warningCount: number;
}

const maxWarnings = 100;

/**
 * Each run is read from one snapshot; archived runs are included, runs that are being deleted are not. Entities and
 * settings of the whole project go along whatever the filters say. Nothing is left behind when this fails or is stopped.
 * @throws MatyanError `not_found` or `conflict` for unknown or ambiguous runs and experiments, `usage` for a bad date,
 * before anything is written.
 */
export async function backup(options: BackupOptions): Promise<BackupReport> {
  const { store, progress = silentProgress, signal, includeBlobs = true } = options;
  const since = options.since === undefined ? undefined : parseSince(options.since);
  const hashes = await runsToBackUp(store, { runs: options.runs, experiment: options.experiment, since });
  const filters = filterFields(options);
  const warnings: string[] = [];
  let warningCount = 0;
  const pendingDeletion: string[] = [];
  const gone: string[] = [];
  const report = { pendingDeletion, gone, warnings };
  const nothing = { path: null, runs: 0, points: 0, blobs: 0, blobBytes: 0, bytes: 0, entities: {}, warningCount: 0 };
  if (hashes.length === 0 && filters.size > 0) return { ...nothing, ...report };

  await using archive = await createArchive({
    out: options.out,
    kind: "backup",
    compress: options.compress ?? false,
    ...(options.now === undefined ? {} : { now: options.now }),
    ...(options.durable === undefined ? {} : { durable: options.durable }),
    ...(signal === undefined ? {} : { signal }),
  });
  const work = {
    store,
    archive,
    blobs: includeBlobs ? options.blobs : undefined,
    signal,
    advance: (count: number) => progress.advance(count),
    warn(message: string) {
      if (warningCount++ < maxWarnings) warnings.push(message);
    },
  };
  progress.stage("backing up", undefined, "points");
  for (const [index, hash] of hashes.entries()) {
    signal?.throwIfAborted();
    progress.item(`run ${index + 1} of ${hashes.length}: ${hash}`);
    const result = await backupRun(work, hash);
    if (result === "pending") pendingDeletion.push(hash);
    if (result === "gone") gone.push(hash);
  }
  if (filters.size > 0 && pendingDeletion.length + gone.length === hashes.length) return { ...nothing, ...report };
  progress.item("entities");
  await backupEntities(store, archive, { kinds: entityKinds, signal });
  await backupSettings(store, archive);
  const summary = await archive.finish({ filters, includeBlobs });
  return {
    path: summary.path,
    runs: summary.runs,
    points: summary.records,
    blobs: summary.blobs,
    blobBytes: summary.blobBytes,
    bytes: summary.bytes,
    entities: Object.fromEntries(summary.entities),
    warningCount,
    ...report,
  };
}

/** As typed, for the manifest (backup-convert.md 1.5). */
function filterFields({ runs, experiment, since }: BackupOptions): ValueMap {
  return mapOf({ runs: runs as Value[] | undefined, experiment, since });
}
