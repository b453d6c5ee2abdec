// The life of a run: creation, its meta fields, finish and resume (storage.md 2.1). Listing and deletion are beside.
import { MatyanError } from "../../formats/error.ts";
import { encodeValue } from "../../formats/msgpack.ts";
import { isMap, mapOf, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { lastingSnapshot } from "../kv/lasting.ts";
import { setRunExperiment } from "./associations.ts";
import type { Store } from "./index.ts";
import { metaTerms, syncTerms } from "./indexes.ts";
import { cutText, leaf, runKey, runRange, type StoreKeys } from "./keys.ts";
import { openValues } from "./largeValues.ts";
import { putOutbox } from "./outbox.ts";
import { getTree, rangeAt, setTree, type Tree } from "./tree.ts";

/** The stored fields of a run, in name order: see docs/data-model.md. */
export type RunMeta = ValueMap;

/** Leaves room for the rest of a key, so that a run that was created can be written to. */
const maxHashBytes = 500;

export interface NewRun {
  readonly name?: string;
  readonly description?: string;
  readonly experimentId?: string | null;
  /** Seconds since the epoch, as all times here. */
  readonly createdAt: number;
  /** The client's clock at the start. */
  readonly clientStart?: number | null;
}

/** Where the meta fields of a run hang. */
function metaTree(store: StoreKeys, hash: string): Tree {
  return { dir: store.dirs.runs, run: hash, root: [hash, "meta"], name: `the meta fields of run '${cutText(hash)}'` };
}

/**
 * Creates a run. Never touches one that exists: a replayed creation changes nothing. What a run without `created_at`
 * lacks (messages came before its creation) is filled in.
 * @returns whether the run was created.
 * @throws MatyanError `too_large` for the hash, `not_found` for the experiment.
 */
export async function createRun(tx: Transaction, store: StoreKeys, hash: string, fields: NewRun): Promise<boolean> {
  if (Buffer.byteLength(hash) > maxHashBytes)
    throw new MatyanError("too_large", `the id of run '${cutText(hash)}' has ${Buffer.byteLength(hash)} bytes`, {
      hint: `The id of a run holds at most ${maxHashBytes} bytes.`,
    });
  const stored = (await readMeta(tx, store, hash)) ?? new Map<string, Value>();
  if (stored.has("created_at")) return false;
  const created: ValueMap = new Map<string, Value>([
    ["name", fields.name ?? `Run: ${hash}`],
    ["description", fields.description ?? ""],
    ["created_at", fields.createdAt],
    ["updated_at", fields.createdAt],
    ["finalized_at", null],
    ["is_archived", false],
    ["active", true],
    ["experiment_id", null],
    ["client_start_ts", fields.clientStart ?? null],
    ["duration", null],
  ]);
  const meta: ValueMap = new Map([...created, ...stored]);
  for (const [field, value] of created)
    if (!stored.has(field)) await setTree(tx, metaTree(store, hash), [field], value);
  await syncMetaIndex(tx, store, hash, meta);
  if (typeof fields.experimentId === "string") await setRunExperiment(tx, store, hash, fields.experimentId);
  return true;
}

/** The stored fields, or undefined when the run does not exist. */
export async function readMeta(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<RunMeta | undefined> {
  const meta = await getTree(tx, metaTree(store, hash));
  return isMap(meta) && meta.size > 0 ? meta : undefined;
}

/** Whether the run's creation was applied. */
export async function isCreated(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<boolean> {
  return (await tx.get(runKey(store, hash, "meta", "created_at", leaf))) !== undefined;
}

/** Whether there is anything of the run, even if its creation never came. */
export async function hasData(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<boolean> {
  const [data] = await tx.firstOfEach([runRange(store, hash)]);
  return data !== undefined;
}

/**
 * Reads of one run for as long as it takes, of one state where that can be (see `lastingSnapshot`).
 * `changed` is called when the run was written to meanwhile, and reads go on with newer states.
 */
export function runSnapshot<T>(
  store: Store,
  hash: string,
  body: (tx: ReadTransaction) => Promise<T>,
  changed: () => void,
): Promise<T> {
  return lastingSnapshot(store.database, runRange(store, hash), body, changed);
}

/** Whether the run exists and is not under way. */
export async function isFinished(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<boolean> {
  const active = await tx.get(runKey(store, hash, "meta", "active", leaf));
  return active !== undefined && !isTrue(active);
}

const trueByte = encodeValue(true)[0];

export function isTrue(bytes: Uint8Array | undefined): boolean {
  return bytes?.[0] === trueByte;
}

/**
 * Writes fields over those of a run, with `updated_at` = `now` (or what is later), and moves its entries in the active and archived indexes.
 * @throws MatyanError `not_found`: an update never makes a run.
 */
export async function updateMeta(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  fields: ValueMap,
  now: number,
): Promise<void> {
  const stored = await readMeta(tx, store, hash);
  if (stored === undefined) throw missingRun(hash);
  const updated = Math.max(now, toNumber(stored.get("updated_at")) ?? now);
  const changed: ValueMap = new Map([...fields, ["updated_at", updated]]);
  for (const [field, value] of changed) await setTree(tx, metaTree(store, hash), [field], value);
  if (fields.has("is_archived") || fields.has("active"))
    await syncMetaIndex(tx, store, hash, new Map([...stored, ...changed]));
}

/**
 * Replaces all meta fields by `meta` as it is and makes the active, archived and creation indexes follow (restore).
 * The run is listed from the commit of this transaction on. Experiment and tags have their own functions.
 */
export async function writeMeta(tx: Transaction, store: StoreKeys, hash: string, meta: ValueMap): Promise<void> {
  const tree = metaTree(store, hash);
  const values = await openValues(tx, tree);
  await values.clearRange(rangeAt(tree, []));
  for (const [field, value] of meta) await setTree(tx, tree, [field], value, values);
  await syncMetaIndex(tx, store, hash, meta);
}

async function syncMetaIndex(tx: Transaction, store: StoreKeys, hash: string, meta: ValueMap): Promise<void> {
  const terms = metaTerms(meta);
  for (const kind of ["archived", "active", "created_at"])
    await syncTerms(
      tx,
      store,
      hash,
      [kind],
      terms.filter((term) => term[0] === kind),
    );
}

export interface FinishOptions {
  readonly now: number;
  /** The client's clock at the end, where known: gives the duration. */
  readonly clientFinish?: number;
  /** The client's clock at the run's first start, where that is before `client_start_ts` (which resuming moves). */
  readonly clientStart?: number | undefined;
}

/**
 * Marks a run as finished. One that is finished already stays as it is, so a replay does not move its end.
 * @returns whether it was finished now. @throws MatyanError `not_found`
 */
export async function finishRun(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  { now, clientFinish, clientStart }: FinishOptions,
): Promise<boolean> {
  const meta = await readMeta(tx, store, hash);
  if (meta === undefined) throw missingRun(hash);
  if (meta.get("active") === false && typeof meta.get("finalized_at") === "number") return false;
  const latest = meta.get("client_start_ts");
  const start = typeof latest === "number" ? Math.min(latest, clientStart ?? latest) : undefined;
  const created = meta.get("created_at");
  const duration = clientFinish !== undefined && typeof start === "number" ? Math.max(0, clientFinish - start) : null;
  const end = duration !== null && typeof created === "number" ? created + duration : now;
  const fields = new Map<string, Value>([
    ["active", false],
    ["finalized_at", end],
    ["duration", duration],
  ]);
  await updateMeta(tx, store, hash, fields, now);
  return true;
}

export interface ResumeOptions {
  readonly now: number;
  readonly clientStart?: number;
}

/** Makes a finished run active again; its end and duration go. @throws MatyanError `not_found` */
export async function resumeRun(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  { now, clientStart }: ResumeOptions,
): Promise<void> {
  const fields = new Map<string, Value>([
    ["active", true],
    ["finalized_at", null],
    ["duration", null],
  ]);
  if (clientStart !== undefined) fields.set("client_start_ts", clientStart);
  await updateMeta(tx, store, hash, fields, now);
}

/**
 * Hides a run from readers and asks for its deletion: the `delete_run` that has to follow is in the outbox until it is applied.
 * @throws MatyanError `not_found`
 */
export async function requestDelete(tx: Transaction, store: StoreKeys, hash: string, now: number): Promise<void> {
  await updateMeta(tx, store, hash, mapOf({ pending_deletion: true }), now);
  putOutbox(tx, store, { kind: "delete_run", hash, since: now, withFiles: true });
}

export function missingRun(hash: string): MatyanError {
  return new MatyanError("not_found", `there is no run '${cutText(hash)}'`, {
    hint: "`matyan runs ls` lists the runs.",
  });
}

export {
  clearTombstone,
  type DeleteOptions,
  type DropFiles,
  deleteRun,
  listTombstones,
  readTombstone,
  resumeDeletes,
  resumeRequests,
  type Tombstone,
} from "./deletion.ts";
export { listRuns, type RunFilter, resolveHash, runsByPrefix, scanRunHashes, theRunOf } from "./listing.ts";
