// Short ways to write keys and read answers in the suites of the key-value store.
import type { KeyRange, KeyValue, RangeOptions, ReadTransaction } from "../index.ts";

/** One byte a character: "\xff" is FF. */
export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

export function textOf(data: Uint8Array): string {
  return Buffer.from(data).toString("latin1");
}

export function between(begin: string, end: string): KeyRange {
  return { begin: bytes(begin), end: bytes(end) };
}

export const everything = between("", "\xff");

/** All pairs of a range as text. */
export async function scan(
  tx: ReadTransaction,
  range: KeyRange = everything,
  options?: RangeOptions,
): Promise<[string, string][]> {
  const pairs: [string, string][] = [];
  for await (const batch of tx.range(range, options)) for (const pair of batch) pairs.push(asText(pair));
  return pairs;
}

export function asText([key, value]: KeyValue): [string, string] {
  return [textOf(key), textOf(value)];
}

/** A u64 or i64, little endian. */
export function littleEndian(value: bigint): Uint8Array {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return data;
}
