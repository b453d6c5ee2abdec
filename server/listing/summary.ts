// What a list says of a run, read from the store.
import { isMap, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { runExperiment, runTagNames } from "../store/associations.ts";
import { readAttrs } from "../store/attrs.ts";
import { readContexts } from "../store/contexts.ts";
import { readField } from "../store/entities.ts";
import type { Store } from "../store/index.ts";
import { readMeta } from "../store/runs.ts";
import { isMetric, readTraces, type Trace } from "../store/traces.ts";

export type RunStatus = "active" | "finished" | "archived" | "deleting";

export interface MetricSummary extends Trace {
  readonly context: ValueMap;
}

export interface RunSummary {
  readonly hash: string;
  readonly name: string;
  readonly description: string;
  readonly experiment: string | undefined;
  readonly tags: readonly string[];
  readonly status: RunStatus;
  readonly archived: boolean;
  readonly active: boolean;
  /** Seconds since the epoch. */
  readonly createdAt: number | undefined;
  readonly finishedAt: number | undefined;
  /** Seconds; undefined while the run is active. */
  readonly duration: number | undefined;
  /** All sequences, objects and logs too, by context id and name. */
  readonly sequences: readonly MetricSummary[];
  /** All attributes; undefined unless asked for. */
  readonly attrs: ValueMap | undefined;
}

/** Names of experiments by id, kept while a list is made. */
export type NameCache = Map<string, string | undefined>;

/** Reads a run; undefined when there is none of that hash. Tags come by name, contexts with their sequences. */
export async function readSummary(
  tx: ReadTransaction,
  store: Store,
  hash: string,
  options: { readonly attrs?: boolean; readonly names?: NameCache } = {},
): Promise<RunSummary | undefined> {
  const meta = await readMeta(tx, store, hash);
  if (meta === undefined) return undefined;
  const traces = await readTraces(tx, store, hash);
  const contexts = traces.some(({ contextId }) => contextId !== 0)
    ? await readContexts(tx, store, hash)
    : new Map<number, ValueMap>();
  const attrs = options.attrs ? await readAttrs(tx, store, hash) : undefined;
  return {
    hash,
    ...timesOf(meta),
    name: text(meta.get("name")),
    description: text(meta.get("description")),
    experiment: await experimentName(tx, store, hash, options.names ?? new Map()),
    tags: (await runTagNames(tx, store, hash)).sort(),
    status: statusOf(meta),
    archived: meta.get("is_archived") === true,
    active: meta.get("active") !== false,
    sequences: traces.map((trace) => ({ ...trace, context: contexts.get(trace.contextId) ?? new Map() })),
    attrs: options.attrs ? (isMap(attrs) ? attrs : new Map()) : undefined,
  };
}

/** The metrics among a run's sequences. */
export function metricsOf(run: RunSummary): MetricSummary[] {
  return run.sequences.filter(isMetric);
}

/** `deleting` wins over `archived`, that over `active`. */
export function statusOf(meta: ValueMap): RunStatus {
  if (meta.get("pending_deletion") === true) return "deleting";
  if (meta.get("is_archived") === true) return "archived";
  return meta.get("active") === false ? "finished" : "active";
}

/** When a run began and ended, as the store knows it (storage.md 2.1). Seconds. */
export function timesOf(meta: ValueMap): Pick<RunSummary, "createdAt" | "finishedAt" | "duration"> {
  const createdAt = toNumber(meta.get("created_at"));
  const measured = toNumber(meta.get("duration"));
  const finalized = toNumber(meta.get("finalized_at"));
  const finishedAt = measured !== undefined && createdAt !== undefined ? createdAt + measured : finalized;
  const between = finalized !== undefined && createdAt !== undefined ? Math.max(0, finalized - createdAt) : undefined;
  return { createdAt, finishedAt, duration: measured ?? between };
}

async function experimentName(
  tx: ReadTransaction,
  store: Store,
  hash: string,
  names: NameCache,
): Promise<string | undefined> {
  const id = await runExperiment(tx, store, hash);
  if (id === undefined) return undefined;
  if (!names.has(id)) {
    const name = await readField(tx, store, "experiment", id, "name");
    names.set(id, typeof name === "string" ? name : undefined);
  }
  return names.get(id);
}

function text(value: Value | undefined): string {
  return typeof value === "string" ? value : "";
}
