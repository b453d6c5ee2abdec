// A store in the memory of this process, for tests and short work: the embedded engine's behaviour without a file.
import { Access } from "./access.ts";
import { sumOf } from "./addition.ts";
import { checkKey, checkRange, checkSet } from "./checks.ts";
import { type Clock, systemClock } from "./clock.ts";
import {
  type Database,
  type Key,
  type KeyRange,
  type KeyValue,
  mutationBytes,
  type RangeOptions,
  type ReadTransaction,
  restOf,
  type Transaction,
  TransactionEndedError,
} from "./index.ts";
import { Pace } from "./pace.ts";
import { Draft, pairsIn, type Version, valueIn } from "./sortedPairs.ts";
import { TransactionLife } from "./transactionLife.ts";

/** A batch of a range ends at the first of both. */
const batchRows = 1000;
const batchBytes = 1_000_000;

export async function openMemory({ clock = systemClock }: { readonly clock?: Clock } = {}): Promise<Database> {
  return new MemoryDatabase(clock);
}

class MemoryDatabase implements Database {
  readonly engine = "memory";
  readonly longSnapshots = true;
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #access = new Access();
  #version: Version = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#pace = new Pace(clock);
  }

  transact<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#access.write(() => this.#write(body));
  }

  snapshot<T>(body: (tx: ReadTransaction) => Promise<T>): Promise<T> {
    return this.#access.read(() => this.#read(body));
  }

  close(): Promise<void> {
    return this.#access.close(() => {
      this.#version = [];
    });
  }

  async #write<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    if (this.#pace.due) await this.#pace.rest();
    const life = new TransactionLife(this.#clock);
    const draft = new Draft(this.#version);
    try {
      const result = await life.run(() => body(new MemoryTransaction(draft, life, this.#pace)));
      life.mustBeInTime();
      this.#version = draft.version;
      return result;
    } finally {
      life.end();
    }
  }

  async #read<T>(body: (tx: ReadTransaction) => Promise<T>): Promise<T> {
    const version = this.#version;
    let ended = false;
    const ready = () => {
      if (ended) throw new TransactionEndedError("transaction");
      return version;
    };
    try {
      return await body(new MemoryReading(ready, this.#pace));
    } finally {
      ended = true;
    }
  }
}

class MemoryReading implements ReadTransaction {
  /** The version to read now; throws when the transaction has ended. */
  readonly #ready: () => Version;
  readonly #pace: Pace;

  constructor(ready: () => Version, pace: Pace) {
    this.#ready = ready;
    this.#pace = pace;
  }

  async get(key: Key): Promise<Uint8Array | undefined> {
    checkKey(key);
    return valueIn(this.#ready(), key)?.slice();
  }

  async getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    keys.forEach(checkKey);
    const version = this.#ready();
    return keys.map((key) => valueIn(version, key)?.slice());
  }

  async firstOfEach(ranges: readonly KeyRange[], reverse = false): Promise<(KeyValue | undefined)[]> {
    ranges.forEach(checkRange);
    const version = this.#ready();
    return ranges.map((range) => {
      const first = pairsIn(version, range, reverse).next();
      return first.done ? undefined : copied(first.value);
    });
  }

  async *range(range: KeyRange, { limit = Infinity, reverse = false }: RangeOptions = {}): AsyncGenerator<KeyValue[]> {
    checkRange(range);
    let rest = range;
    let left = limit;
    while (left > 0) {
      if (this.#pace.due) await this.#pace.rest();
      const batch = batchOf(this.#ready(), rest, reverse, Math.min(left, batchRows));
      const furthest = batch.at(-1)?.[0];
      if (furthest === undefined) return;
      rest = restOf(rest, furthest, reverse);
      left -= batch.length;
      yield batch;
    }
  }
}

class MemoryTransaction extends MemoryReading implements Transaction {
  readonly snapshot: ReadTransaction = this;
  readonly #draft: Draft;
  readonly #life: TransactionLife;

  constructor(draft: Draft, life: TransactionLife, pace: Pace) {
    super(() => {
      life.mustBeInTime();
      return draft.version;
    }, pace);
    this.#draft = draft;
    this.#life = life;
  }

  set(key: Key, value: Uint8Array): void {
    this.#life.mustBeUsable();
    checkSet(key, value);
    this.#life.count(mutationBytes.set(key.length, value.length));
    this.#draft.set(new Uint8Array(key), new Uint8Array(value));
  }

  clear(key: Key): void {
    this.#life.mustBeUsable();
    checkKey(key);
    this.#life.count(mutationBytes.clear(key.length));
    this.#draft.clear(key);
  }

  clearRange(range: KeyRange): void {
    this.#life.mustBeUsable();
    checkRange(range);
    this.#life.count(mutationBytes.clearRange(range.begin.length, range.end.length));
    this.#life.outsideTime(() => this.#draft.clearRange(range));
  }

  add(key: Key, delta: bigint): void {
    this.#life.mustBeUsable();
    this.set(key, sumOf(valueIn(this.#draft.version, key), delta));
  }

  /** Writers take turns here, so there is never another one to conflict with. */
  addReadConflictKey(key: Key): void {
    this.#life.mustBeUsable();
    checkKey(key);
  }

  addWriteConflictKey(key: Key): void {
    this.addReadConflictKey(key);
  }
}

function batchOf(version: Version, range: KeyRange, reverse: boolean, rows: number): KeyValue[] {
  const batch: KeyValue[] = [];
  let bytes = 0;
  for (const pair of pairsIn(version, range, reverse)) {
    batch.push(copied(pair));
    bytes += pair[0].length + pair[1].length;
    if (batch.length === rows || bytes >= batchBytes) break;
  }
  return batch;
}

function copied([key, value]: KeyValue): KeyValue {
  return [key.slice(), value.slice()];
}
