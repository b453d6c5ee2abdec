// Records beside runs: experiments, tags, dashboards, their apps, reports, notes (storage.md 4). One key per field.
import { MatyanError } from "../../formats/error.ts";
import { decodeValue } from "../../formats/msgpack.ts";
import { unpack } from "../../formats/tuple.ts";
import type { Value, ValueMap } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import type { Store } from "./index.ts";
import { checkKey, cutText, type StoreKeys, systemKey, systemRange } from "./keys.ts";
import { isPointer, loadStored, openValues, type StagedValue, type Storable, stageValue } from "./largeValues.ts";

export const entityKinds = ["experiment", "tag", "dashboard", "dashboard_app", "report", "note"] as const;
export type EntityKind = (typeof entityKinds)[number];

const prefixes: Record<EntityKind, string> = {
  experiment: "experiments",
  tag: "tags",
  dashboard: "dashboards",
  dashboard_app: "dashboard_apps",
  report: "reports",
  note: "notes",
};

/** The kinds whose names are unique and that runs belong to, with their other prefixes. */
export const namedKinds = {
  experiment: { byName: "experiments_by_name", runs: "experiment_runs", title: "Experiment" },
  tag: { byName: "tags_by_name", runs: "tag_runs", title: "Tag" },
} as const;
export type NamedKind = keyof typeof namedKinds;

/** Leaves room for a run hash and the rest of an index key, so that a name that was accepted never fails later. */
const maxNameBytes = 8_000;

export interface Entity {
  readonly id: string;
  readonly fields: ValueMap;
}

/** The fields of a record (without `id`, in name order), or undefined when there is none. */
export async function readEntity(
  tx: ReadTransaction,
  store: StoreKeys,
  kind: EntityKind,
  id: string,
): Promise<ValueMap | undefined> {
  const offset = systemKey(store, prefixes[kind], id).length;
  const fields: ValueMap = new Map();
  for await (const batch of tx.range(systemRange(store, prefixes[kind], id)))
    for (const [key, bytes] of batch) {
      const [field, ...rest] = unpack(key, offset);
      if (typeof field === "string" && rest.length === 0)
        fields.set(field, await loadStored(tx, { dir: store.dirs.system }, key, bytes));
    }
  return isRecord(kind, fields) ? fields : undefined;
}

/** Bytes of a page of records: far from what takes as long as a snapshot lives. A large value ends its page. */
const pageBytes = 1_000_000;

/**
 * All records of a kind by id, a page of them in memory at a time. Each page is a snapshot of its own: a record is never of two
 * states, one that is there all the time is given once, and the reader may take its time.
 */
export async function* listEntities(store: Store, kind: EntityKind): AsyncGenerator<Entity> {
  for (let begin: Uint8Array | undefined; ; ) {
    const page: EntityPage = await store.database.snapshot((tx) => pageOfEntities(tx, store, kind, begin));
    yield* page.entities;
    if (page.next === undefined) return;
    begin = page.next;
  }
}

interface EntityPage {
  readonly entities: readonly Entity[];
  /** Where the next page begins; undefined when this was the last. */
  readonly next: Uint8Array | undefined;
}

async function pageOfEntities(
  tx: ReadTransaction,
  store: StoreKeys,
  kind: EntityKind,
  begin: Uint8Array | undefined,
): Promise<EntityPage> {
  const all = systemRange(store, prefixes[kind]);
  const offset = systemKey(store, prefixes[kind]).length;
  const found: Entity[] = [];
  const page = (next?: Uint8Array) => ({ entities: found.filter(({ fields }) => isRecord(kind, fields)), next });
  let bytes = 0;
  for await (const batch of tx.range({ begin: begin ?? all.begin, end: all.end }))
    for (const [key, value] of batch) {
      const [id, field, ...rest] = unpack(key, offset);
      if (typeof id !== "string" || typeof field !== "string" || rest.length > 0) continue;
      if (found.at(-1)?.id !== id) {
        // The record's beginning, not this key: it may have more fields by then.
        if (bytes >= pageBytes) return page(systemKey(store, prefixes[kind], id));
        found.push({ id, fields: new Map() });
      }
      bytes += isPointer(value) ? pageBytes : key.length + value.length;
      found.at(-1)!.fields.set(field, await loadStored(tx, { dir: store.dirs.system }, key, value));
    }
  return page();
}

