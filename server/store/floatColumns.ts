// Sampled metrics as columns of float64, straight from stored bytes: the hot path of metric searches (storage.md 6.2).
// Plain loops over typed arrays; scripts/bench/search.ts guards them.
import { readIntegerNumber } from "../../formats/tuple.ts";
import { toNumber, type Value } from "../../formats/value.ts";
import type { KeyRange, ReadTransaction } from "../kv/index.ts";
import type { StoreKeys } from "./keys.ts";
import { decodeStored, LargePointer } from "./largeValues.ts";
import { pickEvenly, sampleSequence, targets } from "./sampling.ts";
import { columnPrefix, type SequenceRef, stepKey, stepOf, stepRange } from "./sequences.ts";

/** Points of a sequence, one element each. NaN where a point has no epoch or time, or a value that is no number. */
export interface FloatColumns {
  readonly steps: Float64Array;
  readonly values: Float64Array;
  readonly epochs: Float64Array;
  /** Seconds since the epoch. */
  readonly times: Float64Array;
}

/** From so many points on they are spread by buckets of steps (6.2 B), below by targets (6.2 A). */
const bucketCount = 128;
/** A stretch of steps that holds at most this many times the points asked for is read whole: cheaper than seeks. */
const wholeFactor = 4;

export const noColumns: FloatColumns = {
  steps: new Float64Array(0),
  values: new Float64Array(0),
  epochs: new Float64Array(0),
  times: new Float64Array(0),
};

/**
 * `count` points spread over all steps (up to `to`, if given); the first alone for `count` <= 1. Costs O(count) whatever the
 * length.
 */
export async function sampleFloats(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  count: number,
  to?: bigint,
): Promise<FloatColumns> {
  const prefix = columnPrefix(store, ref, "val");
  const range = stepRange(prefix, to === undefined ? {} : { to });
  const [[first], [last]] = await Promise.all([tx.firstOfEach([range]), tx.firstOfEach([range], true)]);
  if (first === undefined || last === undefined) return noColumns;
  const from = readIntegerNumber(first[0], prefix.length);
  const until = readIntegerNumber(last[0], prefix.length);
  if (Number.isNaN(from) || Number.isNaN(until) || !Number.isSafeInteger(until - from))
    return sampleAny(tx, store, ref, count, to);
  const points = new Points(Math.max(1, Math.min(count, 10_000)));
  if (count <= 1 || from === until) points.add(from, first[1]);
  else if (until - from < wholeFactor * count) {
    const all = new Points(Math.min(until - from + 1, wholeFactor * count));
    for await (const batch of tx.range(range))
      for (let i = 0; i < batch.length; i++) all.add(readIntegerNumber(batch[i]![0], prefix.length), batch[i]![1]);
    if (all.length <= 1) return sampleAny(tx, store, ref, count, to);
    all.pick(count >= bucketCount ? bucketsOf(all.steps, count) : spreadOf(all.steps, count), points);
  } else if (count < bucketCount) return sampleAny(tx, store, ref, count, to);
  else {
    points.add(from, first[1]);
    const found = await tx.firstOfEach(bucketRanges(prefix, from, until, count));
    for (let i = 0; i < found.length; i++) {
      const pair = found[i];
      if (pair !== undefined) points.add(readIntegerNumber(pair[0], prefix.length), pair[1]);
    }
    points.add(until, last[1]);
  }
  return finish(tx, store, ref, points);
}

/** All points up to a step, in order: `limit` at most. Steps that a float64 cannot hold are rounded. */
export async function readFloats(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  range: { readonly from?: bigint; readonly to?: bigint },
  limit: number,
): Promise<{ readonly steps: Float64Array; readonly values: Float64Array }> {
  const prefix = columnPrefix(store, ref, "val");
  const points = new Points(256);
  for await (const batch of tx.range(stepRange(prefix, range), { limit }))
    for (const [key, bytes] of batch) {
      const step = readIntegerNumber(key, prefix.length);
      points.add(Number.isNaN(step) ? Number(stepOf(key, prefix.length)) : step, bytes);
    }
  return points.columns();
}

