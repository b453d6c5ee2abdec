// The identity of a context: a 32-bit number made of its canonical text. Source: storage.md section 2.4, backup-convert.md section 1.9.
import { MatyanError } from "./error.ts";
import { jsonScalar, quoteAscii } from "./json.ts";
import type { Value, ValueMap } from "./value.ts";

/**
 * 0 for no or an empty context, else the first 4 bytes of the SHA-256 of the canonical text, as an unsigned number.
 * @throws MatyanError `usage` when the context holds bytes or moments, which have no canonical text.
 */
export function contextId(context: ValueMap | null): number {
  if (context === null || context.size === 0) return 0;
  const digest = new Uint8Array(32);
  Bun.SHA256.hash(canonicalContext(context), digest);
  return new DataView(digest.buffer).getUint32(0);
}

/** Pure ASCII, keys in code point order at every level, no spaces, numbers as Python prints them. */
export function canonicalContext(context: Value): string {
  const scalar = jsonScalar(context, quoteAscii);
  if (scalar !== undefined) return scalar;
  if (Array.isArray(context)) return `[${context.map(canonicalContext).join(",")}]`;
  if (context instanceof Map) {
    const keys = [...context.keys()].sort(compareCodePoints);
    return `{${keys.map((key) => `${quoteAscii(key)}:${canonicalContext(context.get(key)!)}`).join(",")}}`;
  }
  throw new MatyanError("usage", "a context can hold text, numbers, booleans, null, lists and maps only", {
    hint: "Turn bytes and dates in the context into text.",
  });
}

/** Orders text by code points, which is also the order of its UTF-8 bytes; `<` orders by UTF-16 units. */
export function compareCodePoints(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    if (a.charCodeAt(i) === b.charCodeAt(i)) continue;
    // A difference in a second half may mean a pair on one side and a lone first half on the other.
    const at = i > 0 && (a.charCodeAt(i - 1) & 0xfc00) === 0xd800 ? i - 1 : i;
    return a.codePointAt(at)! - b.codePointAt(at)! || a.codePointAt(i)! - b.codePointAt(i)!;
  }
  return a.length - b.length;
}
