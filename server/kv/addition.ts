// The arithmetic of Transaction.add, for engines that do not have it by nature.

/** `before` as a little-endian integer of 8 bytes (filled up with zero bytes, or cut) plus `delta`, wrapped at 64 bits. */
export function sumOf(before: Uint8Array | undefined, delta: bigint): Uint8Array {
  const sum = new Uint8Array(8);
  if (before !== undefined) sum.set(before.subarray(0, 8));
  const view = new DataView(sum.buffer);
  view.setBigUint64(0, BigInt.asUintN(64, view.getBigUint64(0, true) + delta), true);
  return sum;
}
