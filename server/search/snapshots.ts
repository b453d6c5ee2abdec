// Long reads as a chain of short snapshots: none stays open while a slow client takes what it gave, and none grows older than
// FoundationDB lets it (5 s).
import type { Database, Key, KeyRange, KeyValue, RangeOptions, ReadTransaction } from "../kv/index.ts";

/** Yielded where a snapshot may end and the next begin: between groups of runs, never in the middle of one. */
export const rest: unique symbol = Symbol("rest");
export type Step<T> = T | typeof rest;

export interface SnapshotOptions<T> {
  /** Bytes that an item takes in memory, about. */
  readonly sizeOf: (item: T) => number;
  /** Milliseconds of a monotonic clock. */
  readonly clock?: () => number;
}

/** What is gathered before it is handed on; the first items are handed on at the first rest. */
const gatherBytes = 512 * 1024;
const gatherMs = 50;
/** A single run larger than this is read from more than one snapshot: memory is worth more than its consistency. */
const mostBytes = 8 * 1024 * 1024;

/**
 * Runs `body` over snapshots that follow each other. It may use `tx` for its whole life, but must have no range open when it
 * yields. Yields what `body` gave, in groups that may be empty when it rested without result. Stopping early is free.
 */
export async function* inSnapshots<T>(
  database: Database,
  body: (tx: ReadTransaction) => AsyncGenerator<Step<T>, void>,
  { sizeOf, clock = () => performance.now() }: SnapshotOptions<T>,
): AsyncGenerator<readonly T[], void> {
  const tx = new TurningTransaction();
  const steps = body(tx);
  let done = false;
  let sent = false;
  try {
    while (!done) {
      const group = await database.snapshot(async (current) => {
        tx.current = current;
        const started = clock();
        const items: T[] = [];
        let bytes = 0;
        for (;;) {
          const step = await steps.next();
          if (step.done === true) {
            done = true;
            return items;
          }
          if (step.value !== rest) {
            items.push(step.value);
            bytes += sizeOf(step.value);
            if (bytes > mostBytes) return items;
          } else if (bytes >= gatherBytes || clock() - started >= gatherMs || (!sent && items.length > 0)) return items;
        }
      });
      sent ||= group.length > 0;
      yield group;
    }
  } finally {
    tx.current = undefined;
    await steps.return();
  }
}

/** Reads of whichever snapshot is open. */
class TurningTransaction implements ReadTransaction {
  current: ReadTransaction | undefined;

  get #tx(): ReadTransaction {
    if (this.current === undefined) throw new Error("a search reads after its end");
    return this.current;
  }

  get(key: Key): Promise<Uint8Array | undefined> {
    return this.#tx.get(key);
  }

  getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    return this.#tx.getMany(keys);
  }

  firstOfEach(ranges: readonly KeyRange[], reverse?: boolean): Promise<(KeyValue | undefined)[]> {
    return this.#tx.firstOfEach(ranges, reverse);
  }

  range(range: KeyRange, options?: RangeOptions): AsyncIterable<readonly KeyValue[]> {
    return this.#tx.range(range, options);
  }
}
