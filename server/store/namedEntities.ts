// Experiments and tags: unique names, and renames and deletes that reach every run in bounded, resumable transactions.
import { MatyanError } from "../../formats/error.ts";
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import { unpack } from "../../formats/tuple.ts";
import { isMap, mapOf, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { runExperiment, setMetaExperiment, syncExperimentIndex, syncTagIndex } from "./associations.ts";
import { boundedTransaction } from "./bounded.ts";
import {
  checkName,
  clearFields,
  createEntity,
  fieldKey,
  idOfName,
  missingEntity,
  type NamedKind,
  namedKinds,
  nameKey,
  readEntity,
  readField,
  takeName,
  updateEntity,
} from "./entities.ts";
import type { Store } from "./index.ts";
import { after, lastString, runKey, type StoreKeys, systemKey, systemRange } from "./keys.ts";

/** Runs that one transaction of a rename or delete reaches: some 10 keys each, far below the engine's limits. */
export const runsPerTransaction = 200;

export interface NamedFields {
  readonly name: string;
  readonly description?: string;
  readonly color?: string;
}

export interface StepOptions {
  /** Seconds since the epoch. */
  readonly now: number;
  /** Stops between two transactions; calling again goes on. */
  readonly signal?: AbortSignal;
}

/** @throws MatyanError `conflict` when an experiment of that name exists. Returns the id. */
export function createExperiment(
  tx: Transaction,
  store: StoreKeys,
  fields: NamedFields,
  options: { readonly now: number; readonly id?: string },
): Promise<string> {
  const { name, description } = fields;
  return createEntity(tx, store, "experiment", mapOf({ name, description }), options);
}

/** @throws MatyanError `conflict` when a tag of that name exists. Returns the id. */
export function createTag(
  tx: Transaction,
  store: StoreKeys,
  fields: NamedFields,
  options: { readonly now: number; readonly id?: string },
): Promise<string> {
  const { name, description, color } = fields;
  return createEntity(tx, store, "tag", mapOf({ name, description, color }), options);
}

export function findExperimentByName(tx: ReadTransaction, store: StoreKeys, name: string): Promise<string | undefined> {
  return findByName(tx, store, "experiment", name);
}

export function findTagByName(tx: ReadTransaction, store: StoreKeys, name: string): Promise<string | undefined> {
  return findByName(tx, store, "tag", name);
}

async function findByName(
  tx: ReadTransaction,
  store: StoreKeys,
  kind: NamedKind,
  name: string,
): Promise<string | undefined> {
  const id = await idOfName(tx, store, kind, name);
  return id !== undefined && (await readField(tx, store, kind, id, "name")) !== undefined ? id : undefined;
}

/**
 * Says that the experiment or tag was named at `time`: it is as old as the earliest message that names it, in whatever order
 * the messages of its runs are applied. The time of its last change follows only while there was none.
 */
export async function noteNaming(
  tx: Transaction,
  store: StoreKeys,
  kind: NamedKind,
  id: string,
  time: number,
): Promise<void> {
  const created = await readField(tx, store, kind, id, "created_at");
  if (typeof created !== "number" || created <= time) return;
  tx.set(fieldKey(store, kind, id, "created_at"), encodeValue(time));
  if ((await readField(tx, store, kind, id, "updated_at")) === created)
    tx.set(fieldKey(store, kind, id, "updated_at"), encodeValue(time));
}

/**
 * Renames an experiment and moves the index entries of its runs: up to `runsPerTransaction` runs at once with the name,
 * more in further transactions. Calling again (or `resumeUnfinished`) completes a rename that a crash cut short.
 * @throws MatyanError `not_found`, or `conflict` when the name is another's.
 */
export function renameExperiment(store: Store, id: string, name: string, options: StepOptions): Promise<void> {
  return rename(store, "experiment", id, name, options);
}

/** As `renameExperiment`. */
export function renameTag(store: Store, id: string, name: string, options: StepOptions): Promise<void> {
  return rename(store, "tag", id, name, options);
}

/**
 * Changes fields of an experiment or tag and, with `name`, renames it, in the same transaction: all or nothing. What a
 * rename does to runs goes on in further transactions where there are many.
 * @throws MatyanError `not_found`, or `conflict` when the name is another's.
 */
export async function updateNamed(
  store: Store,
  kind: NamedKind,
  id: string,
  { name, fields }: { readonly name?: string | undefined; readonly fields: ValueMap },
  options: StepOptions,
): Promise<void> {
  if (name !== undefined) return rename(store, kind, id, name, options, fields);
  await store.database.transact((tx) => updateEntity(tx, store, kind, id, fields, options.now));
}

async function rename(
  store: Store,
  kind: NamedKind,
  id: string,
  name: string,
  options: StepOptions,
  fields: ValueMap = new Map(),
): Promise<void> {
  checkName(kind, name);
  const more = await boundedTransaction(store.database, runsPerTransaction, async (tx, limit) => {
    const old = await readField(tx, store, kind, id, "name");
    if (typeof old !== "string") throw missingEntity(kind, id);
    await takeName(tx, store, kind, id, name);
    if (fields.size > 0) await updateEntity(tx, store, kind, id, fields, options.now);
    if (old !== name) {
      if ((await idOfName(tx, store, kind, old)) === id) tx.clear(nameKey(store, kind, old));
      tx.set(fieldKey(store, kind, id, "name"), encodeValue(name));
      tx.set(fieldKey(store, kind, id, "updated_at"), encodeValue(options.now));
    }
    return reachRuns(tx, store, kind, id, { operation: "rename", now: options.now }, limit);
  });
  if (more) await resume(store, kind, id, options.signal);
}

/**
 * Deletes an experiment: the record at once, then its links to runs (association, meta, index) in bounded transactions.
 * Calling again completes a delete that a crash cut short.
 * @throws MatyanError `not_found`
 */
export function deleteExperiment(store: Store, id: string, options: StepOptions): Promise<void> {
  return remove(store, "experiment", id, options);
}

/** As `deleteExperiment`. */
export function deleteTag(store: Store, id: string, options: StepOptions): Promise<void> {
  return remove(store, "tag", id, options);
}

async function remove(store: Store, kind: NamedKind, id: string, options: StepOptions): Promise<void> {
  const more = await boundedTransaction(store.database, runsPerTransaction, async (tx, limit) => {
    const fields = await readEntity(tx, store, kind, id);
    const [link] = await tx.firstOfEach([systemRange(store, namedKinds[kind].runs, id)]);
    if (fields === undefined && link === undefined) throw missingEntity(kind, id);
    const name = fields?.get("name");
    if (typeof name === "string" && (await idOfName(tx, store, kind, name)) === id)
      tx.clear(nameKey(store, kind, name));
    await clearFields(tx, store, kind, id);
    return reachRuns(tx, store, kind, id, { operation: "delete", now: options.now }, limit);
  });
  if (more) await resume(store, kind, id, options.signal);
}

/** What is left to do: stored at `("_unfinished", kind, id)` until the last run is reached. */
interface Journal {
  readonly operation: "rename" | "delete";
  readonly now: number;
  /** The last run reached. */
  readonly after?: string | undefined;
}

/** Completes all renames and deletes that were cut short. Returns how many. */
export async function resumeUnfinished(store: Store, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
  let count = 0;
  for (;;) {
    const [first] = await store.database.snapshot((tx) => tx.firstOfEach([systemRange(store, "_unfinished")]));
    if (first === undefined) return count;
    const [, kind, id] = unpack(first[0], store.dirs.system.length);
    if ((kind !== "experiment" && kind !== "tag") || typeof id !== "string")
      throw new MatyanError("corrupt", `the journal key ${first[0].toHex()} is not known`);
    await resume(store, kind, id, options.signal);
    count++;
  }
}

async function resume(store: Store, kind: NamedKind, id: string, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    signal?.throwIfAborted();
    const more = await boundedTransaction(store.database, runsPerTransaction, async (tx, limit) => {
      const journal = readJournal(await tx.get(journalKey(store, kind, id)));
      return journal !== undefined && (await reachRuns(tx, store, kind, id, journal, limit));
    });
    if (!more) return;
  }
}

