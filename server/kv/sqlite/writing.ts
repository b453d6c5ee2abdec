// A write transaction over the writer connection: limits, read-your-writes, and writes sent in statements of many rows.
import { sumOf } from "../addition.ts";
import { checkKey, checkRange, checkSet } from "../checks.ts";
import {
  type Key,
  type KeyRange,
  type KeyValue,
  mutationBytes,
  type RangeOptions,
  type ReadTransaction,
  type Transaction,
} from "../index.ts";
import type { Pace } from "../pace.ts";
import type { TransactionLife } from "../transactionLife.ts";
import type { Connection } from "./connection.ts";
import { explain, isBusy } from "./errors.ts";
import { Reading } from "./reading.ts";
import { clearKeys, clearKeysBetween, rowsPerStatement, setRows } from "./statements.ts";

export class Writing implements Transaction {
  readonly snapshot: ReadTransaction;
  readonly #connection: Connection;
  readonly #reading: Reading;
  readonly #life: TransactionLife;
  /** Mutations of one kind that wait to be sent, oldest first: keys and values in turn, or keys. */
  #kind: "set" | "clear" = "set";
  #waiting: Uint8Array[] = [];

  /** The connection's transaction has begun already. */
  constructor(connection: Connection, pace: Pace, life: TransactionLife) {
    this.#connection = connection;
    this.#life = life;
    this.#reading = new Reading(connection, pace, () => {
      this.#life.mustBeInTime();
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
    this.#life.mustBeUsable();
    checkSet(key, value);
    this.#life.count(mutationBytes.set(key.length, value.length));
    if (this.#kind !== "set") this.#startKind("set");
    // Copies, since they are sent later and the caller may reuse its buffers.
    this.#waiting.push(new Uint8Array(key), new Uint8Array(value));
    if (this.#waiting.length === 2 * rowsPerStatement) this.#send();
  }

  clear(key: Key): void {
    this.#life.mustBeUsable();
    checkKey(key);
    this.#life.count(mutationBytes.clear(key.length));
    if (this.#kind !== "clear") this.#startKind("clear");
    this.#waiting.push(new Uint8Array(key));
    if (this.#waiting.length === rowsPerStatement) this.#send();
  }

  clearRange(range: KeyRange): void {
    this.#life.mustBeUsable();
    checkRange(range);
    this.#life.count(mutationBytes.clearRange(range.begin.length, range.end.length));
    this.#send();
    // A cluster clears a range of any size at once, so what it takes here does not count against the transaction's life.
    this.#life.outsideTime(() => this.#run(clearKeysBetween, [range.begin, range.end]));
  }

  add(key: Key, delta: bigint): void {
    this.set(key, sumOf(this.#reading.getNow(key), delta));
  }

  /** Writers take turns here, so there is never another one to conflict with. */
  addReadConflictKey(key: Key): void {
    this.#life.mustBeUsable();
    checkKey(key);
  }

  addWriteConflictKey(key: Key): void {
    this.addReadConflictKey(key);
  }

  /** Sends what waits and commits; the transaction has ended then, also when this throws. Throws SQLITE_BUSY as it is. */
  commit(): void {
    this.#life.mustBeInTime();
    this.#send();
    this.#life.end();
    try {
      this.#connection.run("COMMIT");
    } catch (error) {
      throw isBusy(error) ? error : explain(error, this.#connection.path);
    }
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
      throw this.#life.fail(isBusy(error) ? error : explain(error, this.#connection.path));
    }
  }
}
