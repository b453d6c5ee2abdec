// A database whose process dies after a chosen commit, for showing that work continues where it stopped.
import type { Database, ReadTransaction, Transaction } from "../index.ts";

/** What every use of the database throws once it is dead. It is no MatyanError: nothing may take it for a handled failure. */
export class DeathError extends Error {
  override readonly name = "DeathError";
  constructor() {
    super("the process died here");
  }
}

export interface Faults {
  /** Commits that succeed; the next write transaction and everything after it throw. Undefined: never. */
  readonly dieAfter?: number | undefined;
  /** Whether the last commit becomes durable although its caller never hears of it: the process died on the way back. */
  readonly loseLastReply?: boolean;
  /** Called after every commit, before its caller goes on: to look at what others would see now. */
  readonly afterCommit?: (commits: number) => Promise<void>;
}

/** The same store as `database`, with faults. Closing it leaves `database` open. */
export class FaultyDatabase implements Database {
  readonly engine;
  readonly longSnapshots;
  readonly #database: Database;
  readonly #faults: Faults;
  #commits = 0;
  #dead = false;

  constructor(database: Database, faults: Faults) {
    this.engine = database.engine;
    this.longSnapshots = database.longSnapshots;
    this.#database = database;
    this.#faults = faults;
  }

  /** Successful commits so far. */
  get commits(): number {
    return this.#commits;
  }

  async transact<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    const { dieAfter, loseLastReply = false, afterCommit } = this.#faults;
    if (this.#dead || (dieAfter !== undefined && this.#commits >= dieAfter)) return this.#die();
    const result = await this.#database.transact(body);
    this.#commits++;
    await afterCommit?.(this.#commits);
    return loseLastReply && this.#commits === dieAfter ? this.#die() : result;
  }

  async snapshot<T>(body: (tx: ReadTransaction) => Promise<T>): Promise<T> {
    return this.#dead ? this.#die() : this.#database.snapshot(body);
  }

  async close(): Promise<void> {}

  #die(): never {
    this.#dead = true;
    throw new DeathError();
  }
}
