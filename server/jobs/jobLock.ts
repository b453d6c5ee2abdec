// The lock of a running maintenance job: renewed while it lives, and checked in every transaction that the job commits, so that
// one that lost it stops before its next write. The key is that of the existing services, which exclude ours and are excluded.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { MatyanError } from "../../formats/error.ts";
import { isAlive, processSpace } from "../../formats/processSpace.ts";
import type { ReadTransaction } from "../kv/index.ts";
import type { Store } from "../store/index.ts";
import { clearLock, type LockOwner, lockNames, readLock, type StoredLock, writeLock } from "../store/locks.ts";
import { FencedDatabase } from "./fencedDatabase.ts";

/** Names of the locks; the first two are those of the existing services' jobs (storage.md 7.1). */
const jobNames = ["cleanup_orphan_blobs", "cleanup_tombstones", "reindex", "finish_stale"] as const;
export type JobName = (typeof jobNames)[number];

export interface ListedLock {
  readonly name: string;
  /** Seconds since the epoch; undefined where nothing is stored, or no time. */
  readonly expiresAt: number | undefined;
  readonly isHeld: boolean;
  /** Of a lock that is held. */
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
  readonly #owner: LockOwner;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lost: MatyanError | undefined;

  /** Takes the lock. @throws MatyanError `busy` while another holds it */
  static async acquire(store: Store, name: JobName, options: JobLockOptions): Promise<JobLock> {
    const now = options.now();
    const owner = { host: hostname(), pid: process.pid, space: processSpace, since: now, token: randomUUID() };
    await store.database.transact(async (tx) => {
      const held = await readLock(tx, store, name);
      if (held !== undefined && held.expiresAt > now) throw busyError(name, held, now);
      writeLock(tx, store, name, now + options.ttl, owner);
    });
    return new JobLock(store, name, owner, options);
  }

  private constructor(store: Store, name: JobName, owner: LockOwner, options: JobLockOptions) {
    this.name = name;
    this.#bare = store;
    this.#owner = owner;
    this.#options = options;
    this.store = { ...store, database: new FencedDatabase(store.database, async (tx) => void (await this.#check(tx))) };
    this.#schedule();
  }

  /** For what is done outside the store, right before it. @throws MatyanError `conflict` when the lock is another's */
  async assertHeld(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    await this.#bare.database.snapshot((tx) => this.#check(tx));
  }

  /** @throws MatyanError `conflict` when the lock is another's */
  async renew(): Promise<void> {
    await this.#bare.database.transact(async (tx) => {
      const { expiresAt } = await this.#check(tx);
      // Never earlier, also when the clock was set back.
      writeLock(tx, this.#bare, this.name, Math.max(this.#options.now() + this.#options.ttl, expiresAt), this.#owner);
    });
  }

  /** Stops the renewals and gives the lock back, if it is still ours. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#bare.database.transact(async (tx) => {
      if (this.#isOurs(await readLock(tx, this.#bare, this.name))) await clearLock(tx, this.#bare, this.name);
    });
  }

  #isOurs(stored: StoredLock | undefined): stored is StoredLock {
    return stored?.owner?.token === this.#owner.token;
  }

  async #check(tx: ReadTransaction): Promise<StoredLock> {
    const stored = await readLock(tx, this.#bare, this.name);
    if (this.#isOurs(stored)) return stored;
    this.#lost ??= new MatyanError(
      "conflict",
      `the lock '${this.name}' was lost: another process took it, or it was released`,
      {
        hint: "This job stopped before its next write. Run it again when the other one is done: it goes on.",
      },
    );
    throw this.#lost;
  }

  #schedule(): void {
    const everyMs = (this.#options.ttl * 1_000) / 3;
    this.#timer = setTimeout(() => void this.#keep(), everyMs);
    this.#timer.unref();
  }

  async #keep(): Promise<void> {
    try {
      await this.renew();
    } catch {
      // A store that is away is asked again: the lock may still be ours, and each transaction asks. A lost one stays lost.
      if (this.#lost !== undefined) return this.#options.lost?.(this.#lost);
    }
    if (this.#timer !== undefined) this.#schedule();
  }
}

/** All locks that are stored, and those of our jobs that are not. By name. */
export async function listLocks(store: Store, now: number): Promise<ListedLock[]> {
  return store.database.snapshot(async (tx) => {
    const names = new Set<string>([...jobNames, ...(await lockNames(tx, store))]);
    const locks: ListedLock[] = [];
    for (const name of [...names].sort()) {
      const stored = await readLock(tx, store, name);
      const isHeld = stored !== undefined && stored.expiresAt > now;
      locks.push({ name, expiresAt: stored?.expiresAt, isHeld, owner: isHeld ? stored.owner : undefined });
    }
    return locks;
  });
}

/** Takes a lock from whoever holds it: a job of ours that does stops before its next write. @returns whether there was one */
export function releaseLock(store: Store, name: string): Promise<boolean> {
  return store.database.transact((tx) => clearLock(tx, store, name));
}

function busyError(name: string, { expiresAt, owner }: StoredLock, now: number): MatyanError {
  const who = owner === undefined ? "another process" : ownerText(owner);
  const expires = `expires in ${Math.ceil(expiresAt - now)} s`;
  return new MatyanError("busy", `${who} holds the lock '${name}'`, {
    hint:
      owner !== undefined && isGone(owner)
        ? `That process is not there any more. Its lock ${expires}; to go on now: matyan locks release ${name}`
        : `It ${expires} unless it is renewed. If nothing runs: matyan locks release ${name}`,
  });
}

export function ownerText({ pid, host }: LockOwner): string {
  return `process ${pid} on ${host}`;
}

/** Whether the holder is known to have ended without giving its lock back. Of another machine's nothing is known. */
export function isGone({ pid, space }: LockOwner): boolean {
  return space === processSpace && !isAlive(pid);
}