/** A nameless experiment or tag is a ghost that the old system left by counting runs of a deleted one. */
function isRecord(kind: EntityKind, fields: ValueMap): boolean {
  return isNamed(kind) ? fields.has("name") : fields.size > 0;
}

export function isNamed(kind: EntityKind): kind is NamedKind {
  return kind === "experiment" || kind === "tag";
}

/**
 * Writes fields of a record as given, making it if it is new (restore). For experiments and tags the name is kept unique
 * and `run_count` is left to the associations: 0 in a new record.
 * @throws MatyanError `conflict` when another record has the name, or this one has another name; `too_large`.
 */
export async function writeEntity(
  tx: Transaction,
  store: StoreKeys,
  kind: EntityKind,
  id: string,
  fields: ReadonlyMap<string, Storable>,
): Promise<void> {
  const values = await openValues(tx, { dir: store.dirs.system });
  const what = (field: string) => () => `field '${cutText(field)}' of ${kind} ${cutText(id)}`;
  if (isNamed(kind)) {
    const name = fields.get("name");
    const [nameBytes, countBytes] = await tx.getMany([
      fieldKey(store, kind, id, "name"),
      fieldKey(store, kind, id, "run_count"),
    ]);
    if (name !== undefined) await claimName(tx, store, kind, id, name, nameBytes);
    else if (nameBytes === undefined) throw new MatyanError("usage", `${kind} ${id} needs a name`);
    if (countBytes === undefined) await values.put(fieldKey(store, kind, id, "run_count"), 0n, what("run_count"));
  }
  for (const [field, value] of fields) {
    if (field === "id" || (isNamed(kind) && field === "run_count")) continue;
    await values.put(checkKey(fieldKey(store, kind, id, field), what(field)), value, what(field));
  }
}

async function claimName(
  tx: Transaction,
  store: StoreKeys,
  kind: NamedKind,
  id: string,
  name: Storable,
  storedName: Uint8Array | undefined,
): Promise<void> {
  if (typeof name !== "string") throw new MatyanError("usage", `the name of ${kind} ${id} is not a text`);
  checkName(kind, name);
  const current = storedName === undefined ? undefined : decodeValue(storedName);
  if (current !== undefined && current !== name)
    throw new MatyanError("conflict", `${kind} ${id} is named '${cutText(String(current))}', not '${cutText(name)}'`, {
      hint: "Rename it first.",
    });
  await takeName(tx, store, kind, id, name);
}

/** Makes `name` point at `id`. @throws MatyanError `conflict` when it is another's. */
export async function takeName(
  tx: Transaction,
  store: StoreKeys,
  kind: NamedKind,
  id: string,
  name: string,
): Promise<void> {
  const owner = await idOfName(tx, store, kind, name);
  if (owner === id) return;
  if (owner !== undefined && (await hasEntity(tx, store, kind, owner)))
    throw new MatyanError("conflict", `${namedKinds[kind].title} with name '${cutText(name)}' already exists`, {
      hint: "Choose another name.",
    });
  await (await openValues(tx, { dir: store.dirs.system })).put(
    nameKey(store, kind, name),
    id,
    () => `the name '${cutText(name)}'`,
  );
}

export function checkName(kind: NamedKind, name: string): void {
  const size = Buffer.byteLength(name);
  if (size > maxNameBytes)
    throw new MatyanError("too_large", `the name of the ${kind} '${cutText(name)}' has ${size} bytes`, {
      hint: `A name holds at most ${maxNameBytes} bytes.`,
    });
}

export function nameKey(store: StoreKeys, kind: NamedKind, name: string): Uint8Array {
  return systemKey(store, namedKinds[kind].byName, name);
}

export function fieldKey(store: StoreKeys, kind: EntityKind, id: string, field: string): Uint8Array {
  return systemKey(store, prefixes[kind], id, field);
}

export async function hasEntity(tx: ReadTransaction, store: StoreKeys, kind: EntityKind, id: string): Promise<boolean> {
  if (isNamed(kind)) return (await tx.get(fieldKey(store, kind, id, "name"))) !== undefined;
  const [first] = await tx.firstOfEach([systemRange(store, prefixes[kind], id)]);
  return first !== undefined;
}

