// Puts an archive's entities into the store, and says under which ids runs find their experiments and tags there.
import type { ArchiveReader } from "../../formats/archive/types.ts";
import type { Value, ValueMap } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import {
  findExperimentByName,
  findTagByName,
  hasEntity,
  idOfName,
  isNamed,
  type NamedKind,
  readEntity,
  renameExperiment,
  renameTag,
  stageField,
  writeEntity,
} from "../store/entities.ts";
import type { Store } from "../store/index.ts";
import type { Storable } from "../store/largeValues.ts";
import {
  type ArchivedEntity,
  type ArchivedKind,
  isArchivedKind,
  readArchivedEntity,
  storedId,
} from "./archivedEntity.ts";
import { valueBytes } from "./valueBytes.ts";

/**
 * `create`: is not there. `same`: is there as in the archive. `keep`: is there with other fields, which stay. `replace`: is
 * there and gets the archive's fields. `map`: an experiment or tag of that name is there under another id, which is used.
 */
export type EntityAction = "create" | "same" | "keep" | "replace" | "map";

export interface EntityOutcome {
  readonly kind: ArchivedKind;
  readonly name: string;
  /** In the archive, and in the store. */
  readonly archivedId: string;
  readonly id: string;
  readonly action: EntityAction;
}

export interface EntityWork {
  readonly store: Store;
  readonly replace: boolean;
  readonly dryRun: boolean;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
}

/** Fields over this many bytes are stored in transactions of their own. */
const stagedBytes = 1_000_000;
const batchEntities = 200;
const batchBytes = 2_000_000;

/** Which stored id an archived id stands for. Grows with the number of experiments and tags, some 200 bytes each. */
export class EntityIds {
  readonly #ids = new Map<string, string>();
  /** Made by this restore: a dry run knows them though the store doesn't. */
  readonly #created = new Set<string>();

  add({ kind, archivedId, id, action }: EntityOutcome): void {
    this.#ids.set(`${kind} ${archivedId}`, id);
    if (action === "create") this.#created.add(`${kind} ${id}`);
  }

  get(kind: NamedKind, archivedId: string): string | undefined {
    return this.#ids.get(`${kind} ${archivedId}`);
  }

