// Which run belongs to which experiment and tags. Counts follow the association keys, in the same transaction (storage.md 4.3).
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { touchRun } from "./attrs.ts";
import { fieldKey, hasEntity, missingEntity, type NamedKind, namedKinds, readField } from "./entities.ts";
import { addEntry, type IndexTerm, syncTerms } from "./indexes.ts";
import { lastString, leaf, runKey, type StoreKeys, systemKey, systemRange } from "./keys.ts";

const yes = encodeValue(true);
const nothing = encodeValue(null);

/** The experiment that a run belongs to: its association, or what its meta says where an older writer left none. */
export async function runExperiment(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<string | undefined> {
  const keys = [systemKey(store, "run_experiment", hash), runKey(store, hash, "meta", "experiment_id", leaf)];
  for (const bytes of await tx.getMany(keys)) {
    const id = bytes === undefined ? undefined : decodeValue(bytes);
    if (typeof id === "string") return id;
  }
  return undefined;
}

/**
 * Assigns a run to an experiment, or to none: association, meta, counts and index. Assigning what is assigned already
 * changes nothing. With `now` (seconds since the epoch) a change sets the run's `updated_at`.
 * @throws MatyanError `not_found` for an unknown experiment; nothing is changed then.
 */
export async function setRunExperiment(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  id: string | null,
  now?: number,
): Promise<void> {
  if (id !== null && !(await hasEntity(tx, store, "experiment", id))) throw missingEntity("experiment", id);
  const linkKey = systemKey(store, "run_experiment", hash);
  const link = await tx.get(linkKey);
  const current = link === undefined ? undefined : decodeValue(link);
  if (typeof current === "string" && current !== id) await unlink(tx, store, "experiment", current, hash);
  if (id !== null) {
    await linkRun(tx, store, "experiment", id, hash);
    if (current !== id) tx.set(linkKey, encodeValue(id));
  } else if (link !== undefined) tx.clear(linkKey);
  await setMetaExperiment(tx, store, hash, id, now);
  await syncExperimentIndex(tx, store, hash);
}

/** Only a run that exists gets the field: a run must never come to be through an association. */
export async function setMetaExperiment(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  id: string | null,
  now: number | undefined,
): Promise<void> {
  const key = runKey(store, hash, "meta", "experiment_id", leaf);
  const [stored, updated] = await tx.getMany([key, runKey(store, hash, "meta", "updated_at", leaf)]);
  if (updated === undefined && stored === undefined) return;
  const bytes = id === null ? nothing : encodeValue(id);
  if (stored !== undefined && Buffer.compare(stored, bytes) === 0) return;
  tx.set(key, bytes);
  if (now !== undefined) await touchRun(tx, store, hash, now);
}

/** Attaches a tag. Returns whether it was not attached before. @throws MatyanError `not_found` for an unknown tag. */
export async function addRunTag(tx: Transaction, store: StoreKeys, hash: string, tagId: string): Promise<boolean> {
  const name = await readField(tx, store, "tag", tagId, "name");
  if (typeof name !== "string") throw missingEntity("tag", tagId);
  tx.set(systemKey(store, "run_tags", hash, tagId), yes);
  tx.set(runKey(store, hash, "tags", tagId), yes);
  const added = await linkRun(tx, store, "tag", tagId, hash);
  addEntry(tx, store, hash, ["tag", name]);
  return added;
}

/** Detaches a tag. Returns whether it was attached; a tag that is not, or does not exist, changes nothing. */
export async function removeRunTag(tx: Transaction, store: StoreKeys, hash: string, tagId: string): Promise<boolean> {
  const linkKey = systemKey(store, "run_tags", hash, tagId);
  const attached = (await tx.get(linkKey)) !== undefined;
  tx.clear(linkKey);
  tx.clear(runKey(store, hash, "tags", tagId));
  const counted = await unlink(tx, store, "tag", tagId, hash);
  await syncTagIndex(tx, store, hash);
  return attached || counted;
}

/** Sets the association key of a run, and counts it if it was not there. */
async function linkRun(tx: Transaction, store: StoreKeys, kind: NamedKind, id: string, hash: string): Promise<boolean> {
  const key = systemKey(store, namedKinds[kind].runs, id, hash);
  if ((await tx.get(key)) !== undefined) return false;
  tx.set(key, yes);
  await changeCount(tx, store, kind, id, 1n);
  return true;
}

/** Clears the association key of a run, and takes it off the count if it was there and the record still is. */
export async function unlink(
  tx: Transaction,
  store: StoreKeys,
  kind: NamedKind,
  id: string,
  hash: string,
): Promise<boolean> {
  const key = systemKey(store, namedKinds[kind].runs, id, hash);
  if ((await tx.get(key)) === undefined) return false;
  tx.clear(key);
  await changeCount(tx, store, kind, id, -1n);
  return true;
}

/** A deleted record is not brought back by counting. */
async function changeCount(tx: Transaction, store: StoreKeys, kind: NamedKind, id: string, by: bigint): Promise<void> {
  if (!(await hasEntity(tx, store, kind, id))) return;
  const stored = await readField(tx, store, kind, id, "run_count");
  const count = (typeof stored === "bigint" ? stored : 0n) + by;
  tx.set(fieldKey(store, kind, id, "run_count"), encodeValue(count < 0n ? 0n : count));
}

/** The ids of a run's tags. */
export async function runTags(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const batch of tx.range(systemRange(store, "run_tags", hash)))
    for (const [key] of batch) ids.push(lastString(key, store.dirs.system));
  return ids;
}

