// When two contexts are the same: as Python's `==` on dicts says, so that a browser's 1 finds a stored 1.0.
import { isMap, toNumber, type Value } from "../../formats/value.ts";

/** Deep equality; numbers are compared as numbers, whatever their kind. */
export function sameValue(a: Value, b: Value): boolean {
  if (isMap(a)) {
    if (!isMap(b) || a.size !== b.size) return false;
    for (const [name, value] of a) {
      const other = b.get(name);
      if (other === undefined || !sameValue(value, other)) return false;
    }
    return true;
  }
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]!));
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  const x = toNumber(a);
  if (x !== undefined) return x === toNumber(b);
  return a === b;
}
