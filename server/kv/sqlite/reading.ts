// Reads over one connection that has a transaction open: the snapshot of a reader, or the writer with its own writes.
import { checkKey, checkRange } from "../checks.ts";
import { type Key, type KeyRange, type KeyValue, type RangeOptions, type ReadTransaction, restOf } from "../index.ts";
import type { Pace } from "../pace.ts";
import type { Connection } from "./connection.ts";
import { backwards, first, forwards, last, valueOfKey } from "./statements.ts";

/** A batch of a range grows from the first to the second, and ends early at `batchBytes`. */
const firstBatchRows = 64;
const batchRows = 1000;
const batchBytes = 1_000_000;
const seeksBetweenRests = 100;

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
    return this.#valueOf(key);
  }

  async getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    const answers: (Uint8Array | undefined)[] = [];
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at]!;
      checkKey(key);
      if (at % seeksBetweenRests === 0) {
        if (this.#pace.due) await this.#pace.rest();
        this.#ready();
      }
      answers.push(this.#valueOf(key));
    }
    return answers;
  }

  async firstOfEach(ranges: readonly KeyRange[], reverse = false): Promise<(KeyValue | undefined)[]> {
    const answers: (KeyValue | undefined)[] = [];
    const sql = reverse ? last : first;
    for (let at = 0; at < ranges.length; at++) {
      const range = ranges[at]!;
      checkRange(range);
      if (at % seeksBetweenRests === 0) {
        if (this.#pace.due) await this.#pace.rest();
        this.#ready();
      }
      const pair = this.#connection.bytes(sql, range.begin, range.end);
      answers.push(pair && [pair[0]!, pair[1]!]);
    }
    return answers;
  }

  async *range(range: KeyRange, { limit = Infinity, reverse = false }: RangeOptions = {}): AsyncGenerator<KeyValue[]> {
    checkRange(range);
    let rest = range;
    let left = limit;
    let ask = firstBatchRows;
    while (left > 0) {
      if (this.#pace.due) await this.#pace.rest();
      this.#ready();
      const sql = reverse ? backwards : forwards;
      const { batch, more } = this.#connection.page(sql, rest.begin, rest.end, Math.min(ask, left), batchBytes);
      const furthest = batch.at(-1)?.[0];
      if (furthest === undefined) return;
      rest = restOf(rest, furthest, reverse);
      left -= batch.length;
      yield batch;
      if (!more) return;
      ask = Math.min(ask * 4, batchRows);
    }
  }

  #valueOf(key: Key): Uint8Array | undefined {
    return this.#connection.bytes(valueOfKey, key)?.[0];
  }
}