/** One field of a record, or undefined. */
export async function readField(
  tx: ReadTransaction,
  store: StoreKeys,
  kind: EntityKind,
  id: string,
  field: string,
): Promise<Value | undefined> {
  const key = fieldKey(store, kind, id, field);
  const bytes = await tx.get(key);
  return bytes === undefined ? undefined : loadStored(tx, { dir: store.dirs.system }, key, bytes);
}

/** The id that a name points at, whether or not its record is still there. */
export async function idOfName(
  tx: ReadTransaction,
  store: StoreKeys,
  kind: NamedKind,
  name: string,
): Promise<string | undefined> {
  checkName(kind, name);
  const key = nameKey(store, kind, name);
  const bytes = await tx.get(key);
  if (bytes === undefined) return undefined;
  const id = await loadStored(tx, { dir: store.dirs.system }, key, bytes);
  return typeof id === "string" ? id : undefined;
}

/**
 * Changes fields of a record that exists, and its `updated_at` (seconds since the epoch).
 * @throws MatyanError `not_found`; `usage` for the name of an experiment or tag, which has its own function.
 */
export async function updateEntity(
  tx: Transaction,
  store: StoreKeys,
  kind: EntityKind,
  id: string,
  fields: ReadonlyMap<string, Storable>,
  now: number,
): Promise<void> {
  if (!(await hasEntity(tx, store, kind, id))) throw missingEntity(kind, id);
  if (isNamed(kind) && fields.has("name")) throw new MatyanError("usage", `rename the ${kind} to change its name`);
  await writeEntity(tx, store, kind, id, new Map([...fields, ["updated_at", now]]));
}

export function missingEntity(kind: EntityKind, id: string): MatyanError {
  return new MatyanError("not_found", `there is no ${kind.replace("_", " ")} ${cutText(id)}`, {
    hint: "It may have been deleted; list what there is.",
  });
}

const defaults: Record<EntityKind, readonly (readonly [string, Value])[]> = {
  experiment: [
    ["description", ""],
    ["is_archived", false],
  ],
  tag: [
    ["color", ""],
    ["description", ""],
    ["is_archived", false],
  ],
  dashboard: [
    ["description", ""],
    ["is_archived", false],
  ],
  dashboard_app: [["state", new Map()]],
  report: [
    ["code", ""],
    ["description", ""],
  ],
  note: [["content", ""]],
};

/**
 * Makes a record with the defaults of its kind. Give the `id` when the transaction may be run again after a commit of
 * unknown result: the same id and name are then no conflict.
 * @throws MatyanError `conflict` when an experiment or tag of that name exists.
 */
export async function createEntity(
  tx: Transaction,
  store: StoreKeys,
  kind: EntityKind,
  fields: ReadonlyMap<string, Storable>,
  options: { readonly now: number; readonly id?: string },
): Promise<string> {
  const id = options.id ?? crypto.randomUUID();
  const times: [string, Value][] = [
    ["created_at", options.now],
    ["updated_at", options.now],
  ];
  await writeEntity(tx, store, kind, id, new Map<string, Storable>([...defaults[kind], ...times, ...fields]));
  return id;
}

/** Removes a record that no run belongs to. For experiments and tags see `deleteExperiment` and `deleteTag`. */
export async function deleteEntity(
  tx: Transaction,
  store: StoreKeys,
  kind: Exclude<EntityKind, NamedKind>,
  id: string,
): Promise<void> {
  if (!(await hasEntity(tx, store, kind, id))) throw missingEntity(kind, id);
  await clearFields(tx, store, kind, id);
}

export async function clearFields(tx: Transaction, store: StoreKeys, kind: EntityKind, id: string): Promise<void> {
  await (await openValues(tx, { dir: store.dirs.system })).clearRange(systemRange(store, prefixes[kind], id));
}

/** Stores a field of any size for a later `writeEntity`; see `stageValue`. */
export function stageField(
  store: Store,
  kind: EntityKind,
  id: string,
  field: string,
  value: Value,
): Promise<StagedValue> {
  return stageValue(store.database, { dir: store.dirs.system }, fieldKey(store, kind, id, field), value);
}

export {
  createExperiment,
  createTag,
  deleteExperiment,
  deleteTag,
  findExperimentByName,
  findTagByName,
  noteNaming,
  recount,
  renameExperiment,
  renameTag,
  resumeUnfinished,
  updateNamed,
} from "./namedEntities.ts";
