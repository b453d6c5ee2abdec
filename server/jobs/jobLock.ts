// The lock of a running maintenance job: renewed while it lives, and checked in every transaction that the job commits, so that
// one that lost it stops before its next write. The key is that of the existing services, which exclude ours and are excluded.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { MatyanError } from "../../formats/error.ts";
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import { isMap, mapOf, toNumber, type ValueMap } from "../../formats/value.ts";
import type { Database, ReadTransaction, Transaction } from "../kv/index.ts";
import type { Store } from "../store/index.ts";
import { lastString, type StoreKeys, systemKey, systemRange } from "../store/keys.ts";
import { readLock } from "../store/locks.ts";

/** Names of the locks; the first two are those of the existing services' jobs (storage.md 7.1). */
export const jobNames = ["cleanup_orphan_blobs", "cleanup_tombstones", "reindex", "finish_stale"] as const;
export type JobName = (typeof jobNames)[number];

/** Who holds a lock; jobs of the existing services do not say. */
export interface LockOwner {
  readonly host: string;
  readonly pid: number;
  /** Seconds since the epoch. */
  readonly since: number;
}

export interface ListedLock {
  readonly name: string;
  /** Seconds since the epoch; undefined for a value that is no time, which holds nothing. */
  readonly expiresAt: number | undefined;
  readonly isHeld: boolean;
  readonly owner: LockOwner | undefined;
}

export interface JobLockOptions {
  /** How long the lock outlives its holder, seconds; it is renewed after a third of that. */
  readonly ttl: number;
  /** Seconds since the epoch. */
  readonly now: () => number;
  /** Told once when the lock was lost while the job did something else than write. */
  readonly lost?: (error: MatyanError) => void;
}

/** A live lock. `store` is the same store, whose transactions fail once the lock is another's. */
export class JobLock implements AsyncDisposable {
  readonly name: JobName;
  readonly store: Store;
  readonly #bare: Store;
  readonly #options: JobLockOptions;
  /** Times of expiry that we wrote: the one that is stored and, while it is renewed, the next. */
  #own: number[];
  readonly #since: number;
  /** Tells our lock from that of another process which took it with the same time of expiry. */
  readonly #token: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lost: MatyanError | undefined;

  /** Takes the lock. @throws MatyanError `busy` while another holds it */
  static async acquire(store: Store, name: JobName, options: JobLockOptions): Promise<JobLock> {
    const now = options.now();
    const expiresAt = now + options.ttl;
    const token = randomUUID();
    await store.database.transact(async (tx) => {
      const held = await readLock(tx, store, name);
      if (held !== undefined && held > now) throw busyError(name, held - now, await readOwner(tx, store, name, held));
      writeLock(tx, store, name, expiresAt, { since: now, token });
    });
    return new JobLock(store, name, expiresAt, token, options);
  }

  private constructor(store: Store, name: JobName, expiresAt: number, token: string, options: JobLockOptions) {
    this.name = name;
    this.#token = token;
    this.#bare = store;
    this.#options = options;
    this.#own = [expiresAt];
    this.#since = expiresAt - options.ttl;
    this.store = { ...store, database: new FencedDatabase(store.database, (tx) => this.check(tx)) };
    this.#schedule();
  }

  /** For what is done outside the store, right before it. @throws MatyanError `conflict` when the lock is another's */
  async assertHeld(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    await this.#bare.database.snapshot((tx) => this.check(tx));
  }

  /** @throws MatyanError `conflict` when the stored lock is not ours any more */
  async check(tx: ReadTransaction): Promise<void> {
    if (await this.#isOurs(tx)) return;
    this.#lost ??= new MatyanError("conflict", `the lock '${this.name}' was lost to another process`, {
      hint: "This job stops before its next write. Run it again when the other one is done: it goes on.",
    });
    throw this.#lost;
  }

  async renew(): Promise<void> {
    const { now, ttl } = this.#options;
    // Never the same or earlier, also when the clock was set back: the value proves who wrote it.
    const stored = this.#own[this.#own.length - 1]!;
    const next = Math.max(now() + ttl, stored + 0.001);
    this.#own = [stored, next];
    await this.#bare.database.transact(async (tx) => {
      await this.check(tx);
      writeLock(tx, this.#bare, this.name, next, { since: this.#since, token: this.#token });
    });
    this.#own = [next];
  }

  /** Stops the renewals and gives the lock back, if it is still ours. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#bare.database.transact(async (tx) => {
      if (await this.#isOurs(tx)) clearLock(tx, this.#bare, this.name);
    });
  }

  async #isOurs(tx: ReadTransaction): Promise<boolean> {
    const stored = await readLock(tx, this.#bare, this.name);
    if (stored === undefined || !this.#own.includes(stored)) return false;
    const owner = await readOwnerFields(tx, this.#bare, this.name, stored);
    return owner?.get("token") === this.#token;
  }

  #schedule(): void {
    this.#timer = setTimeout(
      async () => {
        try {
          await this.renew();
        } catch (error) {
          // A store that is away is asked again: the lock may still be ours. A lost lock is told, and stays lost.
          if (this.#lost !== undefined) return this.#options.lost?.(this.#lost);
          if (!(error instanceof MatyanError)) throw error;
        }
        if (this.#timer !== undefined) this.#schedule();
      },
      (this.#options.ttl * 1_000) / 3,
    );
    this.#timer.unref();
  }
}

/** All locks that are stored, and those of our jobs that are not. By name. */
export async function listLocks(store: Store, now: number): Promise<ListedLock[]> {
  return store.database.snapshot(async (tx) => {
    const names = new Set<string>(jobNames);
    for await (const batch of tx.range(systemRange(store, "job_lock")))
      for (const [key] of batch) names.add(lastString(key, store.dirs.system));
    const locks: ListedLock[] = [];
    for (const name of [...names].sort()) {
      const expiresAt = await readLock(tx, store, name);
      const isHeld = expiresAt !== undefined && expiresAt > now;
      locks.push({ name, expiresAt, isHeld, owner: isHeld ? await readOwner(tx, store, name, expiresAt) : undefined });
    }
    return locks;
  });
}

