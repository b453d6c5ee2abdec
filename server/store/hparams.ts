// Look-ups of runs by a parameter. Numbers compare as numbers, whether they were stored as integers or as floats.
import { MatyanError } from "../../formats/error.ts";
import type { TupleElement } from "../../formats/tuple.ts";
import { type KeyRange, limits, type ReadTransaction } from "../kv/index.ts";
import { longHparamTerm, lookupTerm } from "./indexes.ts";
import { indexKey, lastString, packKey, type StoreKeys } from "./keys.ts";

export type HparamOperator = "==" | "<" | "<=" | ">" | ">=";
export type HparamValue = bigint | number | string | boolean;

/** `exact` runs satisfy the condition; the others have a text too long for the index and must be looked into. */
export interface HparamHits {
  readonly hashes: string[];
  readonly exact: boolean;
}

/**
 * The runs whose top-level parameter `name` satisfies `op value`. A number is compared exactly with integers and floats
 * (2^53+1 is not 2^53; NaN satisfies nothing; -0.0 equals 0); text with text by code point, true/false with true/false.
 * @throws MatyanError `usage` for a parameter name that no key can hold.
 */
export async function* lookupHparam(
  tx: ReadTransaction,
  store: StoreKeys,
  name: string,
  op: HparamOperator,
  value: HparamValue,
): AsyncGenerator<HparamHits> {
  const prefix = indexKey(store, "hparam", name);
  if (prefix.length > limits.keyBytes)
    throw new MatyanError("usage", `a parameter name of ${prefix.length} bytes cannot be looked up`);
  for (const range of rangesOf(store, name, op, value))
    for await (const batch of tx.range(range))
      yield { hashes: batch.map(([key]) => lastString(key, store.dirs.indexes)), exact: true };
  if (typeof value === "string")
    for await (const hashes of lookupTerm(tx, store, longHparamTerm(name))) yield { hashes, exact: false };
}

/** An interval of one block of the index. `from` and `to` are values; each block is ordered as its values are. */
interface Interval {
  readonly from: TupleElement;
  readonly to: TupleElement;
}

function rangesOf(store: StoreKeys, name: string, op: HparamOperator, value: HparamValue): KeyRange[] {
  const intervals = typeof value === "string" ? [] : intervalsOf(op, value);
  if (typeof value === "string") return [textRange(store, name, op, value)];
  return intervals.map(({ from, to }) => ({
    begin: indexKey(store, "hparam", name, from),
    end: past(indexKey(store, "hparam", name, to)),
  }));
}

/** Closed intervals of values, by block. */
function intervalsOf(op: HparamOperator, value: bigint | number | boolean): Interval[] {
  if (typeof value === "boolean") {
    const hits = [false, true].filter((stored) => holds(op, Number(stored) - Number(value)));
    return hits.map((stored) => ({ from: stored, to: stored }));
  }
  if (typeof value === "number" && Number.isNaN(value)) return [];
  const upward = op === ">" || op === ">=";
  const downward = op === "<" || op === "<=";
  const closed = op === "==" || op === ">=" || op === "<=";
  const intervals: Interval[] = [];

  const low = upward || op === "==" ? smallestInteger(value, closed) : minInteger;
  const high = downward || op === "==" ? largestInteger(value, closed) : maxInteger;
  if (low !== undefined && high !== undefined && low <= high) intervals.push({ from: low, to: high });

  const lowest = upward || op === "==" ? smallestDouble(value, closed) : Number.NEGATIVE_INFINITY;
  const highest = downward || op === "==" ? largestDouble(value, closed) : Number.POSITIVE_INFINITY;
  if (lowest !== undefined && highest !== undefined && lowest <= highest) intervals.push({ from: lowest, to: highest });
  return intervals;
}

function holds(op: HparamOperator, order: number): boolean {
  if (op === "==") return order === 0;
  if (op === "<") return order < 0;
  if (op === "<=") return order <= 0;
  return op === ">" ? order > 0 : order >= 0;
}

