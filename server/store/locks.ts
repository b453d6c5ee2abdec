// Locks of maintenance jobs (storage.md 7.1): one float64 time of expiry, which is also the holder's proof of ownership.
import { MatyanError } from "../../formats/error.ts";
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import { toNumber } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { type StoreKeys, systemKey } from "./keys.ts";

/** What the holder shows to renew and release. A later holder's expiry is always later, so the two never match. */
export interface JobLock {
  readonly name: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

export interface LockOptions {
  /** Seconds since the epoch. */
  readonly now: number;
  /** Seconds. */
  readonly ttl: number;
}

/** The time of expiry that is stored, or undefined when the lock is free or its value unreadable. */
export async function readLock(tx: ReadTransaction, store: StoreKeys, name: string): Promise<number | undefined> {
  const bytes = await tx.get(systemKey(store, "job_lock", name));
  if (bytes === undefined) return undefined;
  try {
    return toNumber(decodeValue(bytes));
  } catch {
    return undefined; // storage.md 7.1: an undecodable lock is a free one
  }
}

/** Takes the lock. @throws MatyanError `busy` while another holds it. */
export async function acquireLock(
  tx: Transaction,
  store: StoreKeys,
  name: string,
  options: LockOptions,
): Promise<JobLock> {
  const held = await readLock(tx, store, name);
  if (held !== undefined && held > options.now)
    throw new MatyanError("busy", `another process holds the lock '${name}'`, {
      hint: `It expires in ${Math.ceil(held - options.now)} s unless it is renewed.`,
    });
  return writeLock(tx, store, name, options.now + options.ttl);
}

/** Keeps a lock for `ttl` more seconds. @throws MatyanError `conflict` when it expired and another took it. */
export async function renewLock(
  tx: Transaction,
  store: StoreKeys,
  lock: JobLock,
  options: LockOptions,
): Promise<JobLock> {
  if ((await readLock(tx, store, lock.name)) !== lock.expiresAt)
    throw new MatyanError("conflict", `the lock '${lock.name}' was lost to another process`, {
      hint: "Stop the work: the other process does it.",
    });
  return writeLock(tx, store, lock.name, Math.max(options.now + options.ttl, lock.expiresAt));
}

/** Gives a lock back. Returns false, and changes nothing, when it is another's by now. */
export async function releaseLock(tx: Transaction, store: StoreKeys, lock: JobLock): Promise<boolean> {
  if ((await readLock(tx, store, lock.name)) !== lock.expiresAt) return false;
  tx.clear(systemKey(store, "job_lock", lock.name));
  return true;
}

function writeLock(tx: Transaction, store: StoreKeys, name: string, expiresAt: number): JobLock {
  tx.set(systemKey(store, "job_lock", name), encodeValue(expiresAt));
  return { name, expiresAt };
}