/** The names of a run's tags; tags that are gone are left out. */
export async function runTagNames(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<string[]> {
  const ids = await runTags(tx, store, hash);
  const names = await tx.getMany(ids.map((id) => fieldKey(store, "tag", id, "name")));
  return names.flatMap((bytes) => {
    const name = bytes === undefined ? undefined : decodeValue(bytes);
    return typeof name === "string" ? [name] : [];
  });
}

/** The runs of an experiment in byte order of their hashes, in batches. */
export function runsOfExperiment(tx: ReadTransaction, store: StoreKeys, id: string): AsyncGenerator<string[]> {
  return runsOf(tx, store, "experiment", id);
}

/** The runs that carry a tag in byte order of their hashes, in batches. */
export function runsOfTag(tx: ReadTransaction, store: StoreKeys, id: string): AsyncGenerator<string[]> {
  return runsOf(tx, store, "tag", id);
}

export async function* runsOf(
  tx: ReadTransaction,
  store: StoreKeys,
  kind: NamedKind,
  id: string,
): AsyncGenerator<string[]> {
  for await (const batch of tx.range(systemRange(store, namedKinds[kind].runs, id)))
    yield batch.map(([key]) => lastString(key, store.dirs.system));
}

/** The index term of a run's experiment; none when it has none, or the experiment is gone. */
export async function experimentTerms(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<IndexTerm[]> {
  const id = await runExperiment(tx, store, hash);
  const name = id === undefined ? undefined : await readField(tx, store, "experiment", id, "name");
  return typeof name === "string" ? [["experiment", name]] : [];
}

export async function tagTerms(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<IndexTerm[]> {
  return (await runTagNames(tx, store, hash)).map((name): IndexTerm => ["tag", name]);
}

/** Compares with what is stored, whatever name that is under: an entry of an old name goes too. */
export async function syncExperimentIndex(tx: Transaction, store: StoreKeys, hash: string): Promise<void> {
  await syncTerms(tx, store, hash, ["experiment"], await experimentTerms(tx, store, hash));
}

export async function syncTagIndex(tx: Transaction, store: StoreKeys, hash: string): Promise<void> {
  await syncTerms(tx, store, hash, ["tag"], await tagTerms(tx, store, hash));
}

/** Removes up to `limit` associations of a run that is being deleted. Returns how many; fewer than `limit` means all. */
export async function detachRun(tx: Transaction, store: StoreKeys, hash: string, limit: number): Promise<number> {
  const linkKey = systemKey(store, "run_experiment", hash);
  const link = await tx.get(linkKey);
  const id = link === undefined ? undefined : decodeValue(link);
  if (typeof id === "string") await unlink(tx, store, "experiment", id, hash);
  if (link !== undefined) tx.clear(linkKey);
  let count = 0;
  for await (const batch of tx.range(systemRange(store, "run_tags", hash), { limit }))
    for (const [key] of batch) {
      tx.clear(key);
      await unlink(tx, store, "tag", lastString(key, store.dirs.system), hash);
      count++;
    }
  return count;
}