/** Integers of the index come from msgpack: -2^63 to 2^64-1. */
const minInteger = -(2n ** 63n);
const maxInteger = 2n ** 64n - 1n;

/** The smallest stored integer n with n >= value (n > value when not `closed`); undefined when there is none. */
function smallestInteger(value: bigint | number, closed: boolean): bigint | undefined {
  if (value === Number.POSITIVE_INFINITY) return undefined;
  if (value === Number.NEGATIVE_INFINITY) return minInteger;
  const whole = typeof value === "bigint" ? value : BigInt(Math.ceil(value));
  const exact = typeof value === "bigint" || Number.isInteger(value);
  const found = exact && !closed ? whole + 1n : whole;
  return found > maxInteger ? undefined : found < minInteger ? minInteger : found;
}

function largestInteger(value: bigint | number, closed: boolean): bigint | undefined {
  const mirrored = mirrorInteger(value, closed);
  return mirrored === undefined || mirrored < minInteger ? undefined : mirrored > maxInteger ? maxInteger : mirrored;
}

function mirrorInteger(value: bigint | number, closed: boolean): bigint | undefined {
  if (value === Number.NEGATIVE_INFINITY) return undefined;
  if (value === Number.POSITIVE_INFINITY) return maxInteger;
  const whole = typeof value === "bigint" ? value : BigInt(Math.floor(value));
  const exact = typeof value === "bigint" || Number.isInteger(value);
  return exact && !closed ? whole - 1n : whole;
}

/** The smallest double d with d >= value (d > value when not `closed`), -0.0 for zero: it sorts before 0.0. */
function smallestDouble(value: bigint | number, closed: boolean): number | undefined {
  const near = Number(value);
  const order = compareExactly(near, value);
  const found = order > 0 || (order === 0 && closed) ? near : nextDouble(near);
  return found === 0 ? -0 : found;
}

function largestDouble(value: bigint | number, closed: boolean): number | undefined {
  const mirrored = smallestDouble(-value, closed);
  return mirrored === undefined ? undefined : -mirrored;
}

/** The order of a double and a number of either kind, without rounding. */
function compareExactly(double: number, value: bigint | number): number {
  if (typeof value === "number") return double < value ? -1 : double > value ? 1 : 0;
  if (!Number.isFinite(double)) return double;
  const whole = BigInt(Math.trunc(double));
  return whole < value ? -1 : whole > value ? 1 : 0;
}

const bits = new DataView(new ArrayBuffer(8));

/** The next double above `x`, or undefined above infinity. */
function nextDouble(x: number): number | undefined {
  if (x === Number.POSITIVE_INFINITY) return undefined;
  if (x === 0) return Number.MIN_VALUE;
  bits.setFloat64(0, x);
  bits.setBigInt64(0, bits.getBigInt64(0) + (x > 0 ? 1n : -1n));
  return bits.getFloat64(0);
}

/** Texts sort by their UTF-8 bytes, which is by code point; a key longer than the engine takes is cut, as none is stored. */
function textRange(store: StoreKeys, name: string, op: HparamOperator, value: string): KeyRange {
  const block = packKey(store.dirs.indexes, ["hparam", name]);
  const begin = withByte(block, 0x02);
  const end = withByte(block, 0x03);
  const key = packKey(store.dirs.indexes, ["hparam", name, value]);
  const at = key.length > limits.keyBytes ? key.subarray(0, limits.keyBytes) : key;
  const behind = key.length > limits.keyBytes ? at : past(key);
  if (op === "==") return { begin: at, end: behind };
  if (op === "<") return { begin, end: at };
  if (op === "<=") return { begin, end: behind };
  return { begin: op === ">" ? behind : at, end };
}

/** Behind all keys that begin with the elements of `key`. */
function past(key: Uint8Array): Uint8Array {
  return withByte(key, 0xff);
}

function withByte(key: Uint8Array, byte: number): Uint8Array {
  const longer = new Uint8Array(key.length + 1);
  longer.set(key);
  longer[key.length] = byte;
  return longer;
}
