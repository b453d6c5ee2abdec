// How many runs a search will look at, for those that report progress: counted a page at a time, so that the first result does
// not wait for it. The number never falls, and is true when the last page was counted.
import type { KeyRange } from "../kv/index.ts";
import type { IndexTerm } from "../store/indexes.ts";
import { type CreatedTimes, countPage, createdKeys, termKeys } from "../store/indexPages.ts";
import type { RunReader } from "./runReader.ts";

/** The first page costs less than a millisecond. */
const firstPage = 1_000;
const nextPage = 5_000;

export class RunCount {
  readonly #reader: RunReader;
  readonly #end: Uint8Array;
  #begin: Uint8Array | undefined;
  #page = firstPage;
  #count = 0;

  private constructor(reader: RunReader, { begin, end }: KeyRange) {
    this.#reader = reader;
    this.#begin = begin;
    this.#end = end;
  }

  /** Runs that an index has under a term. */
  static ofTerm(reader: RunReader, term: IndexTerm): Promise<RunCount> {
    return RunCount.#opened(reader, termKeys(reader.store, term));
  }

  /** Runs created at these times. */
  static ofCreated(reader: RunReader, times: CreatedTimes = {}): Promise<RunCount> {
    return RunCount.#opened(reader, createdKeys(reader.store, times));
  }

  static async #opened(reader: RunReader, range: KeyRange): Promise<RunCount> {
    const count = new RunCount(reader, range);
    await count.more();
    return count;
  }

  /** Counts the next page: for when a group of runs was looked at. */
  async more(): Promise<void> {
    if (this.#begin === undefined) return;
    const page = await countPage(this.#reader.tx, { begin: this.#begin, end: this.#end }, this.#page);
    this.#count += page.count;
    this.#begin = page.next;
    this.#page = nextPage;
  }

  /** The number as far as it is known, when `checked` runs were looked at. */
  atLeast(checked: number): number {
    return Math.max(this.#count, checked);
  }
}
