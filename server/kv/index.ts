// The contract of an ordered, transactional key-value store that both FoundationDB and the embedded engine can meet.
import { type ErrorCode, MatyanError, type MatyanErrorOptions } from "../../formats/error.ts";

/** FoundationDB's limits, enforced by every engine so that nothing works on a laptop and fails on a cluster. Bytes and ms. */
export const limits = {
  keyBytes: 10_000,
  valueBytes: 100_000,
  transactionBytes: 10_000_000,
  transactionMs: 5_000,
} as const;

export type Key = Uint8Array;
export type KeyValue = readonly [key: Uint8Array, value: Uint8Array];

/**
 * Keys `k` with begin <= k < end, in unsigned byte order (a prefix sorts before its extensions). A range whose begin is
 * not below its end is empty. Keys (also the empty one) are below 0xFF: what lies above is the system's, error 2004.
 */
export interface KeyRange {
  readonly begin: Key;
  readonly end: Key;
}

export interface RangeOptions {
  /** At most this many pairs in all; undefined means no bound. */
  readonly limit?: number;
  /** Descending key order. */
  readonly reverse?: boolean;
}

export interface ReadTransaction {
  /** The value, or undefined when the key is absent. The returned bytes are the caller's. */
  get(key: Key): Promise<Uint8Array | undefined>;
  /** One answer for each key, in the order asked; engines answer them in parallel. */
  getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]>;
  /** For each range its first pair (its last with `reverse`), or undefined when it is empty: many seeks for one wait. */
  firstOfEach(ranges: readonly KeyRange[], reverse?: boolean): Promise<(KeyValue | undefined)[]>;
  /** Pairs in key order, in non-empty batches of bounded size. Stopping the iteration early is free. */
  range(range: KeyRange, options?: RangeOptions): AsyncIterable<readonly KeyValue[]>;
}

export interface Transaction extends ReadTransaction {
  /** Reads that see this transaction's snapshot and its own writes but add no read conflicts. */
  readonly snapshot: ReadTransaction;
  /**
   * The bytes are taken during the call: the caller may reuse its buffers.
   * @throws KvError 2102 or 2103 at once when the key or value is over the limit; nothing is recorded then, and the
   * transaction stays usable. Any mutation may throw 2101 as soon as the transaction is too large: it cannot commit any more.
   */
  set(key: Key, value: Uint8Array): void;
  clear(key: Key): void;
  clearRange(range: KeyRange): void;
  /**
   * Adds to a little-endian integer of 8 bytes, without a read conflict. An absent or shorter value is filled up with
   * zero bytes, a longer one cut; the sum wraps at 64 bits.
   */
  add(key: Key, delta: bigint): void;
  /** Makes the transaction conflict with later writers of `key`, as if it had been read. */
  addReadConflictKey(key: Key): void;
  /** Makes concurrent readers of `key` conflict with this transaction, as if it had been written. */
  addWriteConflictKey(key: Key): void;
}

export type EngineName = "embedded" | "memory" | "foundationdb";

export interface Database {
  readonly engine: EngineName;
  /**
   * Runs `body` in a serialisable transaction and commits it. `body` may run several times (conflicts, a busy store):
   * it must have no effect but through `tx`, and start no other transaction inside. When the promise resolves, the
   * commit is durable. The embedded engine holds the store's one write lock while `body` runs: await nothing slow in it.
   * @throws KvError 2101 when the transaction is over `limits.transactionBytes`, 1007 when it lived too long;
   * whatever `body` throws, after which nothing was written.
   */
  transact<T>(body: (tx: Transaction) => Promise<T>): Promise<T>;
  /**
   * Runs `body` over one consistent snapshot, without blocking writers. On FoundationDB a snapshot lives 5 s;
   * `longSnapshots` says whether this engine's lives as long as it is used.
   */
  snapshot<T>(body: (tx: ReadTransaction) => Promise<T>): Promise<T>;
  readonly longSnapshots: boolean;
  /** Only where `longSnapshots` is false; used through `lastingSnapshot` (lasting.ts), which says what it does. */
  lasting?<T>(range: KeyRange, body: (tx: ReadTransaction) => Promise<T>, changed?: () => void): Promise<T>;
  /**
   * About how many bytes the keys and values of a range are, at a cost that does not grow with them. Only where the store keeps
   * such an account: FoundationDB, in whose samples a range of less than some megabytes may be 0.
   */
  estimateBytes?(range: KeyRange): Promise<number>;
  /** Refuses new work, waits for the work that was accepted, then lets go of the store. A second call does no harm. */
  close(): Promise<void>;
}

