// Locks of maintenance jobs (storage.md 7.1): a time of expiry in the key of the existing services and, beside it, who holds it.
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import { isMap, mapOf, toNumber } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { lastString, type StoreKeys, systemKey, systemRange } from "./keys.ts";

/** Who holds a lock. Jobs of the existing services do not say. */
export interface LockOwner {
  readonly host: string;
  readonly pid: number;
  /** Where that id means something (formats/processSpace.ts); earlier versions did not say. */
  readonly space: string | undefined;
  /** Seconds since the epoch. */
  readonly since: number;
  /** Known to the holder alone: proves that a lock is its own. */
  readonly token: string;
}

export interface StoredLock {
  /** Seconds since the epoch. Until then the lock is held. */
  readonly expiresAt: number;
  readonly owner: LockOwner | undefined;
}

/** The stored lock; undefined when there is none, or its value is no time: that is a free one. */
export async function readLock(tx: ReadTransaction, store: StoreKeys, name: string): Promise<StoredLock | undefined> {
  const [time, fields] = await tx.getMany([lockKey(store, name), ownerKey(store, name)]);
  const expiresAt = time === undefined ? undefined : timeOf(time);
  return expiresAt === undefined ? undefined : { expiresAt, owner: ownerOf(fields, expiresAt) };
}

/** The owner is written with the time that it is the owner of: once the existing services write another, it is nobody. */
export function writeLock(
  tx: Transaction,
  store: StoreKeys,
  name: string,
  expiresAt: number,
  { host, pid, space, since, token }: LockOwner,
): void {
  tx.set(lockKey(store, name), encodeValue(expiresAt));
  const fields = mapOf({ expires_at: expiresAt, host, pid: BigInt(pid), space, since, token });
  tx.set(ownerKey(store, name), encodeValue(fields));
}

/** Returns whether there was one, whatever its value. */
export async function clearLock(tx: Transaction, store: StoreKeys, name: string): Promise<boolean> {
  const isThere = (await tx.get(lockKey(store, name))) !== undefined;
  tx.clear(lockKey(store, name));
  tx.clear(ownerKey(store, name));
  return isThere;
}

/** Names of all locks that are stored, held or not. */
export async function lockNames(tx: ReadTransaction, store: StoreKeys): Promise<string[]> {
  const names: string[] = [];
  for await (const batch of tx.range(systemRange(store, "job_lock")))
    for (const [key] of batch) names.push(lastString(key, store.dirs.system));
  return names;
}

function lockKey(store: StoreKeys, name: string): Uint8Array {
  return systemKey(store, "job_lock", name);
}

/** The existing services read nothing there. */
function ownerKey(store: StoreKeys, name: string): Uint8Array {
  return systemKey(store, "_job_owner", name);
}

function timeOf(bytes: Uint8Array): number | undefined {
  try {
    return toNumber(decodeValue(bytes));
  } catch {
    return undefined; // storage.md 7.1: an undecodable lock is a free one
  }
}

function ownerOf(bytes: Uint8Array | undefined, expiresAt: number): LockOwner | undefined {
  const fields = bytes === undefined ? undefined : decodeValue(bytes);
  if (!isMap(fields) || fields.get("expires_at") !== expiresAt) return undefined;
  const [host, pid, space, since, token] = ["host", "pid", "space", "since", "token"].map((field) => fields.get(field));
  if (typeof host !== "string" || typeof pid !== "bigint" || typeof token !== "string") return undefined;
  return {
    ...{ host, pid: Number(pid), since: toNumber(since) ?? expiresAt, token },
    space: typeof space === "string" ? space : undefined,
  };
}
