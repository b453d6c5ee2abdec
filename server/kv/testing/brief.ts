// A database whose snapshots end early, as FoundationDB's do after 5 s: here after so many bytes, so that no test waits.
import {
  type Database,
  type Key,
  type KeyRange,
  type KeyValue,
  KvError,
  type RangeOptions,
  type ReadTransaction,
  type Transaction,
} from "../index.ts";

/** The same store as `database`. Reads of a snapshot that has given `bytes` bytes fail with 1007. */
export class BriefDatabase implements Database {
  readonly engine;
  readonly longSnapshots = false;
  readonly #database: Database;
  readonly #bytes: number;
  /** Called before each snapshot: to write what a reader must stand between two of them. */
  readonly #before: (count: number) => Promise<void>;
  #count = 0;

  constructor(database: Database, bytes: number, before: (count: number) => Promise<void> = async () => {}) {
    this.engine = database.engine;
    this.#database = database;
    this.#bytes = bytes;
    this.#before = before;
  }

  transact<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#database.transact(body);
  }

  async snapshot<T>(body: (tx: ReadTransaction) => Promise<T>): Promise<T> {
    await this.#before(this.#count++);
    return this.#database.snapshot((tx) => body(new BriefReading(tx, this.#bytes)));
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}

class BriefReading implements ReadTransaction {
  readonly #tx: ReadTransaction;
  #left: number;

  constructor(tx: ReadTransaction, bytes: number) {
    this.#tx = tx;
    this.#left = bytes;
  }

  async get(key: Key): Promise<Uint8Array | undefined> {
    return (await this.getMany([key]))[0];
  }

  async getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    this.#mustLive();
    const values = await this.#tx.getMany(keys);
    for (const value of values) this.#left -= value?.length ?? 0;
    return values;
  }

  async firstOfEach(ranges: readonly KeyRange[], reverse?: boolean): Promise<(KeyValue | undefined)[]> {
    this.#mustLive();
    return this.#tx.firstOfEach(ranges, reverse);
  }

  async *range(range: KeyRange, options?: RangeOptions): AsyncGenerator<readonly KeyValue[]> {
    this.#mustLive();
    for await (const batch of this.#tx.range(range, options)) {
      this.#mustLive();
      for (const [key, value] of batch) this.#left -= key.length + value.length;
      yield batch;
    }
  }

  #mustLive(): void {
    if (this.#left <= 0) throw new KvError(1007);
  }
}
