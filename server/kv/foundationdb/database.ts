// The contract over FoundationDB's client library: transactions that are run again as it says, within limits, and done once.
import { pack } from "../../../formats/tuple.ts";
import { Access } from "../access.ts";
import { type Clock, sleep } from "../clock.ts";
import { DirectoryLayer } from "../directory.ts";
import {
  type Database,
  type KeyRange,
  KvError,
  limits,
  prefixRange,
  type ReadTransaction,
  type Transaction,
  TransactionEndedError,
} from "../index.ts";
import { CommitMarks, decodeMark, type MarkPlace, marksPath } from "./commitMarks.ts";
import { errorNumbers, isRetryable, maybeCommitted } from "./errors.ts";
import { type Held, LastingReading } from "./lasting.ts";
import type { Address } from "./native.ts";
import type { Network } from "./network.ts";
import { Reading, type ReadingContext } from "./reading.ts";
import { NativeTransaction } from "./transaction.ts";
import { Attempt, Writing } from "./writing.ts";

export interface RetryLimits {
  /** How often a transaction is tried in all when the store has trouble. Conflicts do not count: somebody got ahead. */
  readonly maxAttempts: number;
  /** The pause after the first trouble; it doubles with each further one, up to the longest. */
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  /** How long a transaction may take in all, attempts and pauses together. */
  readonly timeoutMs: number;
}

export interface FoundationDatabaseOptions {
  readonly network: Network;
  /** Of the FDBDatabase; this object destroys it when it is closed. */
  readonly address: Address;
  readonly clusterFile: string;
  readonly retry: RetryLimits;
  readonly clock: Clock;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Reads that wait longer than this when the 5 s are over wait for the store: the body is not to blame. */
const silentStoreMs = 2_000;
/** What an attempt may have lived when the store calls it too old without its body being to blame. */
const youngMs = 0.9 * limits.transactionMs;
/** Marks of processes that ended without taking them along are removed after a day, this many at a start. */
const staleMarkMs = 86_400_000;
const staleMarks = 1_000;

/** How an attempt ended that was not the last word: by an error of the store, before the commit or in it. */
interface Trouble {
  readonly error: KvError;
  readonly committing: boolean;
}

export class FoundationDatabase implements Database {
  readonly engine = "foundationdb";
  readonly longSnapshots = false;
  readonly #options: FoundationDatabaseOptions;
  readonly #access = new Access();
  readonly #marks: CommitMarks;
  #closed: Promise<void> | undefined;

  constructor(options: FoundationDatabaseOptions) {
    this.#options = options;
    this.#marks = new CommitMarks(() => this.#openMarks(), options.now);
  }

  transact<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#access.read(() => this.#transact(body, this.#marks));
  }

  snapshot<T>(body: (tx: ReadTransaction) => Promise<T>): Promise<T> {
    return this.#access.read(() => this.#snapshot(body));
  }

  lasting<T>(range: KeyRange, body: (tx: ReadTransaction) => Promise<T>, changed?: () => void): Promise<T> {
    return this.#access.read(() => this.#lasting(range, body, changed));
  }

  estimateBytes(range: KeyRange): Promise<number> {
    return this.#access.read(async () => {
      const native = this.#begin();
      try {
        return Number(await native.estimatedBytes(range).take());
      } finally {
        await native.destroy();
      }
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#access.close(() => undefined);
    await this.#removeMarks();
    this.#options.network.client.fdb_database_destroy(this.#options.address);
  }

