// One FDBTransaction: the only place that calls the functions of transactions, and that knows which futures are open.
// Reviewed for lifetimes: docs/foundationdb.md says by which rules.
import type { Key, KeyRange, KeyValue } from "../index.ts";
import { storeError } from "./errors.ts";
import { Pending } from "./futures.ts";
import {
  type Address,
  addressOf,
  conflictRangeTypes,
  mutationTypes,
  type Returned,
  streamingModes,
  transactionOptions,
} from "./native.ts";
import type { Network } from "./network.ts";

export interface RangeRequest {
  readonly range: KeyRange;
  /** At most this many pairs; undefined for as many as the library likes to give at once. */
  readonly rows: number | undefined;
  readonly reverse: boolean;
  /** True for a read that adds no read conflict. */
  readonly snapshot: boolean;
}

export interface RangeAnswer {
  readonly pairs: readonly KeyValue[];
  /** Whether the range may hold more than `pairs`. */
  readonly more: boolean;
}

/** Soft bound on the bytes of one answer with a row limit. Without one the library's own bound holds, 80 kB. */
const limitedBytes = 500_000;
const emptyOption = new Uint8Array(0);

export class NativeTransaction {
  readonly #network: Network;
  readonly #address: Address;
  readonly #open = new Set<Pending<unknown>>();
  #drained: (() => void) | undefined;
  /** When an answer came last, or the first read of those under way began: `performance.now()`. */
  #lastAnswer = 0;

  /** @throws KvError */
  constructor(network: Network, database: Address) {
    const { client, arena } = network;
    const code = client.fdb_database_create_transaction(database, arena.outPointer);
    if (code !== 0) throw storeError(client, code);
    this.#network = network;
    this.#address = arena.pointer;
  }

  /** How long the store has been silent while a read waits for it, ms; 0 when none does. */
  get silentMs(): number {
    return this.#open.size === 0 ? 0 : performance.now() - this.#lastAnswer;
  }

  setFlag(option: "readYourWritesDisable"): void {
    this.#setOption(transactionOptions[option], emptyOption);
  }

  setInteger(option: "timeout" | "maxRetryDelay", value: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
    this.#setOption(transactionOptions[option], bytes);
  }

  #setOption(option: number, value: Uint8Array): void {
    const { client, arena } = this.#network;
    arena.place(value);
    const code = client.fdb_transaction_set_option(this.#address, option, arena.first, value.length);
    if (code !== 0) throw storeError(client, code);
  }

  /** Takes the read version: from here on the transaction sees one state. */
  readVersion(): Pending<bigint> {
    return this.#start(this.#network.client.fdb_transaction_get_read_version(this.#address), this.#integerOf);
  }

