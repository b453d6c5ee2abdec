// The contract over one SQLite file in WAL mode: one writer connection, and readers that keep a snapshot each.
import { MatyanError } from "../../../formats/error.ts";
import { Access } from "../access.ts";
import { type Clock, sleep } from "../clock.ts";
import { type Database, type ReadTransaction, type Transaction, TransactionEndedError } from "../index.ts";
import { Pace } from "../pace.ts";
import { TransactionLife } from "../transactionLife.ts";
import { Connection } from "./connection.ts";
import { explain, isBusy } from "./errors.ts";
import { type Manner, mannerOf, watchImmutable } from "./manner.ts";
import { Reading } from "./reading.ts";
import { Writing } from "./writing.ts";

export interface SqliteOptions {
  readonly path: string;
  readonly synchronous: "FULL" | "NORMAL";
  readonly clock: Clock;
  /** `read` needs no permission to write, and waits for no writer; transactions are refused then. */
  readonly access: "read" | "write";
}

/** How long a transaction waits for the writers of other processes before it gives up with `busy`. */
const longestWaitMs = 30_000;
/** Between two looks at a lock that another process holds: at most this, by chance, so that no process always loses. */
const longestPauseMs = 8;
/** A body is run again at most this often when SQLite reports a conflict after it has begun. */
const attempts = 10;
/** Readers that stay open for later snapshots, and readers at work at one time: the rest are opened for one snapshot. */
const keptReaders = 4;
const mostReaders = 256;

/** Writers of other processes are waited for without SQLite's own blocking sleep: this process goes on meanwhile. */
const writerPragmas = (synchronous: string) => [
  "PRAGMA busy_timeout = 10000",
  "PRAGMA journal_mode = WAL",
  `PRAGMA synchronous = ${synchronous}`,
  "PRAGMA cache_size = -65536",
  "PRAGMA mmap_size = 0",
  "PRAGMA wal_autocheckpoint = 8000",
  "PRAGMA journal_size_limit = 67108864",
  "PRAGMA cell_size_check = ON",
  "PRAGMA trusted_schema = OFF",
  "PRAGMA busy_timeout = 0",
];

/**
 * Cache of a reader in kB. The kept ones hold what the same 500 sampled points of some sequences touch: with 4 MB each
 * look at them reads the file again, 2-3x slower. The others are for bursts, and their sum must stay modest.
 */
const readerCache = { kept: 16_384, other: 1_024 } as const;

const readerPragmas = (cache: number) => [
  "PRAGMA busy_timeout = 10000",
  "PRAGMA query_only = ON",
  `PRAGMA cache_size = -${cache}`,
  "PRAGMA mmap_size = 0",
  "PRAGMA cell_size_check = ON",
  "PRAGMA trusted_schema = OFF",
];

export class SqliteDatabase implements Database {
  readonly engine = "embedded";
  readonly longSnapshots = true;
  readonly #path: string;
  readonly #synchronous: string;
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #access = new Access();
  /** The readers that stay open, and those of them that no snapshot uses now. */
  readonly #kept = new Set<Connection>();
  readonly #idle: Connection[] = [];
  readonly #manner: Manner;
  /** Throws when what was read may be wrong. */
  readonly #checkRead: () => void;
  readonly #isWritable: boolean;
  #writer: Connection | undefined;

  /** @throws MatyanError when the file cannot be opened. */
  constructor({ path, synchronous, clock, access }: SqliteOptions) {
    this.#path = path;
    this.#synchronous = synchronous;
    this.#clock = clock;
    this.#pace = new Pace(clock);
    this.#isWritable = access === "write";
    this.#manner = this.#isWritable ? "shared" : mannerOf(path);
    this.#checkRead = this.#manner === "immutable" ? watchImmutable(path) : () => undefined;
    if (this.#isWritable) this.#writer = this.#openWriter();
    else this.#idle.push(this.#openReader());
  }

  async transact<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    if (!this.#isWritable)
      throw new MatyanError("io", `store '${this.#path}' was opened for reading only`, {
        hint: "This is a fault of the program: report it.",
      });
    return this.#access.write(() => this.#write(body));
  }

  snapshot<T>(body: (tx: ReadTransaction) => Promise<T>): Promise<T> {
    return this.#access.read(() => this.#read(body));
  }

  close(): Promise<void> {
    return this.#access.close(() => {
      for (const reader of this.#idle) reader.close();
      // Last, since the last connection of all processes moves the log into the store.
      this.#writer?.close();
      this.#writer = undefined;
    });
  }