  async #snapshot<T>(body: (tx: ReadTransaction) => Promise<T>): Promise<T> {
    const held = await this.#hold(undefined);
    try {
      return await body(held.reading);
    } finally {
      await held.release();
    }
  }

  async #lasting<T>(
    range: KeyRange,
    body: (tx: ReadTransaction) => Promise<T>,
    changed: (() => void) | undefined,
  ): Promise<T> {
    const reading = new LastingReading(
      {
        hold: (version) => this.#hold(version),
        prove: (range, version) => this.#prove(range, version),
        clock: this.#options.clock,
        changed,
      },
      range,
    );
    try {
      await reading.begin();
      return await body(reading);
    } finally {
      await reading.end();
    }
  }

  async #hold(version: bigint | undefined): Promise<Held> {
    const native = this.#begin();
    let ended = false;
    const context: ReadingContext = {
      native,
      mutations: 0,
      mustBeUsable() {
        if (ended) throw new TransactionEndedError("transaction");
      },
      get ended() {
        return ended;
      },
      failed() {},
    };
    const release = () => {
      ended = true;
      return native.destroy();
    };
    try {
      const taken = await this.#takeReadVersion(native, version);
      return { reading: new Reading(context, { snapshot: true, ahead: true }), version: taken, release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  async #takeReadVersion(native: NativeTransaction, version: bigint | undefined): Promise<bigint> {
    for (const retries = new Retries(this.#options); ; ) {
      // Set anew after each error: a new transaction forgets it.
      native.setFlag("readYourWritesDisable");
      if (version !== undefined) {
        native.setReadVersion(version);
        return version;
      }
      try {
        return await native.readVersion().take();
      } catch (error) {
        await retries.wait(native, { error: ofStore(error), committing: false });
      }
    }
  }

  /** Commits nothing, with all of `range` as what was read at `version`. Its write conflict is a key that nobody reads. */
  async #prove(range: KeyRange, version: bigint): Promise<bigint> {
    const place = await this.#marks.take();
    const native = this.#begin();
    try {
      for (const retries = new Retries(this.#options); ; ) {
        native.setReadVersion(version);
        native.addConflict(range, "read");
        native.addConflict(prefixRange(place.key), "write");
        try {
          await native.commit();
          return native.committedVersion();
        } catch (error) {
          const failure = ofStore(error);
          if (failure.number === errorNumbers.conflict)
            throw new KvError(failure.number, "the data were changed while they were read", { cause: failure });
          await retries.wait(native, { error: failure, committing: false });
        }
      }
    } finally {
      this.#marks.giveBack(place);
      await native.destroy();
    }
  }

  async #transact<T>(body: (tx: Transaction) => Promise<T>, marks: CommitMarks | undefined): Promise<T> {
    const native = this.#begin();
    const run = new Run<T>(native, this.#options, marks);
    try {
      for (const retries = new Retries(this.#options); ; ) {
        const ended = await run.attempt(body);
        if ("result" in ended) return ended.result;
        try {
          await retries.wait(native, ended.trouble);
        } catch (error) {
          throw run.inDoubt ? this.#unknownResult(error) : error;
        }
      }
    } finally {
      run.end();
      await native.destroy();
    }
  }

  /** What a caller must know above all: the transaction may have been committed. */
  #unknownResult(cause: unknown): KvError {
    return new KvError(
      errorNumbers.unknownResult,
      `FoundationDB (${this.#options.clusterFile}) went away in a commit`,
      {
        hint: "Look whether the work was done before you do it again.",
        cause,
      },
    );
  }

  #begin(): NativeTransaction {
    const { network, address, retry } = this.#options;
    const native = new NativeTransaction(network, address);
    native.setInteger("timeout", retry.timeoutMs);
    native.setInteger("maxRetryDelay", retry.maxDelayMs);
    return native;
  }

  /** The prefix of this process's marks: in a directory of their own, by chance, so that no two processes share one. */
  async #openMarks(): Promise<Uint8Array> {
    const directory = await this.#transact((tx) => new DirectoryLayer().createOrOpen(tx, marksPath), undefined);
    await this.#transact((tx) => this.#removeStaleMarks(tx, directory), undefined);
    return Buffer.concat([directory, pack([crypto.getRandomValues(new Uint8Array(8))])]);
  }

  async #removeStaleMarks(tx: Transaction, directory: Uint8Array): Promise<void> {
    const oldest = this.#options.now() - staleMarkMs;
    for await (const batch of tx.snapshot.range(prefixRange(directory), { limit: staleMarks }))
      for (const [key, value] of batch) {
        const mark = decodeMark(value);
        if (mark !== undefined && mark.time < oldest) tx.clear(key);
      }
  }

  /** What is left when this does not succeed goes with the stale marks of a later process. */
  async #removeMarks(): Promise<void> {
    const prefix = await this.#marks.usedPrefix();
    if (prefix === undefined) return;
    const work = this.#transact(async (tx) => tx.clearRange(prefixRange(prefix)), undefined);
    await work.catch(() => undefined);
  }
}

/** The attempts at one transaction. */
class Run<T> {
  readonly #native: NativeTransaction;
  readonly #options: FoundationDatabaseOptions;
  readonly #marks: CommitMarks | undefined;
  #place: MarkPlace | undefined;
  /** What the body gave in the attempts of which nobody knows whether they were committed, by their marks. */
  readonly #doubtful = new Map<bigint, T>();

