// A transaction as its body sees it: reads that conflict, writes that count against the limits all engines share.
import { checkKey, checkRange, checkSet } from "../checks.ts";
import type { Clock } from "../clock.ts";
import {
  type Key,
  type KeyRange,
  type KvError,
  keyAfter,
  mutationBytes,
  type ReadTransaction,
  type Transaction,
} from "../index.ts";
import { TransactionLife } from "../transactionLife.ts";
import { Reading, type ReadingContext } from "./reading.ts";
import type { NativeTransaction } from "./transaction.ts";

/** One attempt at a transaction, from its read version to its commit. */
export class Attempt implements ReadingContext {
  readonly native: NativeTransaction;
  readonly life: TransactionLife;
  readonly #clock: Clock;
  readonly #begun: number;
  /** What kept the store from answering a read: the commit must not be tried then, whatever the body makes of the error. */
  failure: KvError | undefined;
  ended = false;
  /** Whether there is anything to commit; it may be conflict ranges alone. */
  writes = false;
  mutations = 0;

  constructor(native: NativeTransaction, clock: Clock) {
    this.native = native;
    this.#clock = clock;
    this.#begun = clock.now();
    this.life = new TransactionLife(clock);
  }

  get ageMs(): number {
    return this.#clock.now() - this.#begun;
  }

  mustBeUsable(): void {
    this.life.mustBeInTime();
  }

  failed(error: KvError): void {
    this.failure ??= error;
    this.life.fail(error);
  }

  end(): void {
    this.ended = true;
    this.life.end();
  }
}

export class Writing extends Reading implements Transaction {
  readonly snapshot: ReadTransaction;
  readonly #attempt: Attempt;
  readonly #native: NativeTransaction;
  readonly #life: TransactionLife;
  readonly #delta = new Uint8Array(8);
  readonly #deltaView = new DataView(this.#delta.buffer);

  constructor(attempt: Attempt) {
    super(attempt, { snapshot: false, ahead: false });
    this.snapshot = new Reading(attempt, { snapshot: true, ahead: false });
    this.#attempt = attempt;
    this.#native = attempt.native;
    this.#life = attempt.life;
  }

  set(key: Key, value: Uint8Array): void {
    this.#life.mustBeUsable();
    checkSet(key, value);
    this.#mutate(mutationBytes.set(key.length, value.length));
    this.#native.set(key, value);
  }

  clear(key: Key): void {
    this.#life.mustBeUsable();
    checkKey(key);
    this.#mutate(mutationBytes.clear(key.length));
    this.#native.clear(key);
  }

  clearRange(range: KeyRange): void {
    this.#life.mustBeUsable();
    checkRange(range);
    this.#mutate(mutationBytes.clearRange(range.begin.length, range.end.length));
    if (Buffer.compare(range.begin, range.end) < 0) this.#native.clearRange(range);
  }

  add(key: Key, delta: bigint): void {
    this.#life.mustBeUsable();
    this.#deltaView.setBigUint64(0, BigInt.asUintN(64, delta), true);
    checkSet(key, this.#delta);
    this.#mutate(mutationBytes.set(key.length, this.#delta.length));
    this.#native.add(key, this.#delta);
  }

  addReadConflictKey(key: Key): void {
    this.#life.mustBeUsable();
    checkKey(key);
    this.#native.addConflict({ begin: key, end: keyAfter(key) }, "read");
  }

  addWriteConflictKey(key: Key): void {
    this.#life.mustBeUsable();
    checkKey(key);
    this.#attempt.writes = true;
    this.#native.addConflict({ begin: key, end: keyAfter(key) }, "write");
  }

  #mutate(bytes: number): void {
    this.#life.count(bytes);
    this.#attempt.writes = true;
    this.#attempt.mutations++;
  }
}
