// Sequences: one column of values by step, and beside it the columns `time` and `epoch` (storage.md 2.6).
import { MatyanError } from "../../formats/error.ts";
import { encodeValue } from "../../formats/msgpack.ts";
import { rangeOf, readInteger, readIntegerNumber, TupleWriter } from "../../formats/tuple.ts";
import type { Value } from "../../formats/value.ts";
import type { KeyRange, ReadTransaction, Transaction } from "../kv/index.ts";
import type { Store } from "./index.ts";
import { checkKey, cutText, type StoreKeys } from "./keys.ts";
import {
  decodeStored,
  isPointer,
  LargePointer,
  loadLarge,
  type Owner,
  openValues,
  type StagedValue,
  type Storable,
  stageValue,
} from "./largeValues.ts";

export interface SequenceRef {
  readonly hash: string;
  readonly contextId: number;
  readonly name: string;
}

/** `time` in seconds since the epoch. */
export interface Point<V = Value> {
  readonly step: bigint;
  readonly value: V;
  readonly epoch?: bigint;
  readonly time?: number;
}

export type Column = "val" | "epoch" | "time" | "step";

/** Steps between `from` and `to`, both inclusive; open where absent. */
export interface StepRange {
  readonly from?: bigint | undefined;
  readonly to?: bigint | undefined;
}

/** `loss (context 12) of run 'h'`, for messages. */
export function sequenceText(ref: SequenceRef): string {
  return `sequence '${cutText(ref.name)}' (context ${ref.contextId}) of run '${cutText(ref.hash)}'`;
}

/** All keys of one column are this prefix and a step. @throws MatyanError `too_large` when no step fits behind it. */
export function columnPrefix(store: StoreKeys, ref: SequenceRef, column: Column): Uint8Array {
  const writer = new TupleWriter(256).raw(store.dirs.runs).string(ref.hash).string("seqs");
  const prefix = writer.integer(ref.contextId).string(ref.name).string(column).finish();
  // A step takes up to 9 bytes.
  checkKey(new Uint8Array(prefix.length + 9), () => sequenceText(ref));
  return prefix;
}

export function stepKey(prefix: Uint8Array, step: bigint | number): Uint8Array {
  const small = Number(step);
  if (small < 0 || small > 0xffffffff) return new TupleWriter(prefix.length + 16).raw(prefix).integer(step).finish();
  const key = new Uint8Array(prefix.length + 1 + stepBytes(small));
  key.set(prefix);
  putStep(key, prefix.length, small);
  return key;
}

export function stepRange(prefix: Uint8Array, range: StepRange = {}): KeyRange {
  const all = rangeOf(prefix);
  const begin = range.from === undefined ? all.begin : stepKey(prefix, range.from);
  // A step is the last element of its key, so the next key is the step's with one byte more.
  const end = range.to === undefined ? all.end : rangeOf(stepKey(prefix, range.to)).begin;
  return Buffer.compare(begin, end) < 0 ? { begin, end } : { begin, end: begin };
}

/** The step of a key of a column whose prefix has `length` bytes. */
export function stepOf(key: Uint8Array, length: number): bigint {
  const step = readIntegerNumber(key, length);
  return Number.isNaN(step) ? readInteger(key, length).value : BigInt(step);
}

function ownerOf(store: StoreKeys, ref: SequenceRef): Owner {
  return { dir: store.dirs.runs, run: ref.hash };
}

/** Writes one point; the columns that it lacks keep what they hold. For more than a few use a `SequenceWriter`. */
export async function writePoint(
  tx: Transaction,
  store: StoreKeys,
  ref: SequenceRef,
  point: Point<Storable>,
): Promise<void> {
  await new SequenceWriter(store, ref).write(tx, [point]);
}

/** Stores the value of a point of any size before `writePoint` is given it; see `stageValue`. */
export function stagePoint(store: Store, ref: SequenceRef, step: bigint, value: Value): Promise<StagedValue> {
  return stageValue(store.database, ownerOf(store, ref), stepKey(columnPrefix(store, ref, "val"), step), value);
}

/** Columns of float64 points: the form in which most points of a run arrive. All have the same length. */
export interface FloatPoints {
  /** Safe integers, or 64-bit ones. */
  readonly steps: ArrayLike<number> | ArrayLike<bigint>;
  readonly values: ArrayLike<number>;
  readonly times?: ArrayLike<number>;
  readonly epochs?: ArrayLike<number> | ArrayLike<bigint>;
}

/** Writes many points of one sequence. Holds no state but key prefixes: a failed transaction leaves nothing behind. */
export class SequenceWriter {
  readonly #store: StoreKeys;
  readonly #ref: SequenceRef;
  readonly #val: Uint8Array;
  readonly #time: Uint8Array;
  readonly #epoch: Uint8Array;

  /** @throws MatyanError `too_large` when the name does not fit into a key. */
  constructor(store: StoreKeys, ref: SequenceRef) {
    this.#store = store;
    this.#ref = ref;
    this.#val = columnPrefix(store, ref, "val");
    this.#time = columnPrefix(store, ref, "time");
    this.#epoch = columnPrefix(store, ref, "epoch");
  }