/** Does the next runs of an operation and keeps the journal. Returns whether there is more. */
async function reachRuns(
  tx: Transaction,
  store: StoreKeys,
  kind: NamedKind,
  id: string,
  journal: Journal,
  limit: number,
): Promise<boolean> {
  const all = systemRange(store, namedKinds[kind].runs, id);
  const begin =
    journal.after === undefined ? all.begin : after(systemKey(store, namedKinds[kind].runs, id, journal.after));
  const hashes: string[] = [];
  for await (const batch of tx.range({ begin, end: all.end }, { limit }))
    for (const [key] of batch) hashes.push(lastString(key, store.dirs.system));
  await Promise.all(hashes.map((hash) => reachRun(tx, store, kind, id, hash, journal)));
  const more = hashes.length === limit;
  const key = journalKey(store, kind, id);
  if (!more) tx.clear(key);
  else {
    const { operation, now } = journal;
    tx.set(key, encodeValue(mapOf({ operation, now, after: hashes.at(-1) })));
  }
  return more;
}

async function reachRun(
  tx: Transaction,
  store: StoreKeys,
  kind: NamedKind,
  id: string,
  hash: string,
  { operation, now }: Journal,
): Promise<void> {
  if (operation === "delete") {
    tx.clear(systemKey(store, namedKinds[kind].runs, id, hash));
    if (kind === "experiment") await unlinkExperiment(tx, store, id, hash, now);
    else {
      tx.clear(systemKey(store, "run_tags", hash, id));
      tx.clear(runKey(store, hash, "tags", id));
    }
  }
  if (kind === "experiment") await syncExperimentIndex(tx, store, hash);
  else await syncTagIndex(tx, store, hash);
}