  /**
   * The entity that a run refers to, found by what the archive's entities became, else by id, else by name.
   * Undefined when the store has none.
   */
  async find(
    tx: ReadTransaction,
    store: Store,
    kind: NamedKind,
    archivedId: string | undefined,
    name: string | undefined,
  ): Promise<string | undefined> {
    const candidates =
      archivedId === undefined ? [] : [this.get(kind, archivedId), archivedId, storedId(kind, archivedId)];
    for (const id of candidates)
      if (id !== undefined && (this.#created.has(`${kind} ${id}`) || (await hasEntity(tx, store, kind, id)))) return id;
    return name === undefined ? undefined : findByName(tx, store, kind, name);
  }
}

function findByName(tx: ReadTransaction, store: Store, kind: NamedKind, name: string): Promise<string | undefined> {
  return kind === "experiment" ? findExperimentByName(tx, store, name) : findTagByName(tx, store, name);
}

/**
 * Experiments and tags first, since the others refer to them. Restoring again changes nothing.
 * @throws MatyanError `corrupt` naming the line; entities before it are restored by then.
 */
export async function restoreEntities(
  archive: ArchiveReader,
  work: EntityWork,
  report: (outcome: EntityOutcome) => void,
): Promise<EntityIds> {
  const ids = new EntityIds();
  /** Names given in this restore: two records of one name in the archive become one. */
  const names = new Map<string, string>();
  for (const named of [true, false]) {
    for await (const batch of batches(archive, work, named)) {
      work.signal?.throwIfAborted();
      const outcomes = work.dryRun
        ? await work.store.database.snapshot((tx) => decideAll(tx, work, ids, names, batch))
        : await writeBatch(work, ids, names, batch);
      for (const outcome of outcomes) {
        ids.add(outcome);
        if (isNamed(outcome.kind)) names.set(`${outcome.kind} ${outcome.name}`, outcome.id);
        report(outcome);
      }
    }
  }
  return ids;
}

async function* batches(archive: ArchiveReader, work: EntityWork, named: boolean): AsyncGenerator<ArchivedEntity[]> {
  let batch: ArchivedEntity[] = [];
  let bytes = 0;
  for await (const { kind, data, line } of archive.entities()) {
    if (!isArchivedKind(kind) || isNamed(kind) !== named) continue;
    const entity = readArchivedEntity(kind, data, line, work.now);
    batch.push(entity);
    bytes += Math.min(valueBytes(entity.fields), stagedBytes);
    if (batch.length < batchEntities && bytes < batchBytes) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

async function decideAll(
  tx: ReadTransaction,
  work: EntityWork,
  ids: EntityIds,
  names: ReadonlyMap<string, string>,
  batch: readonly ArchivedEntity[],
): Promise<EntityOutcome[]> {
  const taken = new Map(names);
  const outcomes: EntityOutcome[] = [];
  for (const entity of batch) {
    const outcome = await decide(tx, work, ids, taken, entity);
    if (isNamed(entity.kind)) taken.set(`${entity.kind} ${entity.name}`, outcome.id);
    outcomes.push(outcome);
  }
  return outcomes;
}

async function decide(
  tx: ReadTransaction,
  { store, replace }: EntityWork,
  ids: EntityIds,
  names: ReadonlyMap<string, string>,
  entity: ArchivedEntity,
): Promise<EntityOutcome> {
  const { kind, archivedId, id, name } = entity;
  const outcome = { kind, name, archivedId, id };
  const stored = await readEntity(tx, store, kind, id);
  if (stored !== undefined) {
    if (isSame(stored, linkedFields(entity, ids), entity.assumed)) return { ...outcome, action: "same" };
    return { ...outcome, action: replace ? "replace" : "keep" };
  }
  if (!isNamed(kind)) return { ...outcome, action: "create" };
  const other = names.get(`${kind} ${name}`) ?? (await findByName(tx, store, kind, name));
  return other === undefined ? { ...outcome, action: "create" } : { ...outcome, id: other, action: "map" };
}

async function writeBatch(
  work: EntityWork,
  ids: EntityIds,
  names: ReadonlyMap<string, string>,
  batch: readonly ArchivedEntity[],
): Promise<EntityOutcome[]> {
  const { store } = work;
  const planned = await store.database.snapshot((tx) => decideAll(tx, work, ids, names, batch));
  const staged: ReadonlyMap<string, Storable>[] = [];
  for (const [index, { action, id }] of planned.entries()) {
    const entity = batch[index]!;
    const written = action === "create" || action === "replace";
    if (action === "replace" && isNamed(entity.kind)) await renameTo(work, entity.kind, id, entity.name);
    staged.push(written ? await stageFields(store, entity, linkedFields(entity, ids)) : new Map());
  }
  return store.database.transact(async (tx) => {
    const outcomes = await decideAll(tx, work, ids, names, batch);
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.action !== "create" && outcome.action !== "replace") continue;
      // Decided otherwise than planned means that somebody else wrote meanwhile: large fields go into this transaction then.
      const fields = staged[index]!.size > 0 ? staged[index]! : linkedFields(batch[index]!, ids);
      await writeFields(tx, store, outcome, fields);
    }
    return outcomes;
  });
}

async function writeFields(
  tx: Transaction,
  store: Store,
  { kind, id, action }: EntityOutcome,
  fields: ReadonlyMap<string, Storable>,
): Promise<void> {
  const written = new Map(fields);
  if (action === "replace" && isNamed(kind)) written.delete("name");
  await writeEntity(tx, store, kind, id, written);
}

/** A name that another record has meanwhile stays with that one. */
async function renameTo({ store, now }: EntityWork, kind: NamedKind, id: string, name: string): Promise<void> {
  const owner = await store.database.snapshot((tx) => idOfName(tx, store, kind, name));
  if (owner !== undefined) return;
  if (kind === "experiment") await renameExperiment(store, id, name, { now });
  else await renameTag(store, id, name, { now });
}

async function stageFields(
  store: Store,
  { kind, id }: ArchivedEntity,
  fields: ValueMap,
): Promise<ReadonlyMap<string, Storable>> {
  const staged = new Map<string, Storable>(fields);
  for (const [field, value] of fields)
    if (valueBytes(value) > stagedBytes) staged.set(field, await stageField(store, kind, id, field, value));
  return staged;
}

/** The fields with links to other entities as the store names them. */
function linkedFields({ kind, fields }: ArchivedEntity, ids: EntityIds): ValueMap {
  const linked = new Map(fields);
  const relink = (field: string, find: (id: string) => string) => {
    const id = linked.get(field);
    if (typeof id === "string") linked.set(field, find(id));
  };
  if (kind === "dashboard") relink("app_id", (id) => storedId("dashboard_app", id));
  if (kind === "dashboard_app") relink("dashboard_id", (id) => storedId("dashboard", id));
  if (kind === "note") relink("experiment_id", (id) => ids.get("experiment", id) ?? id);
  return linked;
}

function isSame(stored: ValueMap, archived: ReadonlyMap<string, Value>, assumed: ReadonlySet<string>): boolean {
  for (const [field, value] of archived)
    if (!assumed.has(field) && !Bun.deepEquals(stored.get(field), value, true)) return false;
  return true;
}
