// Text that holds half a surrogate pair cannot be stored or sent: it is mended where it comes in.
import { isMap, type Value } from "../value.ts";

/** `value` with U+FFFD for every lone surrogate, in names too. Costs a look at `source`, the JSON that it came from. */
export function mendText(value: Value, source: string | Uint8Array): Value {
  // Only an escape can have brought one in: the source itself is UTF-8.
  const mayHold = typeof source === "string" ? /\\u[dD][89a-fA-F]/.test(source) : holdsEscape(source);
  return mayHold ? mended(value) : value;
}

function holdsEscape(source: Uint8Array): boolean {
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  return bytes.includes("\\ud") || bytes.includes("\\uD");
}

function mended(value: Value): Value {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(mended);
  if (!isMap(value)) return value;
  return new Map([...value].map(([key, item]) => [key.toWellFormed(), mended(item)]));
}
