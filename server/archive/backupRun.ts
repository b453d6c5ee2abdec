// One run of a backup: all of its data as they were at one moment, then its blobs.
import type { ArchiveWriter, RunWriter } from "../../formats/archive/types.ts";
import { isMap, mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import type { BlobStore } from "../blobs/index.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { runExperiment, runTags } from "../store/associations.ts";
import { readAttrs } from "../store/attrs.ts";
import { readContexts } from "../store/contexts.ts";
import { readEntity } from "../store/entities.ts";
import type { Store } from "../store/index.ts";
import { readMeta, runSnapshot } from "../store/runs.ts";
import { readSequence } from "../store/sequences.ts";
import { readTraces, type Trace } from "../store/traces.ts";
import { BlobCheck, backupBlobs } from "./backupBlobs.ts";
import { artifactReferences, blobReferences, PointLines } from "./backupLines.ts";

export interface RunBackup {
  readonly store: Store;
  readonly archive: ArchiveWriter;
  /** Undefined: without blobs. */
  readonly blobs: BlobStore | undefined;
  /** `count` more points are written. */
  advance(count: number): void;
  warn(message: string): void;
  readonly signal?: AbortSignal | undefined;
}

/** `gone`: deleted since it was selected. `pending`: its deletion has been asked for. Neither is in the archive. */
export type RunBackupResult = "written" | "gone" | "pending";

export async function backupRun(work: RunBackup, hash: string): Promise<RunBackupResult> {
  const { blobs } = work;
  const check = blobs === undefined ? undefined : await BlobCheck.of(blobs, hash);
  const run = await writeRun(work, hash, check);
  if (typeof run === "string") return run;
  if (blobs !== undefined) {
    const left = await backupBlobs(blobs, run, () => work.signal?.throwIfAborted());
    for (const { key, reason } of left) work.warn(`the blob '${key}' is not in the backup: ${reason}`);
  }
  await run.close();
  return "written";
}

/**
 * The run as it was at one moment. Where the store's snapshots are short (FoundationDB), a large run that is being written to
 * cannot be had so: it goes on with what is there then, and a warning says so. Runs that are finished do not change.
 */
function writeRun(
  work: RunBackup,
  hash: string,
  check: BlobCheck | undefined,
): Promise<RunWriter | "gone" | "pending"> {
  const { store } = work;
  const write = async (tx: ReadTransaction) => {
    const meta = await readMeta(tx, store, hash);
    if (meta === undefined) return "gone";
    if (meta.get("pending_deletion") === true) return "pending";
    const run = await work.archive.run(hash);
    await writeDocuments(tx, work, run, meta, check);
    await writePoints(tx, work, run, check);
    return run;
  };
  return runSnapshot(store, hash, write, () =>
    work.warn(`run ${hash} was written to while it was backed up: its last points may be newer than its first ones`),
  );
}

async function writeDocuments(
  tx: ReadTransaction,
  work: RunBackup,
  run: RunWriter,
  meta: ValueMap,
  check: BlobCheck | undefined,
): Promise<void> {
  const { store } = work;
  // Where the old system left metadata and link at odds, the link is what lists and counts go by.
  const experimentId = await runExperiment(tx, store, run.hash);
  await run.json("run.json", experimentId === undefined ? meta : new Map(meta).set("experiment_id", experimentId));
  const attrs = (await readAttrs(tx, store, run.hash)) ?? new Map();
  await run.json("attrs.json", attrs);
  if (check !== undefined && isMap(attrs)) await report(work, run.hash, check, artifactReferences(attrs));
  const contexts = await readContexts(tx, store, run.hash);
  await run.json("contexts.json", new Map(Array.from(contexts, ([id, context]) => [String(id), context])));
  await run.json("traces.json", (await readTraces(tx, store, run.hash)).map(traceEntry));
  const tags: Value[] = [];
  for (const id of (await runTags(tx, store, run.hash)).toSorted()) {
    const tag = await readEntity(tx, store, "tag", id);
    tags.push(mapOf({ id, name: tag?.get("name") }));
  }
  await run.extra("tags.json", tags);
}

function traceEntry({ name, contextId, dtype, last, lastStep }: Trace): ValueMap {
  return mapOf({ name, context_id: BigInt(contextId), dtype, last, last_step: lastStep });
}

async function writePoints(
  tx: ReadTransaction,
  work: RunBackup,
  run: RunWriter,
  check: BlobCheck | undefined,
): Promise<void> {
  const { store, signal } = work;
  const lines = new PointLines(run.records());
  for (const { contextId, name } of await readTraces(tx, store, run.hash)) {
    lines.sequence(contextId, name);
    for await (const points of readSequence(tx, store, { hash: run.hash, contextId, name })) {
      signal?.throwIfAborted();
      lines.write(points);
      work.advance(points.length);
      if (check === undefined || typeof points[0]?.value === "number") continue;
      for (const { value } of points) await report(work, run.hash, check, blobReferences(value));
    }
  }
  lines.flush();
}

async function report(work: RunBackup, hash: string, check: BlobCheck, keys: Iterable<string>): Promise<void> {
  for (const key of keys)
    if (!(await check.exists(key))) work.warn(`run ${hash} refers to the blob '${key}', which is not in the store`);
}