  /** Points of any values. @throws MatyanError `too_large` naming run, sequence, step and size. */
  async write(tx: Transaction, points: readonly Point<Storable>[]): Promise<void> {
    const values = await openValues(tx, ownerOf(this.#store, this.#ref));
    for (const { step, value, time, epoch } of points) {
      const key = stepKey(this.#val, step);
      if (typeof value === "number" && !values.mayHoldChunks) tx.set(key, encodeValue(value));
      else await values.put(key, value, () => `the value at step ${step} of ${sequenceText(this.#ref)}`);
      if (time !== undefined) tx.set(stepKey(this.#time, step), encodeValue(time));
      if (epoch !== undefined) tx.set(stepKey(this.#epoch, step), encodeValue(epoch));
    }
  }

  /**
   * The fast path for floats, a plain loop over one buffer of keys and one of values (scripts/bench/store.ts guards it).
   * Give at most some 10,000 points to one transaction.
   */
  async writeFloats(tx: Transaction, points: FloatPoints): Promise<void> {
    const { steps, values, times, epochs } = points;
    const holder = await openValues(tx, ownerOf(this.#store, this.#ref));
    // One large value anywhere in the run must not slow down all of its metrics.
    if (holder.mayHoldChunks && (await this.#mayOverwriteLarge(tx, steps))) return this.write(tx, pointsOf(points));
    setColumn(tx, this.#val, steps, values);
    if (times !== undefined) setColumn(tx, this.#time, steps, times);
    if (epochs !== undefined)
      for (let i = 0; i < epochs.length; i++)
        tx.set(stepKey(this.#epoch, BigInt(steps[i]!)), encodeValue(BigInt(epochs[i]!)));
  }

  /** Looks through what is stored between the steps; true without looking on when that is much more than is written. */
  async #mayOverwriteLarge(tx: Transaction, steps: ArrayLike<number> | ArrayLike<bigint>): Promise<boolean> {
    if (steps.length === 0) return false;
    let from = steps[0]!;
    let to = from;
    for (let i = 1; i < steps.length; i++) {
      const step = steps[i]!;
      if (step < from) from = step;
      if (step > to) to = step;
    }
    const limit = 4 * steps.length + 1;
    let seen = 0;
    for await (const batch of tx.range(stepRange(this.#val, { from: BigInt(from), to: BigInt(to) }), { limit })) {
      seen += batch.length;
      for (const [, bytes] of batch) if (isPointer(bytes)) return true;
    }
    return seen === limit;
  }
}

function pointsOf({ steps, values, times, epochs }: FloatPoints): Point[] {
  return Array.from({ length: values.length }, (_, i) => ({
    step: BigInt(steps[i]!),
    value: values[i]!,
    ...(times === undefined ? {} : { time: times[i]! }),
    ...(epochs === undefined ? {} : { epoch: BigInt(epochs[i]!) }),
  }));
}

const floatBytes = 9;
const keySpare = 10;

/** Sets one column of float64 values: `cb` and eight bytes each. */
function setColumn(
  tx: Transaction,
  prefix: Uint8Array,
  steps: ArrayLike<number> | ArrayLike<bigint>,
  values: ArrayLike<number>,
): void {
  const count = values.length;
  const keys = new Uint8Array(count * (prefix.length + keySpare));
  const bytes = new Uint8Array(count * floatBytes);
  const view = new DataView(bytes.buffer);
  const writer = new TupleWriter(32);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const start = at;
    keys.set(prefix, at);
    at += prefix.length;
    const step = steps[i]!;
    if (typeof step === "number" && step >= 0 && step <= 0xffffffff && Number.isInteger(step))
      at = putStep(keys, at, step);
    else {
      const packed = writer.reset().integer(step).finish();
      keys.set(packed, at);
      at += packed.length;
    }
    const from = i * floatBytes;
    const value = values[i]!;
    bytes[from] = 0xcb;
    if (Number.isNaN(value)) view.setBigUint64(from + 1, 0x7ff8000000000000n);
    else view.setFloat64(from + 1, value);
    tx.set(keys.subarray(start, at), bytes.subarray(from, from + floatBytes));
  }
}

/** The tuple integer of 0..2^32-1 at `at`; returns the position behind it. */
function putStep(keys: Uint8Array, at: number, step: number): number {
  const size = stepBytes(step);
  keys[at++] = 0x14 + size;
  for (let shift = (size - 1) * 8; shift >= 0; shift -= 8) keys[at++] = (step >>> shift) & 0xff;
  return at;
}

function stepBytes(step: number): number {
  return step === 0 ? 0 : (39 - Math.clz32(step)) >>> 3;
}

export interface ReadSequenceOptions extends StepRange {
  /** At most this many points. */
  readonly limit?: number;
  /** Descending steps. */
  readonly reverse?: boolean;
  /** The columns to read beside the values; both by default. */
  readonly columns?: readonly ("epoch" | "time")[];
}

/**
 * The points of a sequence in step order, in the engine's batches, with the columns merged by step. A batch at a time is
 * in memory; large values are loaded one by one.
 */
export async function* readSequence(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  options: ReadSequenceOptions = {},
): AsyncGenerator<Point[]> {
  const prefix = columnPrefix(store, ref, "val");
  const owner = ownerOf(store, ref);
  const columns = options.columns ?? ["epoch", "time"];
  const reverse = options.reverse ?? false;
  const limit = options.limit === undefined ? {} : { limit: options.limit };
  for await (const batch of tx.range(stepRange(prefix, options), { ...limit, reverse })) {
    const points: Mutable<Point>[] = new Array(batch.length);
    for (let i = 0; i < batch.length; i++) {
      const [key, bytes] = batch[i]!;
      const stored = decodePoint(bytes);
      const value = stored instanceof LargePointer ? await loadLarge(tx, owner, key, stored) : stored;
      points[i] = { step: stepOf(key, prefix.length), value };
    }
    const ends = [points[0]!.step, points[points.length - 1]!.step] as const;
    const range = reverse ? { from: ends[1], to: ends[0] } : { from: ends[0], to: ends[1] };
    for (const column of columns) await mergeColumn(tx, store, ref, column, points, range, reverse);
    yield points;
  }
}

type Mutable<T> = { -readonly [field in keyof T]: T[field] };

/** A float is by far the most common value, and decoded here without a reader. */
function decodePoint(bytes: Uint8Array): Value | LargePointer {
  if (bytes.length !== floatBytes || bytes[0] !== 0xcb) return decodeStored(bytes);
  // Copied byte by byte: asking a small array for its buffer makes the engine allocate one (a fifth of a whole read).
  for (let i = 0; i < 8; i++) doubleBytes[i] = bytes[i + 1]!;
  return doubleView.getFloat64(0);
}

const doubleBytes = new Uint8Array(8);
const doubleView = new DataView(doubleBytes.buffer);

async function mergeColumn(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  column: "epoch" | "time",
  points: Mutable<Point>[],
  range: StepRange,
  reverse: boolean,
): Promise<void> {
  const prefix = columnPrefix(store, ref, column);
  let i = 0;
  for await (const batch of tx.range(stepRange(prefix, range), { reverse }))
    for (const [key, bytes] of batch) {
      const step = stepOf(key, prefix.length);
      while (i < points.length && (reverse ? points[i]!.step > step : points[i]!.step < step)) i++;
      if (points[i]?.step === step) setField(points[i]!, column, decodePoint(bytes));
    }
}

/** Epochs are integers and times floats on disk; other numbers are taken for what they mean, anything else is left out. */
export function setField(point: Mutable<Point>, column: "epoch" | "time", value: Value | LargePointer): void {
  if (typeof value !== "bigint" && typeof value !== "number") return;
  if (column === "time") point.time = Number(value);
  else if (typeof value === "bigint") point.epoch = value;
  else if (Number.isInteger(value)) point.epoch = BigInt(value);
}

/** The first and last step, or undefined for none: two seeks. */
export async function bounds(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  range: StepRange = {},
): Promise<{ first: bigint; last: bigint } | undefined> {
  const prefix = columnPrefix(store, ref, "val");
  const within = stepRange(prefix, range);
  const [[first], [last]] = await Promise.all([tx.firstOfEach([within]), tx.firstOfEach([within], true)]);
  if (first === undefined || last === undefined) return undefined;
  return { first: stepOf(first[0], prefix.length), last: stepOf(last[0], prefix.length) };
}

/** The highest step, or undefined for an empty sequence. */
export async function lastStep(tx: ReadTransaction, store: StoreKeys, ref: SequenceRef): Promise<bigint | undefined> {
  const prefix = columnPrefix(store, ref, "val");
  const [last] = await tx.firstOfEach([stepRange(prefix)], true);
  return last === undefined ? undefined : stepOf(last[0], prefix.length);
}

/** The step that a point without one gets: behind the highest, or 0. Concurrent callers conflict, and one is run again. */
export async function nextStep(tx: ReadTransaction, store: StoreKeys, ref: SequenceRef): Promise<bigint> {
  const last = await lastStep(tx, store, ref);
  return last === undefined ? 0n : last + 1n;
}

/** The point at exactly `step`. */
export async function readPoint(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  step: bigint,
): Promise<Point | undefined> {
  for await (const [point] of readSequence(tx, store, ref, { from: step, to: step })) return point;
  return undefined;
}

/** Points of a sequence, counted by reading their keys: costs its length. */
export async function countPoints(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  range: StepRange = {},
): Promise<number> {
  let count = 0;
  for await (const batch of tx.range(stepRange(columnPrefix(store, ref, "val"), range))) count += batch.length;
  return count;
}

export function isInverted(range: StepRange): boolean {
  return range.from !== undefined && range.to !== undefined && range.from > range.to;
}

export function badCount(count: number): MatyanError {
  return new MatyanError("usage", `${count} is not a number of points`, { hint: "Give a whole number." });
}

export { sampleSequence } from "./sampling.ts";
