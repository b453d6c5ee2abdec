// One run of a live server into an archive: its documents, all of its points, its blobs.
import type { ArchiveWriter, RunWriter } from "../../formats/archive/types.ts";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { PointLines } from "../../server/archive/backupLines.ts";
import { artifactsName } from "../../server/store/artifactEntries.ts";
import type { Point } from "../../server/store/sequences.ts";
import { ServerRefusal } from "../client/http.ts";
import { objectDtypes } from "../client/remoteInfo.ts";
import { writeArtifacts } from "./backupRemoteBlobs.ts";
import { writeLogs } from "./backupRemoteLogs.ts";
import { type MetricFacts, writeMetrics } from "./backupRemoteMetrics.ts";
import { writeObjects } from "./backupRemoteObjects.ts";
import { type ListedRun, type RemoteRun, type RemoteServer, type RemoteTrace, traceKey } from "./backupRemoteServer.ts";

export interface RunWork {
  readonly server: RemoteServer;
  readonly archive: ArchiveWriter;
  readonly isWithBlobs: boolean;
  /** `count` more points are written. */
  advance(count: number): void;
  warn(message: string): void;
  /** Told what kinds of things the server kept to itself. */
  lacks(what: Lack): void;
}

/** What an API does not tell of runs, where they have it. */
export type Lack = "points" | "nulls" | "objects" | "logs";

/** `gone`: deleted since it was listed. A run of which anything can't be read is not in the archive at all. */
export async function backupRemoteRun(work: RunWork, listed: ListedRun): Promise<"written" | "gone"> {
  const { server, archive } = work;
  const remote = await server.run(listed);
  if (remote === undefined) return "gone";
  const run = await archive.run(listed.hash);
  try {
    await writeRun(work, remote, run);
    if (remote.props.active && (await server.hasChanged(remote)))
      work.warn(
        `run ${run.hash} was written to while it was backed up: its last points may be newer than its first ones`,
      );
    await run.close();
  } catch (error) {
    // The archive itself may have failed; then that is what is told.
    await run.discard().catch(() => undefined);
    if (error instanceof ServerRefusal && error.status === 404) return "gone";
    throw error;
  }
  return "written";
}

async function writeRun(work: RunWork, remote: RemoteRun, run: RunWriter): Promise<void> {
  const { server, isWithBlobs, advance, warn } = work;
  const lines = new PointLines(run.records());
  const sink = { run, lines, isWithBlobs, advance, warn };
  await run.json("run.json", metaOf(remote));
  await run.extra("tags.json", tagsOf(remote));
  const artifacts = await writeArtifacts(server, sink, remote, isWithBlobs);
  const attrs = new Map(remote.params);
  if (artifacts.size > 0) attrs.set(artifactsName, artifacts);
  await run.json("attrs.json", attrs);

  const { facts, gaps } = await writeMetrics(server, remote, sink);
  const objectEnds = await writeObjects(server, remote, sink);
  const logs = await writeLogs(server, remote.hash, sink);
  lines.flush();
  if (gaps.points > 0) work.lacks("points");
  if (gaps.isNullUnknown) work.lacks("nulls");
  if (objectEnds.size > 0) work.lacks("objects");
  if (logs.length > 0) work.lacks("logs");

  const traces = remote.traces.map((trace) =>
    trace.type === "metric"
      ? metricEntry(trace, facts.get(traceKey(trace)), remote)
      : entryOf(trace, objectDtypes[trace.type], objectEnds.get(traceKey(trace))),
  );
  for (const { name, dtype, end } of logs) traces.push(entryOf({ contextId: 0, name }, dtype, end));
  await run.json("traces.json", traces);
  await run.json("contexts.json", contextsOf(remote, logs.length > 0));
}

function metaOf({ props, endedAt }: RemoteRun): ValueMap {
  const { name, description, experiment, createdAt, archived, active } = props;
  // `info` tells the end by the client's clock where that is known, the list the one that is stored (rest-api.md 1.2).
  const byClient = endedAt !== null && endedAt !== props.endedAt;
  return mapOf({
    name,
    description,
    created_at: createdAt,
    finalized_at: props.endedAt,
    is_archived: archived,
    active,
    experiment_id: experiment?.id ?? null,
    experiment_name: experiment?.name,
    duration: byClient ? endedAt - createdAt : undefined,
  });
}

/** Logs have the empty context. */
function contextsOf({ traces }: RemoteRun, hasLogs: boolean): ValueMap {
  const contexts: ValueMap = new Map(hasLogs ? [["0", new Map()]] : []);
  for (const { contextId, context } of traces) contexts.set(String(contextId), context);
  return contexts;
}

function tagsOf({ props }: RemoteRun): Value[] {
  return props.tags.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(({ id, name }) => mapOf({ id, name }));
}

/** Objects and logs have no last value; 0.0 is what is stored of them (storage.md 2.5). */
function entryOf(
  { contextId, name }: { readonly contextId: number; readonly name: string },
  dtype: string,
  end: Point | undefined,
): ValueMap {
  return mapOf({ name, context_id: BigInt(contextId), dtype, last: 0, last_step: end?.step });
}

/** The last value is that which came last, which need not be that of the highest step. */
function metricEntry(trace: RemoteTrace, facts: MetricFacts | undefined, { ends }: RemoteRun): ValueMap {
  const told = ends.get(traceKey(trace));
  const end = facts?.end;
  const value = end?.value ?? undefined;
  // Told as a number of any kind, it is of the kind that the point has.
  const last = value !== undefined && Number(told?.last ?? value) === Number(value) ? value : told?.last;
  return mapOf({
    name: trace.name,
    context_id: BigInt(trace.contextId),
    dtype: facts?.dtype ?? "float",
    last: last ?? undefined,
    last_step: told?.lastStep ?? end?.step,
  });
}