  async #write<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      if (this.#pace.due) await this.#pace.rest();
      const writer = await this.#begin();
      const life = new TransactionLife(this.#clock);
      const tx = new Writing(writer, this.#pace, life);
      try {
        const result = await life.run(() => body(tx));
        tx.commit();
        return result;
      } catch (error) {
        life.end();
        this.#rollback(writer);
        if (!isBusy(error)) throw error;
        if (attempt === attempts) throw explain(error, this.#path);
      }
      await sleep(this.#clock, Math.random() * longestPauseMs * attempt);
    }
  }

  /** Waits for the write lock, which processes take in no order. @throws MatyanError `busy` */
  async #begin(): Promise<Connection> {
    this.#writer ??= this.#openWriter();
    const start = this.#clock.now();
    for (;;) {
      try {
        this.#writer.run("BEGIN IMMEDIATE");
        return this.#writer;
      } catch (error) {
        if (!isBusy(error)) throw explain(error, this.#path);
        if (this.#clock.now() - start > longestWaitMs)
          throw new MatyanError(
            "busy",
            `store '${this.#path}' was locked by another process for ${longestWaitMs / 1000} s`,
            {
              hint: "Try again when the other process has finished.",
              cause: error,
            },
          );
      }
      await sleep(this.#clock, Math.random() * longestPauseMs);
    }
  }

  #rollback(writer: Connection): void {
    // SQLite ends the transaction by itself after some failures.
    if (!writer.inTransaction) return;
    try {
      writer.run("ROLLBACK");
    } catch {
      // The failure that led here is the one to report; this connection's state is unknown, so the next one is new.
      this.#writer = undefined;
      writer.close();
    }
  }

  async #read<T>(body: (tx: ReadTransaction) => Promise<T>): Promise<T> {
    if (this.#access.readers >= mostReaders)
      throw new MatyanError("busy", `${mostReaders} snapshots of store '${this.#path}' are open at once`, {
        hint: "Try again when some have ended.",
      });
    const reader = this.#idle.pop() ?? this.#openReader();
    let ended = false;
    try {
      this.#beginRead(reader);
      const result = await body(
        new Reading(reader, this.#pace, () => {
          if (ended) throw new TransactionEndedError("transaction");
        }),
      );
      this.#checkRead();
      return result;
    } finally {
      ended = true;
      this.#release(reader);
    }
  }

  /** BEGIN alone takes no snapshot: the first read does. The schema is on page 1, so that damage elsewhere does not matter yet. */
  #beginRead(reader: Connection): void {
    try {
      reader.run("BEGIN");
    } catch (error) {
      throw explain(error, this.#path);
    }
    reader.row("SELECT 1 FROM sqlite_schema LIMIT 1");
  }

  #release(reader: Connection): void {
    try {
      if (reader.inTransaction) reader.run("ROLLBACK");
      if (this.#kept.has(reader)) {
        this.#idle.push(reader);
        return;
      }
    } catch {
      // Nothing was written, so nothing is lost with this connection.
      this.#kept.delete(reader);
    }
    reader.close();
  }

  #openReader(): Connection {
    const keep = this.#kept.size < keptReaders;
    const cache = keep ? readerCache.kept : readerCache.other;
    const reader = new Connection({ path: this.#path, manner: this.#manner, pragmas: readerPragmas(cache) });
    if (keep) this.#kept.add(reader);
    return reader;
  }

  #openWriter(): Connection {
    const writer = new Connection({ path: this.#path, pragmas: writerPragmas(this.#synchronous) });
    try {
      const mode = writer.row("PRAGMA journal_mode")?.[0];
      if (mode !== "wal")
        throw new MatyanError(
          "io",
          `store '${this.#path}' cannot keep a write-ahead log (journal mode ${String(mode)})`,
          {
            hint: "The store must lie on a local file system with shared memory; a network share has none.",
          },
        );
      // The schema alone: from a store with damaged pages the others can still be read.
      writer.row("SELECT k, v FROM kv LIMIT 0");
      return writer;
    } catch (error) {
      writer.close();
      throw error;
    }
  }
}
