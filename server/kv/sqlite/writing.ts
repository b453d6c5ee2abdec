// A write transaction over the writer connection: limits, read-your-writes, and writes sent in statements of many rows.
import { checkKey, checkRange, checkSet } from "../checks.ts";
import type { Clock } from "../clock.ts";
import {
  type Key,
  type KeyRange,
  type KeyValue,
  KvError,
  limits,
  mutationBytes,
  type RangeOptions,
  type ReadTransaction,
  type Transaction,
  TransactionEndedError,
} from "../index.ts";
import type { Connection } from "./connection.ts";
import { explain, isBusy } from "./errors.ts";
import type { Pace } from "./pace.ts";
import { Reading } from "./reading.ts";
import { clearKeys, clearKeysBetween, rowsPerStatement, setRows } from "./statements.ts";

export class Writing implements Transaction {
  readonly snapshot: ReadTransaction;
  readonly #connection: Connection;
  readonly #reading: Reading;
  readonly #clock: Clock;
  #deadline: number;
  #ended = false;
  #bytes = 0;
  /** The first failure after which this transaction cannot commit, whatever its body makes of the error. */
  #failure: { readonly error: unknown } | undefined;
  /** Mutations of one kind that wait to be sent, oldest first: keys and values in turn, or keys. */
  #kind: "set" | "clear" = "set";
  #waiting: Uint8Array[] = [];

  /** The connection's transaction has begun already. */
  constructor(connection: Connection, pace: Pace, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#deadline = clock.now() + limits.transactionMs;
    this.#reading = new Reading(connection, pace, () => {
      this.#mustBeInTime();
      this.#send();
    });
    this.snapshot = this.#reading;
  }

  get(key: Key): Promise<Uint8Array | undefined> {
    return this.#reading.get(key);
  }

  getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    return this.#reading.getMany(keys);
  }

  firstOfEach(ranges: readonly KeyRange[], reverse?: boolean): Promise<(KeyValue | undefined)[]> {
    return this.#reading.firstOfEach(ranges, reverse);
  }

  range(range: KeyRange, options?: RangeOptions): AsyncIterable<readonly KeyValue[]> {
    return this.#reading.range(range, options);
  }

  set(key: Key, value: Uint8Array): void {
    this.#mustBeUsable();
    checkSet(key, value);
    this.#count(mutationBytes.set(key.length, value.length));
    if (this.#kind !== "set") this.#startKind("set");
    // Copies, since they are sent later and the caller may reuse its buffers.
    this.#waiting.push(new Uint8Array(key), new Uint8Array(value));
    if (this.#waiting.length === 2 * rowsPerStatement) this.#send();
  }

  clear(key: Key): void {
    this.#mustBeUsable();
    checkKey(key);
    this.#count(mutationBytes.clear(key.length));
    if (this.#kind !== "clear") this.#startKind("clear");
    this.#waiting.push(new Uint8Array(key));
    if (this.#waiting.length === rowsPerStatement) this.#send();
  }

  clearRange(range: KeyRange): void {
    this.#mustBeUsable();
    checkRange(range);
    this.#count(mutationBytes.clearRange(range.begin.length, range.end.length));
    this.#send();
    // A cluster clears a range of any size at once, so what it takes here does not count against the transaction's life.
    const start = this.#clock.now();
    this.#run(clearKeysBetween, [range.begin, range.end]);
    this.#deadline += this.#clock.now() - start;
  }

  add(key: Key, delta: bigint): void {
    const sum = new Uint8Array(8);
    const before = this.#reading.getNow(key);
    if (before !== undefined) sum.set(before.subarray(0, 8));
    const view = new DataView(sum.buffer);
    view.setBigInt64(0, BigInt.asIntN(64, view.getBigInt64(0, true) + delta), true);
    this.set(key, sum);
  }

  /** Writers take turns here, so there is never another one to conflict with. */
  addReadConflictKey(key: Key): void {
    this.#mustBeUsable();
    checkKey(key);
  }

  addWriteConflictKey(key: Key): void {
    this.addReadConflictKey(key);
  }

  /** Sends what waits and commits; the transaction has ended then, also when this throws. Throws SQLITE_BUSY as it is. */
  commit(): void {
    this.#mustBeInTime();
    this.#send();
    this.#ended = true;
    try {
      this.#connection.run("COMMIT");
    } catch (error) {
      throw isBusy(error) ? error : explain(error, this.#connection.path);
    }
  }

  /** From here on every use throws. */
  end(): void {
    this.#ended = true;
    this.#waiting = [];
  }

  /** Milliseconds that this transaction may still live. */
  get timeLeft(): number {
    return this.#deadline - this.#clock.now();
  }

  /** As `end`, when the body used up its time: the body meets error 1007 at its next use. */
  expire(): unknown {
    this.end();
    return this.#fail(tooOld());
  }

  #mustBeUsable(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#ended) throw new TransactionEndedError("transaction");
  }

  #mustBeInTime(): void {
    this.#mustBeUsable();
    if (this.timeLeft < 0) throw this.#fail(tooOld());
  }

  #fail(error: unknown): unknown {
    this.#failure ??= { error };
    this.#waiting = [];
    return error;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > limits.transactionBytes)
      throw this.#fail(
        new KvError(2101, `${this.#bytes} bytes of keys, values and conflict ranges`, {
          hint: "Split the work into several transactions.",
        }),
      );
  }

  #startKind(kind: "set" | "clear"): void {
    this.#send();
    this.#kind = kind;
  }

  #send(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    if (this.#kind === "set") this.#run(setRows(waiting.length / 2), waiting);
    else this.#run(clearKeys(waiting.length), waiting);
  }

  #run(sql: string, parameters: readonly Uint8Array[]): void {
    try {
      this.#connection.run(sql, parameters);
    } catch (error) {
      throw this.#fail(isBusy(error) ? error : explain(error, this.#connection.path));
    }
  }
}

function tooOld(): KvError {
  return new KvError(1007, undefined, {
    hint: "Split the work into several transactions, and start none inside another one's body.",
  });
}
