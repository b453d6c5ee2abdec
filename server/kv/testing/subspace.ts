// A part of a store as if it were all of it, so that suites share a cluster: every key lies behind a prefix.
import { checkKey, checkRange } from "../checks.ts";
import type {
  Database,
  EngineName,
  Key,
  KeyRange,
  KeyValue,
  RangeOptions,
  ReadTransaction,
  Transaction,
} from "../index.ts";
import { lastingSnapshot } from "../lasting.ts";

export class SubspaceDatabase implements Database {
  readonly engine: EngineName;
  readonly longSnapshots: boolean;
  readonly #database: Database;
  readonly #prefix: Uint8Array;
  readonly #close: () => Promise<void>;

  /** `close` is called for the database's. Keys may be as much shorter than `limits.keyBytes` as the prefix is long. */
  constructor(database: Database, prefix: Uint8Array, close: () => Promise<void> = () => database.close()) {
    this.engine = database.engine;
    this.longSnapshots = database.longSnapshots;
    this.#database = database;
    this.#prefix = prefix;
    this.#close = close;
  }

  transact<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#database.transact((tx) => body(new SubspaceTransaction(tx, this.#prefix)));
  }

  snapshot<T>(body: (tx: ReadTransaction) => Promise<T>): Promise<T> {
    return this.#database.snapshot((tx) => body(new SubspaceReading(tx, this.#prefix)));
  }

  lasting<T>(range: KeyRange, body: (tx: ReadTransaction) => Promise<T>, changed?: () => void): Promise<T> {
    const inside = new SubspaceKeys(this.#prefix).range(range);
    return lastingSnapshot(this.#database, inside, (tx) => body(new SubspaceReading(tx, this.#prefix)), changed);
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/** Keys as they are in the whole store. */
class SubspaceKeys {
  readonly #prefix: Uint8Array;

  constructor(prefix: Uint8Array) {
    this.#prefix = prefix;
  }

  key(key: Key): Uint8Array {
    checkKey(key);
    return this.#behindPrefix(key);
  }

  range(range: KeyRange): KeyRange {
    checkRange(range);
    return { begin: this.#behindPrefix(range.begin), end: this.#behindPrefix(range.end) };
  }

  #behindPrefix(key: Key): Uint8Array {
    const whole = new Uint8Array(this.#prefix.length + key.length);
    whole.set(this.#prefix);
    whole.set(key, this.#prefix.length);
    return whole;
  }
}

class SubspaceReading implements ReadTransaction {
  readonly #reading: ReadTransaction;
  readonly #prefix: Uint8Array;
  protected readonly inside: SubspaceKeys;

  constructor(reading: ReadTransaction, prefix: Uint8Array) {
    this.#reading = reading;
    this.#prefix = prefix;
    this.inside = new SubspaceKeys(prefix);
  }

  async get(key: Key): Promise<Uint8Array | undefined> {
    return this.#reading.get(this.inside.key(key));
  }

  async getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    return this.#reading.getMany(keys.map((key) => this.inside.key(key)));
  }

  async firstOfEach(ranges: readonly KeyRange[], reverse?: boolean): Promise<(KeyValue | undefined)[]> {
    const found = await this.#reading.firstOfEach(
      ranges.map((range) => this.inside.range(range)),
      reverse,
    );
    return found.map((pair) => pair && this.#outside(pair));
  }

  async *range(range: KeyRange, options?: RangeOptions): AsyncGenerator<readonly KeyValue[]> {
    for await (const batch of this.#reading.range(this.inside.range(range), options))
      yield batch.map((pair) => this.#outside(pair));
  }

  #outside([key, value]: KeyValue): KeyValue {
    return [key.slice(this.#prefix.length), value];
  }
}

class SubspaceTransaction extends SubspaceReading implements Transaction {
  readonly snapshot: ReadTransaction;
  readonly #tx: Transaction;

  constructor(tx: Transaction, prefix: Uint8Array) {
    super(tx, prefix);
    this.#tx = tx;
    this.snapshot = new SubspaceReading(tx.snapshot, prefix);
  }

  set(key: Key, value: Uint8Array): void {
    this.#tx.set(this.inside.key(key), value);
  }

  clear(key: Key): void {
    this.#tx.clear(this.inside.key(key));
  }

  clearRange(range: KeyRange): void {
    this.#tx.clearRange(this.inside.range(range));
  }

  add(key: Key, delta: bigint): void {
    this.#tx.add(this.inside.key(key), delta);
  }

  addReadConflictKey(key: Key): void {
    this.#tx.addReadConflictKey(this.inside.key(key));
  }

  addWriteConflictKey(key: Key): void {
    this.#tx.addWriteConflictKey(this.inside.key(key));
  }
}