/** The values at exactly the given steps, NaN where there is none. `found` says at which there is a point. */
export async function floatsAt(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  steps: ArrayLike<number>,
): Promise<{ readonly values: Float64Array; readonly found: readonly boolean[] }> {
  const prefix = columnPrefix(store, ref, "val");
  const values = new Float64Array(steps.length).fill(Number.NaN);
  const stored = await tx.getMany(Array.from(steps, (step) => stepKey(prefix, BigInt(step))));
  for (let i = 0; i < values.length; i++) {
    const bytes = stored[i];
    if (bytes !== undefined) values[i] = floatOf(bytes);
  }
  return { values, found: stored.map((bytes) => bytes !== undefined) };
}

/** The number that stored bytes mean; NaN for anything but a number (or a truth value, which counts as 1 or 0). */
export function floatOf(bytes: Uint8Array): number {
  if (bytes.length === 9 && bytes[0] === 0xcb) {
    for (let i = 0; i < 8; i++) doubleBytes[i] = bytes[i + 1]!;
    return doubleView.getFloat64(0);
  }
  const value = decodeStored(bytes);
  return value instanceof LargePointer ? Number.NaN : numberOf(value);
}

/** `floatOf` for a value that was decoded already. */
export function numberOf(value: Value | undefined): number {
  return typeof value === "boolean" ? Number(value) : (toNumber(value) ?? Number.NaN);
}

const doubleBytes = new Uint8Array(8);
const doubleView = new DataView(doubleBytes.buffer);

/** Steps and values that grow together. */
class Points {
  #steps: Float64Array;
  #values: Float64Array;
  length = 0;

  constructor(capacity: number) {
    this.#steps = new Float64Array(capacity);
    this.#values = new Float64Array(capacity);
  }

  get steps(): Float64Array {
    return this.#steps.subarray(0, this.length);
  }

  add(step: number, bytes: Uint8Array): void {
    this.#put(step, floatOf(bytes));
  }

  #put(step: number, value: number): void {
    if (this.length === this.#steps.length) {
      this.#steps = grown(this.#steps);
      this.#values = grown(this.#values);
    }
    this.#steps[this.length] = step;
    this.#values[this.length++] = value;
  }

  /** Copies the points at some positions. */
  pick(positions: readonly number[], into: Points): void {
    for (const at of positions) into.#put(this.#steps[at]!, this.#values[at]!);
  }

  columns(): { readonly steps: Float64Array; readonly values: Float64Array } {
    return { steps: this.steps, values: this.#values.subarray(0, this.length) };
  }
}

function grown(array: Float64Array): Float64Array {
  const larger = new Float64Array(array.length * 2);
  larger.set(array);
  return larger;
}

/** 6.2 A over all steps, or C when targets meet: positions. `count` >= 2, at least two steps. */
function spreadOf(steps: Float64Array, count: number): readonly number[] {
  const first = steps[0]!;
  const positions: number[] = [];
  let at = 0;
  for (const target of targets(0n, BigInt(steps[steps.length - 1]! - first), count)) {
    const step = first + Number(target);
    while (steps[at]! < step) at++;
    if (positions[positions.length - 1] !== at) positions.push(at);
  }
  if (positions.length === count) return positions;
  return pickEvenly(
    Array.from(steps, (_, i) => i),
    count,
  );
}

/** 6.2 B over all steps: positions of the first, the first in each bucket between, and the last. */
function bucketsOf(steps: Float64Array, count: number): readonly number[] {
  const first = steps[0]!;
  const last = steps.length - 1;
  const buckets = count - 2;
  const span = Math.max(1, steps[last]! - first - 1);
  const positions = [0];
  let filled = -1;
  for (let i = 1; i < last; i++) {
    const bucket = Math.min(buckets - 1, Math.floor(((steps[i]! - first - 1) * buckets) / span));
    if (bucket !== filled) positions.push(i);
    filled = bucket;
  }
  positions.push(last);
  return positions;
}