  readonly #integerOf = (future: Address): bigint => {
    const { client, arena } = this.#network;
    const code = client.fdb_future_get_int64(future, arena.outPointer);
    if (code !== 0) throw storeError(client, code);
    return arena.integer;
  };

  /** Before any read: the state of another transaction's read or commit version. */
  setReadVersion(version: bigint): void {
    this.#network.client.fdb_transaction_set_read_version(this.#address, version);
  }

  /** After a commit. @throws KvError */
  committedVersion(): bigint {
    const { client, arena } = this.#network;
    const code = client.fdb_transaction_get_committed_version(this.#address, arena.outPointer);
    if (code !== 0) throw storeError(client, code);
    return arena.integer;
  }

  get(key: Key, snapshot: boolean): Pending<Uint8Array | undefined> {
    const { client, arena } = this.#network;
    arena.place(key);
    const future = client.fdb_transaction_get(this.#address, arena.first, key.length, snapshot ? 1 : 0);
    return this.#start(future, this.#valueOf);
  }

  readonly #valueOf = (future: Address): Uint8Array | undefined => {
    const { client, arena } = this.#network;
    const code = client.fdb_future_get_value(future, arena.outFirst, arena.outPointer, arena.outSecond);
    if (code !== 0) throw storeError(client, code);
    return arena.firstInteger === 0 ? undefined : arena.copy(arena.pointer, arena.secondInteger);
  };

  range({ range: { begin, end }, rows, reverse, snapshot }: RangeRequest): Pending<RangeAnswer> {
    const { client, arena } = this.#network;
    arena.place(begin, end);
    // Both ends as "first key greater or equal": or_equal 0, offset 1.
    const future = client.fdb_transaction_get_range(
      this.#address,
      arena.first,
      begin.length,
      0,
      1,
      arena.second,
      end.length,
      0,
      1,
      rows ?? 0,
      rows === undefined ? 0 : limitedBytes,
      rows === undefined ? streamingModes.wantAll : streamingModes.exact,
      0,
      snapshot ? 1 : 0,
      reverse ? 1 : 0,
    );
    return this.#start(future, this.#pairsOf);
  }

  readonly #pairsOf = (future: Address): RangeAnswer => {
    const { client, arena } = this.#network;
    const code = client.fdb_future_get_keyvalue_array(future, arena.outPointer, arena.outFirst, arena.outSecond);
    if (code !== 0) throw storeError(client, code);
    const more = arena.secondInteger !== 0;
    return { pairs: arena.copyPairs(arena.pointer, arena.firstInteger), more };
  };

  /** About how many bytes the keys and values of a range are, from the store's samples: small ranges may be 0. */
  estimatedBytes({ begin, end }: KeyRange): Pending<bigint> {
    const { client, arena } = this.#network;
    arena.place(begin, end);
    const future = client.fdb_transaction_get_estimated_range_size_bytes(
      this.#address,
      arena.first,
      begin.length,
      arena.second,
      end.length,
    );
    return this.#start(future, this.#integerOf);
  }

  set(key: Key, value: Uint8Array): void {
    const { client, arena } = this.#network;
    arena.place(key, value);
    client.fdb_transaction_set(this.#address, arena.first, key.length, arena.second, value.length);
  }

  clear(key: Key): void {
    const { client, arena } = this.#network;
    arena.place(key);
    client.fdb_transaction_clear(this.#address, arena.first, key.length);
  }

  /** `begin` must be below `end`. */
  clearRange({ begin, end }: KeyRange): void {
    const { client, arena } = this.#network;
    arena.place(begin, end);
    client.fdb_transaction_clear_range(this.#address, arena.first, begin.length, arena.second, end.length);
  }

  /** `delta` is an integer of 8 bytes, little endian. */
  add(key: Key, delta: Uint8Array): void {
    const { client, arena } = this.#network;
    const { add } = mutationTypes;
    arena.place(key, delta);
    client.fdb_transaction_atomic_op(this.#address, arena.first, key.length, arena.second, delta.length, add);
  }

  /** @throws KvError */
  addConflict({ begin, end }: KeyRange, type: keyof typeof conflictRangeTypes): void {
    const { client, arena } = this.#network;
    arena.place(begin, end);
    const code = client.fdb_transaction_add_conflict_range(
      this.#address,
      arena.first,
      begin.length,
      arena.second,
      end.length,
      conflictRangeTypes[type],
    );
    if (code !== 0) throw storeError(client, code);
  }

  /** @throws KvError when the commit failed, or may have. */
  commit(): Promise<void> {
    return this.#start(this.#network.client.fdb_transaction_commit(this.#address), nothing).take();
  }

  /** Waits as the library sees fit after that error, and makes the transaction new. @throws KvError when it may not be run again. */
  onError(code: number): Promise<void> {
    return this.#start(this.#network.client.fdb_transaction_on_error(this.#address, code), nothing).take();
  }

  /** Gives up the answers that nobody waits for. */
  dropUnasked(): void {
    for (const pending of this.#open) pending.drop();
  }

  /** Once, at the end; never rejects. Who still waits for an answer gets an error. */
  async destroy(): Promise<void> {
    const { client } = this.#network;
    this.dropUnasked();
    if (this.#open.size > 0) {
      client.fdb_transaction_cancel(this.#address);
      const drained = Promise.withResolvers<void>();
      this.#drained = drained.resolve;
      await drained.promise;
    }
    client.fdb_transaction_destroy(this.#address);
  }

  #start<T>(future: Returned, read: (future: Address) => T): Pending<T> {
    if (this.#open.size === 0) this.#lastAnswer = performance.now();
    const pending = new Pending<T>(this.#network, addressOf(future), read, this.#ended);
    this.#open.add(pending);
    return pending;
  }

  readonly #ended = (pending: Pending<unknown>): void => {
    this.#open.delete(pending);
    this.#lastAnswer = performance.now();
    if (this.#open.size === 0) this.#drained?.();
  };
}

function nothing(): void {}