/**
 * What a mutation counts against `limits.transactionBytes`, in bytes: what FoundationDB counts at most, the write conflict
 * range that it brings along included (its sources: ReadYourWritesTransaction::set and ::clear, sizeof(MutationRef) 28 to
 * 44, sizeof(KeyRangeRef) 24). An addition counts as a set of 8 bytes. Conflict ranges of reads are not counted here.
 */
export const mutationBytes = {
  set: (keyLength: number, valueLength: number) => 3 * keyLength + valueLength + 69,
  clear: (keyLength: number) => 4 * keyLength + 70,
  clearRange: (beginLength: number, endLength: number) => 2 * (beginLength + endLength) + 68,
  /** What the engine itself adds to each transaction: FoundationDB's mark of the commit (foundationdb/commitMarks.ts), at most. */
  own: 500,
} as const;

/** FoundationDB's error numbers that callers may meet (public error list of the C API). */
const kvErrors = {
  1004: "the read version is too old",
  1007: "the transaction lived longer than 5 s",
  1020: "the transaction conflicts with another one",
  1021: "the commit's result is unknown",
  1031: "the store did not answer in time",
  2004: "the key is outside the legal range",
  2101: "the transaction is over 10,000,000 bytes",
  2102: "the key is over 10,000 bytes",
  2103: "the value is over 100,000 bytes",
} as const;

export interface KvErrorOptions extends MatyanErrorOptions {
  /** FoundationDB's own text, for a number that `kvErrors` lacks. */
  readonly text?: string;
}

/** A failure of the store, with FoundationDB's number whatever the engine. */
export class KvError extends MatyanError {
  override readonly name = "KvError";
  readonly number: number;

  constructor(number: number, detail?: string, { text = "the store failed", ...options }: KvErrorOptions = {}) {
    super(
      codeOf(number),
      `${knownErrors.get(number) ?? text}${detail === undefined ? "" : `: ${detail}`} (error ${number})`,
      options,
    );
    this.number = number;
  }
}

const knownErrors: ReadonlyMap<number, string> = new Map(
  Object.entries(kvErrors).map(([number, text]) => [Number(number), text]),
);

/** Numbers below 1500 tell of a store that is away, slow or used by others: the same may succeed later. */
function codeOf(number: number): ErrorCode {
  if (number === 1020) return "conflict";
  if (number === 2004) return "usage";
  if (number >= 2101 && number <= 2103) return "too_large";
  return number < 1500 ? "busy" : "io";
}

/** A defect of the caller: a transaction was used after its body had ended, or a database after it was closed. */
export class TransactionEndedError extends Error {
  override readonly name = "TransactionEndedError";

  constructor(what: "transaction" | "database") {
    super(
      what === "transaction"
        ? "this transaction has ended: use it only inside its body, and await all that the body starts"
        : "this database is closed",
    );
  }
}

/** The smallest key above `key`: where to go on after it. */
export function keyAfter(key: Key): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

/** What is left of a range after the pair of `key`. Its bytes are copied: `key` may be the caller's to change. */
export function restOf(range: KeyRange, key: Key, reverse: boolean): KeyRange {
  return reverse ? { begin: range.begin, end: new Uint8Array(key) } : { begin: keyAfter(key), end: range.end };
}

/** The range of all keys that start with `prefix`. */
export function prefixRange(prefix: Key): KeyRange {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) throw new MatyanError("usage", "a prefix of only 0xFF bytes (or none) has no end");
  // Not slice(): of a Buffer it would be the caller's own bytes.
  const end = new Uint8Array(prefix.subarray(0, length));
  end[length - 1]! += 1;
  return { begin: prefix, end };
}
