// One SQLite connection with its prepared statements, all errors explained.
import { Database, type SQLQueryBindings, type Statement } from "bun:sqlite";
import type { KeyValue } from "../index.ts";
import { damagedRow, explain } from "./errors.ts";
import { type Manner, openingOf } from "./manner.ts";

interface Row {
  readonly k: unknown;
  readonly v: unknown;
}

export interface Page {
  readonly batch: KeyValue[];
  readonly more: boolean;
}

export interface ConnectionOptions {
  readonly path: string;
  /** Statements run at once, without results: `PRAGMA ...`. */
  readonly pragmas: readonly string[];
  readonly manner?: Manner;
}

export class Connection {
  readonly path: string;
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  /** @throws MatyanError `io` or `corrupt`. */
  constructor({ path, pragmas, manner = "shared" }: ConnectionOptions) {
    this.path = path;
    try {
      this.#database = new Database(...openingOf(path, manner));
    } catch (error) {
      throw explain(error, path);
    }
    try {
      for (const pragma of pragmas) this.#database.run(pragma);
    } catch (error) {
      this.#database.close();
      throw explain(error, path);
    }
  }

  get inTransaction(): boolean {
    return this.#database.inTransaction;
  }

  /** Runs a statement for its effect. Throws SQLiteError itself: callers look for SQLITE_BUSY first. */
  run(sql: string, parameters: readonly Uint8Array[] = []): void {
    this.#statement(sql).run(...(parameters as SQLQueryBindings[]));
  }

  /** The columns of the first row. @throws MatyanError */
  row(sql: string, ...parameters: Uint8Array[]): unknown[] | undefined {
    try {
      return this.#statement(sql).values(...parameters)[0];
    } catch (error) {
      throw explain(error, this.path);
    }
  }

  /** Keys and values of the first row. @throws MatyanError */
  bytes(sql: string, ...parameters: Uint8Array[]): Uint8Array[] | undefined {
    const row = this.row(sql, ...parameters);
    if (row === undefined) return undefined;
    const bytes = row.filter((column) => column instanceof Uint8Array);
    if (bytes.length < row.length) throw damagedRow(this.path);
    return bytes;
  }

  /**
   * Rows of columns k and v of a range until `limit` rows or `maxBytes` bytes are reached (at least one row); `more` when there
   * may be others. @throws MatyanError
   */
  page(sql: string, begin: Uint8Array, end: Uint8Array, limit: number, maxBytes: number): Page {
    const batch: KeyValue[] = [];
    let bytes = 0;
    try {
      for (const { k, v } of this.#statement(sql).iterate(begin, end) as IterableIterator<Row>) {
        if (!(k instanceof Uint8Array && v instanceof Uint8Array)) throw damagedRow(this.path);
        batch.push([k, v]);
        bytes += k.length + v.length;
        if (batch.length === limit || bytes >= maxBytes) break;
      }
    } catch (error) {
      throw explain(error, this.path);
    }
    return { batch, more: batch.length === limit || bytes >= maxBytes };
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    // True: a statement that was forgotten would keep the file open behind our back; SQLite then throws.
    this.#database.close(true);
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
