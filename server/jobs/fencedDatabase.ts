// A database whose transactions are done only while something holds that is asked in each of them.
import type { Database, ReadTransaction, Transaction } from "../kv/index.ts";

/** `check` throws when the transaction must not be done. Reads are free; closing is for the owner of `database`. */
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

  async close(): Promise<void> {}
}
