// FoundationDB's rules for keys, values and ranges, for engines that do not have them by nature.
import { type Key, type KeyRange, KvError, limits } from "./index.ts";

/** @throws KvError 2004 for a key of the system space (0xFF and above). */
export function checkKey(key: Key): void {
  if (key[0] === 0xff) throw new KvError(2004, `key ${hexOf(key)} starts with FF`);
}

/** @throws KvError 2004, 2102 or 2103. */
export function checkSet(key: Key, value: Uint8Array): void {
  checkKey(key);
  if (key.length > limits.keyBytes) throw new KvError(2102, `${key.length} bytes in key ${hexOf(key)}`);
  if (value.length > limits.valueBytes) throw new KvError(2103, `${value.length} bytes for key ${hexOf(key)}`);
}

/** The end may be FF itself, the end of all user keys. @throws KvError 2004. */
export function checkRange({ begin, end }: KeyRange): void {
  if ((begin[0] === 0xff && begin.length > 1) || (end[0] === 0xff && end.length > 1))
    throw new KvError(2004, `range ${hexOf(begin)} to ${hexOf(end)}`);
}

/** Enough of a key to recognise it in a message. */
function hexOf(key: Key): string {
  const shown = Buffer.from(key.buffer, key.byteOffset, Math.min(key.length, 48)).toString("hex");
  return key.length > 48 ? `${shown}…` : shown;
}
