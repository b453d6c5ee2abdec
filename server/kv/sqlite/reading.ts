// Reads over one connection that has a transaction open: the snapshot of a reader, or the writer with its own writes.
import { checkKey, checkRange } from "../checks.ts";
import { type Key, type KeyRange, type KeyValue, keyAfter, type RangeOptions, type ReadTransaction } from "../index.ts";
import type { Connection } from "./connection.ts";
import type { Pace } from "./pace.ts";
import { backwards, firstOfRanges, forwards, lastOfRanges, seeksPerStatement, valuesOfKeys } from "./statements.ts";

/** A batch of a range grows from the first to the second, and ends early at `batchBytes`. */
const firstBatchRows = 64;
const batchRows = 1000;
const batchBytes = 1_000_000;

export class Reading implements ReadTransaction {
  readonly #connection: Connection;
  readonly #pace: Pace;
  /** Called before each access to the connection: throws when the transaction has ended; a writer sends its writes. */
  readonly #ready: () => void;

  constructor(connection: Connection, pace: Pace, ready: () => void) {
    this.#connection = connection;
    this.#pace = pace;
    this.#ready = ready;
  }

  async get(key: Key): Promise<Uint8Array | undefined> {
    return this.getNow(key);
  }

  /** What `get` promises, at once. */
  getNow(key: Key): Uint8Array | undefined {
    checkKey(key);
    this.#ready();
    return (this.#connection.values(valuesOfKeys(1), [key])[0]?.[0] as Uint8Array | null | undefined) ?? undefined;
  }

  async getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    const answers: (Uint8Array | undefined)[] = [];
    for (let at = 0; at < keys.length; at += seeksPerStatement) {
      const some = keys.slice(at, at + seeksPerStatement);
      some.forEach(checkKey);
      if (this.#pace.due) await this.#pace.rest();
      this.#ready();
      const row = this.#connection.values(valuesOfKeys(some.length), some)[0] as (Uint8Array | null)[];
      for (const value of row) answers.push(value ?? undefined);
    }
    return answers;
  }

  async firstOfEach(ranges: readonly KeyRange[], reverse = false): Promise<(KeyValue | undefined)[]> {
    const answers: (KeyValue | undefined)[] = new Array(ranges.length).fill(undefined);
    const sql = reverse ? lastOfRanges : firstOfRanges;
    for (let at = 0; at < ranges.length; at += seeksPerStatement) {
      const bounds: Uint8Array[] = [];
      for (const range of ranges.slice(at, at + seeksPerStatement)) {
        checkRange(range);
        bounds.push(range.begin, range.end);
      }
      if (this.#pace.due) await this.#pace.rest();
      this.#ready();
      const found = this.#connection.values(sql(bounds.length / 2), bounds);
      for (const [index, k, v] of found as [number, Uint8Array, Uint8Array][]) answers[at + index] = [k, v];
    }
    return answers;
  }

  async *range(range: KeyRange, { limit = Infinity, reverse = false }: RangeOptions = {}): AsyncGenerator<KeyValue[]> {
    checkRange(range);
    let { begin, end } = range;
    let left = limit;
    let ask = firstBatchRows;
    while (left > 0) {
      if (this.#pace.due) await this.#pace.rest();
      this.#ready();
      const sql = reverse ? backwards : forwards;
      const { batch, more } = this.#connection.page(sql, begin, end, Math.min(ask, left), batchBytes);
      const last = batch.at(-1);
      if (last === undefined) return;
      // The caller owns the batch, and may change the bytes: where to go on is taken first.
      if (reverse) end = last[0].slice();
      else begin = keyAfter(last[0]);
      left -= batch.length;
      yield batch;
      if (!more) return;
      ask = Math.min(ask * 4, batchRows);
    }
  }
}
