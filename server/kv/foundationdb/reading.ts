// Reads of a transaction: many questions at a time, ranges in batches.
import { checkKey, checkRange } from "../checks.ts";
import {
  type Key,
  type KeyRange,
  type KeyValue,
  KvError,
  type RangeOptions,
  type ReadTransaction,
  restOf,
  TransactionEndedError,
} from "../index.ts";
import { errorNumbers } from "./errors.ts";
import type { Pending } from "./futures.ts";
import type { NativeTransaction, RangeAnswer } from "./transaction.ts";

/** What reads need to know of the transaction that they belong to. */
export interface ReadingContext {
  readonly native: NativeTransaction;
  /** @throws when the transaction has ended or cannot succeed any more. */
  mustBeUsable(): void;
  /** Whether it has ended, however. */
  readonly ended: boolean;
  /** Mutations so far. */
  readonly mutations: number;
  /** Told of each failure of the store. */
  failed(error: KvError): void;
}

export interface ReadingMode {
  /** Adds no read conflicts. */
  readonly snapshot: boolean;
  /** Asks for the next batch of a range while the caller works on this one: not where its own writes could change it. */
  readonly ahead: boolean;
}

/** Questions under way at one time for one caller: enough to fill the wire, and a bound on the values held. */
const mostUnderWay = 128;
/** Pairs of one batch at most where a limit is given. */
const batchRows = 5_000;

export class Reading implements ReadTransaction {
  readonly #context: ReadingContext;
  readonly #mode: ReadingMode;

  constructor(context: ReadingContext, mode: ReadingMode) {
    this.#context = context;
    this.#mode = mode;
  }

  async get(key: Key): Promise<Uint8Array | undefined> {
    return this.#answer(this.#ask(key));
  }

  getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    return this.#askEach(keys, (key) => this.#ask(key));
  }

  async firstOfEach(ranges: readonly KeyRange[], reverse = false): Promise<(KeyValue | undefined)[]> {
    const answers = await this.#askEach(ranges, (range) => this.#askRange(range, 1, reverse));
    return answers.map((answer) => answer?.pairs[0]);
  }

  async *range(
    range: KeyRange,
    { limit = Infinity, reverse = false }: RangeOptions = {},
  ): AsyncGenerator<readonly KeyValue[]> {
    let rest = range;
    let left = limit;
    let next: Pending<RangeAnswer> | undefined;
    const ask = () => this.#askRange(rest, left === Infinity ? undefined : Math.min(left, batchRows), reverse);
    try {
      while (left > 0) {
        const { mutations } = this.#context;
        const asked = next ?? ask();
        next = undefined;
        if (asked === undefined) return;
        const { pairs, more } = await this.#answer(asked);
        const furthest = pairs.at(-1)?.[0];
        if (furthest === undefined) return;
        rest = restOf(rest, furthest, reverse);
        left -= pairs.length;
        if (more && left > 0 && this.#mode.ahead) next = ask();
        yield pairs;
        this.#context.mustBeUsable();
        // The range ended where the answer did, unless the transaction's own writes have made it longer since.
        if (!more && mutations === this.#context.mutations) return;
      }
    } finally {
      next?.drop();
    }
  }

  #ask(key: Key): Pending<Uint8Array | undefined> {
    this.#context.mustBeUsable();
    checkKey(key);
    return this.#context.native.get(key, this.#mode.snapshot);
  }

  /** Undefined for a range without keys. */
  #askRange(range: KeyRange, rows: number | undefined, reverse: boolean): Pending<RangeAnswer> | undefined {
    this.#context.mustBeUsable();
    checkRange(range);
    if (Buffer.compare(range.begin, range.end) >= 0) return undefined;
    return this.#context.native.range({ range, rows, reverse, snapshot: this.#mode.snapshot });
  }

  /** Answers in the order of the questions. Where one fails, those behind it are given up. */
  async #askEach<Q, A>(
    questions: readonly Q[],
    ask: (question: Q) => Pending<A> | undefined,
  ): Promise<(A | undefined)[]> {
    const asked: (Pending<A> | undefined)[] = [];
    const answers: (A | undefined)[] = [];
    try {
      while (answers.length < questions.length) {
        while (asked.length < questions.length && asked.length < answers.length + mostUnderWay)
          asked.push(ask(questions[asked.length]!));
        const oldest = asked[answers.length];
        asked[answers.length] = undefined;
        answers.push(oldest === undefined ? undefined : await this.#answer(oldest));
      }
      return answers;
    } finally {
      for (const pending of asked) pending?.drop();
    }
  }

  async #answer<A>(pending: Pending<A>): Promise<A> {
    try {
      return await pending.take();
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      if (error.number === errorNumbers.cancelled && this.#context.ended)
        throw new TransactionEndedError("transaction");
      this.#context.failed(error);
      throw error;
    }
  }
}