/** The steps of each bucket of 6.2 B, as ranges of keys: what `bucketsOf` finds by looking at every point. */
function bucketRanges(prefix: Uint8Array, first: number, last: number, count: number): KeyRange[] {
  const buckets = BigInt(count - 2);
  const span = BigInt(Math.max(1, last - first - 1));
  // The first offset whose bucket is `bucket`: the smallest x with floor(x * buckets / span) >= bucket.
  const startOf = (bucket: bigint) => BigInt(first) + 1n + (bucket * span + buckets - 1n) / buckets;
  const ranges: KeyRange[] = [];
  let begin = stepKey(prefix, startOf(0n));
  for (let bucket = 0n; bucket < buckets; bucket++) {
    const end = stepKey(prefix, bucket === buckets - 1n ? BigInt(last) : startOf(bucket + 1n));
    ranges.push({ begin, end });
    begin = end;
  }
  return ranges;
}

/** Any sequence, at the price of one object for each point. */
async function sampleAny(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  count: number,
  to: bigint | undefined,
): Promise<FloatColumns> {
  const points = await sampleSequence(tx, store, ref, Math.max(1, count), { to });
  return {
    steps: Float64Array.from(points, ({ step }) => Number(step)),
    values: Float64Array.from(points, ({ value }) => numberOf(value)),
    epochs: Float64Array.from(points, ({ epoch }) => (epoch === undefined ? Number.NaN : Number(epoch))),
    times: Float64Array.from(points, ({ time }) => time ?? Number.NaN),
  };
}

async function finish(tx: ReadTransaction, store: StoreKeys, ref: SequenceRef, points: Points): Promise<FloatColumns> {
  const columns = points.columns();
  const epochs = await columnAt(tx, columnPrefix(store, ref, "epoch"), columns.steps);
  const times = await columnAt(tx, columnPrefix(store, ref, "time"), columns.steps);
  return { ...columns, epochs, times };
}

/** A column at the given ascending steps, NaN where it has nothing. */
async function columnAt(tx: ReadTransaction, prefix: Uint8Array, steps: Float64Array): Promise<Float64Array> {
  const column = new Float64Array(steps.length).fill(Number.NaN);
  const from = steps[0]!;
  const to = steps[steps.length - 1]!;
  const range = { begin: stepKey(prefix, from), end: stepRange(prefix, { to: BigInt(to) }).end };
  const [any] = await tx.firstOfEach([range]);
  if (any === undefined) return column;
  if (to - from < wholeFactor * steps.length) {
    let at = 0;
    for await (const batch of tx.range(range))
      for (let i = 0; i < batch.length; i++) {
        const step = readIntegerNumber(batch[i]![0], prefix.length);
        while (at < steps.length && steps[at]! < step) at++;
        if (steps[at] === step) column[at] = floatOf(batch[i]![1]);
      }
    return column;
  }
  const keys: Uint8Array[] = new Array(steps.length);
  for (let i = 0; i < steps.length; i++) keys[i] = stepKey(prefix, steps[i]!);
  const stored = await tx.getMany(keys);
  for (let i = 0; i < stored.length; i++) {
    const bytes = stored[i];
    if (bytes !== undefined) column[i] = floatOf(bytes);
  }
  return column;
}

/** The first value of each sequence, undefined for an empty one: one wait for all. */
export async function firstFloats(
  tx: ReadTransaction,
  store: StoreKeys,
  refs: readonly SequenceRef[],
): Promise<(number | undefined)[]> {
  const found = await tx.firstOfEach(refs.map((ref) => stepRange(columnPrefix(store, ref, "val"))));
  return found.map((pair) => (pair === undefined ? undefined : floatOf(pair[1])));
}
