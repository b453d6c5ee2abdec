// Stored values as msgpack: shortest integers, floats always 64 bits, text and bytes apart. Source: storage.md section 1.3.
import { encodeByWriter, encodeFloat, encodeInteger } from "./msgpackWriter.ts";
import type { Value } from "./value.ts";

export { decodeValue } from "./msgpackReader.ts";
export { encodeFloat, encodeInteger };

/**
 * The bytes of a value. @throws MatyanError `too_large` on an integer outside of [-2^63, 2^64) and on nesting beyond 512, `usage` on
 * text with a lone surrogate.
 */
export function encodeValue(value: Value): Uint8Array {
  if (typeof value === "number") return encodeFloat(value);
  if (typeof value === "bigint") return encodeInteger(value);
  return encodeByWriter(value);
}
