// Snapshots that last: before one is too old, the next is taken, after a commit that proves that nothing of the range was
// changed in between. The commit writes nothing: it has the range as its read conflict, so the store itself compares.
import type { Clock } from "../clock.ts";
import {
  type Key,
  type KeyRange,
  type KeyValue,
  KvError,
  type RangeOptions,
  type ReadTransaction,
  restOf,
} from "../index.ts";
import { errorNumbers } from "./errors.ts";

/** One snapshot that is being read, and how to let go of it. */
export interface Held {
  readonly reading: ReadTransaction;
  readonly version: bigint;
  release(): Promise<void>;
}

export interface LastingSource {
  /** A snapshot of that version; of the newest one when there is none. */
  hold(version: bigint | undefined): Promise<Held>;
  /** A version at which `range` is as it was at `version`. @throws KvError 1020 when it was changed. */
  prove(range: KeyRange, version: bigint): Promise<bigint>;
  readonly clock: Clock;
  /** Called when a proof fails; from then on snapshots are the newest ones. Undefined: the failure is thrown. */
  readonly changed: (() => void) | undefined;
}

/** When the next snapshot is taken: with time left for the proof, which must be in before the 5 s are over. */
const renewMs = 2_500;
/** Questions that are put to one snapshot: many more could take longer than it lives. */
const questions = 1_000;

export class LastingReading implements ReadTransaction {
  readonly #source: LastingSource;
  readonly #range: KeyRange;
  #held: Promise<Held>;
  #takenAt: number;
  /** Snapshots that were let go while some read was still at work on them. */
  readonly #old: Held[] = [];
  #drifting = false;

  constructor(source: LastingSource, range: KeyRange) {
    this.#source = source;
    this.#range = range;
    this.#takenAt = source.clock.now();
    this.#held = source.hold(undefined);
  }

  /** Waits for the first snapshot. @throws KvError */
  async begin(): Promise<void> {
    await this.#held;
  }

  async end(): Promise<void> {
    const held = await this.#held.catch(() => undefined);
    for (const each of [...this.#old, held]) await each?.release();
  }

  async get(key: Key): Promise<Uint8Array | undefined> {
    return (await this.#current()).get(key);
  }

  async getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    return this.#inParts(keys, (reading, part) => reading.getMany(part));
  }

  async firstOfEach(ranges: readonly KeyRange[], reverse?: boolean): Promise<(KeyValue | undefined)[]> {
    return this.#inParts(ranges, (reading, part) => reading.firstOfEach(part, reverse));
  }

  async *range(
    range: KeyRange,
    { limit = Infinity, reverse = false }: RangeOptions = {},
  ): AsyncGenerator<readonly KeyValue[]> {
    let rest = range;
    let left = limit;
    while (left > 0) {
      const reading = await this.#current();
      let goesOn = false;
      for await (const batch of reading.range(rest, { limit: left, reverse })) {
        rest = restOf(rest, batch.at(-1)![0], reverse);
        left -= batch.length;
        yield batch;
        if (reading !== (await this.#current())) {
          goesOn = true;
          break;
        }
      }
      if (!goesOn) return;
    }
  }

  async #inParts<Q, A>(
    all: readonly Q[],
    ask: (reading: ReadTransaction, part: readonly Q[]) => Promise<A[]>,
  ): Promise<A[]> {
    const answers: A[] = [];
    for (let at = 0; at < all.length; at += questions)
      answers.push(...(await ask(await this.#current(), all.slice(at, at + questions))));
    return answers;
  }

  /** The snapshot to read from now: the same for all who ask within its time. */
  async #current(): Promise<ReadTransaction> {
    if (this.#source.clock.now() - this.#takenAt > renewMs) {
      this.#takenAt = this.#source.clock.now();
      this.#held = this.#renew(await this.#held);
    }
    return (await this.#held).reading;
  }

  async #renew(held: Held): Promise<Held> {
    // Reads under way finish on the old one; those before the last two have had their time.
    this.#old.push(held);
    if (this.#old.length > 2) await this.#old.shift()!.release();
    return this.#source.hold(await this.#next(held.version));
  }

  /** The version to go on with; undefined for the newest one. */
  async #next(version: bigint): Promise<bigint | undefined> {
    const { changed, prove } = this.#source;
    if (this.#drifting) return undefined;
    try {
      return await prove(this.#range, version);
    } catch (error) {
      if (changed === undefined || !(error instanceof KvError) || error.number !== errorNumbers.conflict) throw error;
      this.#drifting = true;
      changed();
      return undefined;
    }
  }
}