/** Takes a lock from whoever holds it: a job of ours that does stops before its next write. @returns whether there was one */
export async function releaseLock(store: Store, name: string): Promise<boolean> {
  return store.database.transact(async (tx) => {
    const isThere = (await tx.get(systemKey(store, "job_lock", name))) !== undefined;
    clearLock(tx, store, name);
    return isThere;
  });
}

/** The database, whose transactions are done only while `check` lets them. Reads are free. */
export class FencedDatabase implements Database {
  readonly #database: Database;
  readonly #check: (tx: ReadTransaction) => Promise<void>;
  readonly lasting?: NonNullable<Database["lasting"]>;

  constructor(database: Database, check: (tx: ReadTransaction) => Promise<void>) {
    this.#database = database;
    this.#check = check;
    if (database.lasting !== undefined) this.lasting = database.lasting.bind(database);
  }

  get engine() {
    return this.#database.engine;
  }

  get longSnapshots() {
    return this.#database.longSnapshots;
  }

  transact<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#database.transact(async (tx) => {
      await this.#check(tx);
      return body(tx);
    });
  }

  snapshot<T>(body: (tx: ReadTransaction) => Promise<T>): Promise<T> {
    return this.#database.snapshot(body);
  }

  /** The database is its owner's to close. */
  async close(): Promise<void> {}
}

interface Holder {
  readonly since: number;
  readonly token: string;
}

/** The owner is written with the time that it is the owner of: after a lock of the existing services, which name none, it is nobody. */
function writeLock(tx: Transaction, store: StoreKeys, name: string, expiresAt: number, by: Holder): void {
  tx.set(systemKey(store, "job_lock", name), encodeValue(expiresAt));
  const owner = mapOf({ expires_at: expiresAt, host: hostname(), pid: BigInt(process.pid), ...by });
  tx.set(ownerKey(store, name), encodeValue(owner));
}

function clearLock(tx: Transaction, store: StoreKeys, name: string): void {
  tx.clear(systemKey(store, "job_lock", name));
  tx.clear(ownerKey(store, name));
}

/** Beside the lock, where the existing services read nothing. */
function ownerKey(store: StoreKeys, name: string): Uint8Array {
  return systemKey(store, "_job_owner", name);
}

async function readOwner(
  tx: ReadTransaction,
  store: StoreKeys,
  name: string,
  expiresAt: number,
): Promise<LockOwner | undefined> {
  const value = await readOwnerFields(tx, store, name, expiresAt);
  if (value === undefined) return undefined;
  const [host, pid, since] = ["host", "pid", "since"].map((field) => value.get(field));
  if (typeof host !== "string" || typeof pid !== "bigint") return undefined;
  return { host, pid: Number(pid), since: toNumber(since) ?? expiresAt };
}

async function readOwnerFields(
  tx: ReadTransaction,
  store: StoreKeys,
  name: string,
  expiresAt: number,
): Promise<ValueMap | undefined> {
  const bytes = await tx.get(ownerKey(store, name));
  const value = bytes === undefined ? undefined : decodeValue(bytes);
  return isMap(value) && value.get("expires_at") === expiresAt ? value : undefined;
}

function busyError(name: string, seconds: number, owner: LockOwner | undefined): MatyanError {
  const who = owner === undefined ? "another process" : `process ${owner.pid} on ${owner.host}`;
  return new MatyanError("busy", `${who} holds the lock '${name}'`, {
    hint: `It expires in ${Math.ceil(seconds)} s unless it is renewed. If nothing runs: matyan locks release ${name}`,
  });
}
