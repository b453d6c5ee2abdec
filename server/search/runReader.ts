// One run as a search sees it: its parts are read once each, when first asked for, all from the snapshot it was opened in.
import { isMap, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import type { Needs, RunRow } from "../query/index.ts";
import { runExperiment, runTags } from "../store/associations.ts";
import { readAttrs } from "../store/attrs.ts";
import { readAttrsExcept } from "../store/attrsExcept.ts";
import { readContexts } from "../store/contexts.ts";
import { readEntity } from "../store/entities.ts";
import type { StoreKeys } from "../store/keys.ts";
import { readMeta } from "../store/runs.ts";
import { isMetric, readTraces, type Trace } from "../store/traces.ts";

export interface RunTrace extends Trace {
  readonly context: ValueMap;
}

/** An experiment or tag, with the fields that are stored of it. */
export interface NamedEntity {
  readonly id: string;
  readonly fields: ValueMap;
}

/** Entities by id, for as long as one search lasts. Emptied when it has grown to this many. */
const keptEntities = 10_000;

/** Opens runs over one (turning) transaction. Make one for each search. */
export class RunReader {
  readonly tx: ReadTransaction;
  readonly store: StoreKeys;
  readonly #entities = new Map<string, Promise<NamedEntity | undefined>>();

  constructor(tx: ReadTransaction, store: StoreKeys) {
    this.tx = tx;
    this.store = store;
  }

  /** The run, or undefined when it was never created or is about to be deleted. */
  async open(hash: string): Promise<Run | undefined> {
    const meta = await readMeta(this.tx, this.store, hash);
    if (meta === undefined || meta.get("pending_deletion") === true) return undefined;
    return toNumber(meta.get("created_at")) === undefined ? undefined : new Run(this, hash, meta);
  }

  entity(kind: "experiment" | "tag", id: string): Promise<NamedEntity | undefined> {
    const key = `${kind} ${id}`;
    let found = this.#entities.get(key);
    if (found === undefined) {
      if (this.#entities.size >= keptEntities) this.#entities.clear();
      found = readEntity(this.tx, this.store, kind, id).then((fields) => fields && { id, fields });
      this.#entities.set(key, found);
    }
    return found;
  }
}

export class Run {
  readonly hash: string;
  readonly meta: ValueMap;
  readonly #reader: RunReader;
  #traces: Promise<readonly RunTrace[]> | undefined;
  #experiment: Promise<NamedEntity | undefined> | undefined;
  #tags: Promise<readonly NamedEntity[]> | undefined;

  constructor(reader: RunReader, hash: string, meta: ValueMap) {
    this.#reader = reader;
    this.hash = hash;
    this.meta = meta;
  }

  /** Seconds since the epoch. */
  get createdAt(): number {
    return toNumber(this.meta.get("created_at")) ?? 0;
  }

  /** The stored time of finishing, seconds since the epoch; undefined while the run is under way. */
  get finishedAt(): number | undefined {
    return toNumber(this.meta.get("finalized_at"));
  }

  /** All sequences by context id, then name. */
  traces(): Promise<readonly RunTrace[]> {
    this.#traces ??= this.#readTraces();
    return this.#traces;
  }

  async #readTraces(): Promise<readonly RunTrace[]> {
    const { tx, store } = this.#reader;
    const traces = await readTraces(tx, store, this.hash);
    const any = traces.some(({ contextId }) => contextId !== 0);
    const contexts = any ? await readContexts(tx, store, this.hash) : new Map<number, ValueMap>();
    return traces.map((trace) => ({ ...trace, context: contexts.get(trace.contextId) ?? new Map() }));
  }

  experiment(): Promise<NamedEntity | undefined> {
    this.#experiment ??= (async () => {
      const id = await runExperiment(this.#reader.tx, this.#reader.store, this.hash);
      return id === undefined ? undefined : this.#reader.entity("experiment", id);
    })();
    return this.#experiment;
  }

  /** Tags that are gone are left out. */
  tags(): Promise<readonly NamedEntity[]> {
    this.#tags ??= (async () => {
      const ids = await runTags(this.#reader.tx, this.#reader.store, this.hash);
      const tags = await Promise.all(ids.map((id) => this.#reader.entity("tag", id)));
      return tags.filter((tag) => tag !== undefined);
    })();
    return this.#tags;
  }

  /** The attributes that are parameters: without the list of artifacts and, unless told, the environment. */
  params(skipSystem: boolean): Promise<ValueMap> {
    const without = skipSystem ? [artifactsName, systemName] : [artifactsName];
    return readAttrsExcept(this.#reader.tx, this.#reader.store, this.hash, without);
  }

  /** The row that a query is evaluated over, with what the query needs of it. */
  async row(needs: Needs): Promise<RunRow> {
    const attrs: ValueMap = new Map();
    for (const path of needs.attrs) {
      const value = await readAttrs(this.#reader.tx, this.#reader.store, this.hash, path);
      if (value === undefined) continue;
      if (path.length > 0) place(attrs, path, value);
      else if (isMap(value)) for (const [name, child] of value) attrs.set(name, child);
    }
    const experiment = needs.experiment ? nameOf(await this.experiment()) : undefined;
    const tags = needs.tags ? (await this.tags()).flatMap((tag) => nameOf(tag) ?? []) : [];
    const traces = needs.traces ? (await this.traces()).map(sequenceRow) : [];
    return { hash: this.hash, meta: this.meta, experiment: experiment ?? null, tags, attrs, traces };
  }
}

export const artifactsName = "__blobs__";
export const systemName = "__system_params";

export function sequenceRow({ name, context, last, lastStep }: RunTrace) {
  return { name, context, last, lastStep };
}

export function nameOf(entity: NamedEntity | undefined): string | undefined {
  const name = entity?.fields.get("name");
  return typeof name === "string" ? name : undefined;
}

/** Whether a sequence holds numbers. One of an unknown type ("custom") does if its last value is one. */
export function isNumeric(trace: Trace): boolean {
  if (!isMetric(trace)) return false;
  const { last, dtype } = trace;
  if (dtype !== "custom") return true;
  return last === undefined || typeof last === "number" || typeof last === "bigint" || typeof last === "boolean";
}

function place(attrs: ValueMap, path: readonly string[], value: Value): void {
  let at = attrs;
  for (const name of path.slice(0, -1)) {
    const below = at.get(name);
    const map: ValueMap = isMap(below) ? below : new Map();
    at.set(name, map);
    at = map;
  }
  at.set(path[path.length - 1]!, value);
}