  constructor(native: NativeTransaction, options: FoundationDatabaseOptions, marks: CommitMarks | undefined) {
    this.#native = native;
    this.#options = options;
    this.#marks = marks;
  }

  /** Whether the transaction may have been committed without an answer. */
  get inDoubt(): boolean {
    return this.#doubtful.size > 0;
  }

  /** @throws what the body throws, and errors that another attempt would not change. */
  async attempt(
    body: (tx: Transaction) => Promise<T>,
  ): Promise<{ readonly result: T } | { readonly trouble: Trouble }> {
    const native = this.#native;
    try {
      await native.readVersion().take();
      if (this.inDoubt) {
        const found = decodeMark(await native.get(this.#place!.key, false).take());
        if (found !== undefined && this.#doubtful.has(found.mark)) {
          const result = this.#doubtful.get(found.mark)!;
          this.#doubtful.clear();
          return { result };
        }
      }
    } catch (error) {
      return { trouble: { error: ofStore(error), committing: false } };
    }
    const attempt = new Attempt(native, this.#options.clock);
    let result: T;
    try {
      result = await attempt.life.run(() => body(new Writing(attempt)));
      attempt.mustBeUsable();
    } catch (error) {
      const trouble = storeTrouble(attempt, error);
      if (trouble === undefined) throw error;
      return { trouble };
    } finally {
      attempt.end();
    }
    return attempt.writes ? this.#commit(attempt, result) : { result };
  }

  async #commit(attempt: Attempt, result: T): Promise<{ readonly result: T } | { readonly trouble: Trouble }> {
    const native = this.#native;
    let mark: bigint | undefined;
    if (attempt.mutations > 0 && this.#marks !== undefined) {
      this.#place ??= await this.#marks.take();
      mark = this.#marks.next();
      native.set(this.#place.key, this.#marks.encode(mark));
      // An attempt that was in doubt and arrives late finds that a later one has written here, and fails.
      const { key } = this.#place;
      native.addConflict(prefixRange(key), "read");
    }
    try {
      await native.commit();
    } catch (error) {
      const failure = ofStore(error);
      if (mark !== undefined && maybeCommitted(this.#options.network.client, failure.number))
        this.#doubtful.set(mark, result);
      return { trouble: { error: failure, committing: true } };
    }
    this.#doubtful.clear();
    return { result };
  }

  end(): void {
    if (this.#place !== undefined && !this.inDoubt) this.#marks?.giveBack(this.#place);
  }
}

/** What the store did to an attempt whose body has failed; undefined when the failure is the body's own. */
function storeTrouble(attempt: Attempt, error: unknown): Trouble | undefined {
  const { failure } = attempt;
  if (failure !== undefined) {
    const slowBody = failure.number === errorNumbers.transactionTooOld && attempt.ageMs > youngMs;
    return slowBody ? undefined : { error: failure, committing: false };
  }
  const outOfTime = error instanceof KvError && error.number === errorNumbers.transactionTooOld;
  return outOfTime && attempt.native.silentMs > silentStoreMs ? { error, committing: false } : undefined;
}

/** Counts what went wrong, and waits between attempts. */
class Retries {
  readonly #options: FoundationDatabaseOptions;
  #troubles = 0;

  constructor(options: FoundationDatabaseOptions) {
    this.#options = options;
  }

  /** Waits, and makes the transaction new for another attempt. @throws KvError when there shall be none. */
  async wait(native: NativeTransaction, { error, committing }: Trouble): Promise<void> {
    const { network, retry, clock, clusterFile } = this.#options;
    if (error.number === errorNumbers.timedOut)
      throw new KvError(
        error.number,
        `FoundationDB (${clusterFile}) gave no answer${committing ? " to a commit" : ""} for ${retry.timeoutMs / 1000} s`,
        {
          hint: "See whether the cluster is up and the cluster file is the right one: fdbcli's status tells.",
          cause: error,
        },
      );
    if (!isRetryable(network.client, error.number)) throw error;
    if (error.number !== errorNumbers.conflict) {
      if (++this.#troubles >= retry.maxAttempts) throw error;
      await sleep(clock, Math.min(retry.initialDelayMs * 2 ** (this.#troubles - 1), retry.maxDelayMs));
    }
    native.dropUnasked();
    await native.onError(error.number);
  }
}

/** Errors of the store go on as what they are; any other is a defect. */
function ofStore(error: unknown): KvError {
  if (error instanceof KvError) return error;
  throw error;
}
