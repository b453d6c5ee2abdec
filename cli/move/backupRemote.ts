// Writes runs of a live server, ours or the existing Python one, to an archive, through its REST API alone.
import { createArchive } from "../../formats/archive/index.ts";
import { MatyanError } from "../../formats/error.ts";
import { type Progress, silentProgress } from "../../formats/progress.ts";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import type { BackupReport } from "../../server/archive/backup.ts";
import { parseAddress } from "../client/address.ts";
import { explainFinding, lookAt } from "../client/diagnose.ts";
import { BrokenAnswer, ServerRefusal } from "../client/http.ts";
import { writeEntities, writeNotes } from "./backupRemoteEntities.ts";
import { backupRemoteRun, type Lack } from "./backupRemoteRun.ts";
import { type RemoteFilters, remoteRuns } from "./backupRemoteSelect.ts";
import { RemoteServer } from "./backupRemoteServer.ts";

export interface BackupRemoteOptions extends RemoteFilters {
  /** The API's address, as typed. */
  readonly url: string;
  /** A path ending in `.tar.gz` or `.tgz` is that file; else a folder in which the archive is made. */
  readonly out: string;
  readonly includeBlobs?: boolean | undefined;
  readonly compress?: boolean | undefined;
  readonly durable?: boolean | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface BackupRemoteReport extends BackupReport {
  /** Runs of which the server could not give all: they are not in the archive. */
  readonly failures: readonly { readonly hash: string; readonly reason: string }[];
  /** What is not in the archive because the API does not give it. */
  readonly notGiven: readonly string[];
}

const maxWarnings = 100;

/**
 * As `backup`: archived runs are included, runs that are being deleted are not, filters must all be passed, and nothing is left
 * behind when this fails or is stopped. A run is not read at one moment: one that changes meanwhile is warned of. Notes
 * are those of the runs in the archive and of all experiments.
 * @throws MatyanError `not_found` or `conflict` for unknown or ambiguous runs and experiments, `usage` for a bad date or
 * address, `io` when the server can't be reached any more
 */
export async function backupRemote(options: BackupRemoteOptions): Promise<BackupRemoteReport> {
  const { progress = silentProgress, signal, includeBlobs = true } = options;
  const server = new RemoteServer(parseAddress(options.url), signal);
  progress.stage("listing runs");
  const runs = await remoteRuns(server, options);
  const filters = filterFields(options);
  const warnings: string[] = [];
  let warningCount = 0;
  const warn = (message: string) => {
    if (warningCount++ < maxWarnings) warnings.push(message);
  };
  const gone: string[] = [];
  const failures: { hash: string; reason: string }[] = [];
  const lacks = new Set<Lack>();
  const lists = { pendingDeletion: [], gone, warnings, failures };
  const nothing = { path: null, runs: 0, points: 0, blobs: 0, blobBytes: 0, bytes: 0, entities: {}, notGiven: [] };
  if (runs.length === 0 && filters.size > 0) return { ...nothing, ...lists, warningCount };

  const { out, compress = false, durable = true } = options;
  await using archive = await createArchive({
    ...{ out, kind: "backup", compress, durable },
    ...(signal === undefined ? {} : { signal }),
  });
  const work = {
    ...{ server, archive, isWithBlobs: includeBlobs, warn },
    advance: (count: number) => progress.advance(count),
    lacks: (what: Lack) => void lacks.add(what),
  };
  progress.stage("backing up", undefined, "points");
  const written: string[] = [];
  for (const [index, run] of runs.entries()) {
    signal?.throwIfAborted();
    progress.item(`run ${index + 1} of ${runs.length}: ${run.hash}`);
    try {
      if ((await backupRemoteRun(work, run)) === "gone") gone.push(run.hash);
      else written.push(run.hash);
    } catch (error) {
      signal?.throwIfAborted();
      failures.push({ hash: run.hash, reason: await reasonOfRun(server, error) });
    }
  }
  if (filters.size > 0 && written.length === 0) return { ...nothing, ...lists, warningCount };
  progress.item("entities");
  const experiments = await writeEntities(server, archive, warn);
  await writeNotes(server, archive, { experiments, runs: written }, warn);
  const summary = await archive.finish({ filters, includeBlobs });
  return {
    ...{ path: summary.path, runs: summary.runs, points: summary.records, blobs: summary.blobs },
    ...{ blobBytes: summary.blobBytes, bytes: summary.bytes, entities: Object.fromEntries(summary.entities) },
    ...{ warningCount, ...lists, notGiven: notGivenOf(lacks) },
  };
}

/** What the server fails at with one run, when it goes on with others. @throws the error, when it is another */
export async function reasonOfRun(server: RemoteServer, error: unknown): Promise<string> {
  if (!(error instanceof MatyanError)) throw error;
  if (error instanceof ServerRefusal || error.code === "corrupt") return error.message;
  if (!(error instanceof BrokenAnswer) && !(error.cause instanceof BrokenAnswer)) throw error;
  const { address } = server.http;
  const finding = await lookAt(address);
  if (finding.kind !== "matyan") throw explainFinding("the API", address, finding, error.message);
  return `the server's answer was cut off: ${error.message}`;
}

/** What no server's API tells, and what that of this one did not tell of things that these runs have. */
export function notGivenOf(lacks: ReadonlySet<Lack>): string[] {
  const told: Readonly<Record<Lack, string>> = {
    points: "epochs and times of metrics' points, and the types of metrics",
    nulls: "which of the missing values (null) of metrics are NaN or infinite, where searches don't tell",
    objects:
      "rates of sounds that their files do not say, integers among the numbers of objects, and lists of one object",
    logs: "when log lines and records arrived, and log levels of a number of their own",
  };
  return [
    "when runs were last changed, and when their clients started",
    "when experiments and tags were last changed, when tags were made, and dashboards that were deleted",
    ...(["points", "nulls", "objects", "logs"] as const).filter((lack) => lacks.has(lack)).map((lack) => told[lack]),
  ];
}

/** As typed, for the manifest (backup-convert.md 1.5). */
function filterFields({ runs, experiment, since }: RemoteFilters): ValueMap {
  return mapOf({ runs: runs as Value[] | undefined, experiment, since });
}