/** The run may have been given to another experiment meanwhile; that link stays. */
async function unlinkExperiment(
  tx: Transaction,
  store: StoreKeys,
  id: string,
  hash: string,
  now: number,
): Promise<void> {
  if ((await runExperiment(tx, store, hash)) !== id) return;
  tx.clear(systemKey(store, "run_experiment", hash));
  await setMetaExperiment(tx, store, hash, null, now);
}

function journalKey(store: StoreKeys, kind: NamedKind, id: string): Uint8Array {
  return systemKey(store, "_unfinished", kind, id);
}

function readJournal(bytes: Uint8Array | undefined): Journal | undefined {
  if (bytes === undefined) return undefined;
  const stored = decodeValue(bytes);
  const fields: ValueMap = isMap(stored) ? stored : new Map();
  const operation = fields.get("operation");
  const now = fields.get("now");
  const last = fields.get("after");
  if ((operation !== "rename" && operation !== "delete") || typeof now !== "number")
    throw new MatyanError("corrupt", "the journal of an unfinished rename or delete is not readable");
  return { operation, now, after: typeof last === "string" ? last : undefined };
}

/**
 * Sets `run_count` to the number of association keys, which counts written by the old system may differ from.
 * Returns the count. @throws MatyanError `not_found`
 */
export function recount(store: Store, kind: NamedKind, id: string): Promise<number> {
  return store.database.transact(async (tx) => {
    const stored = await readField(tx, store, kind, id, "run_count");
    if ((await readField(tx, store, kind, id, "name")) === undefined) throw missingEntity(kind, id);
    let count = 0;
    for await (const batch of tx.range(systemRange(store, namedKinds[kind].runs, id))) count += batch.length;
    if (stored !== BigInt(count)) tx.set(fieldKey(store, kind, id, "run_count"), encodeValue(BigInt(count)));
    return count;
  });
}
