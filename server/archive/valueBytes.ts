// How much a value takes in a transaction, about: what batches are cut by.
import { isMap, type Value } from "../../formats/value.ts";

/** An upper estimate of the value's size as msgpack, in bytes. */
export function valueBytes(value: Value): number {
  if (isMap(value)) {
    let sum = 5;
    for (const [name, child] of value) sum += 5 + name.length * 3 + valueBytes(child);
    return sum;
  }
  if (Array.isArray(value)) {
    let sum = 5;
    for (const item of value) sum += typeof item === "number" ? 9 : valueBytes(item);
    return sum;
  }
  return scalarBytes(value);
}

function scalarBytes(value: Value): number {
  if (typeof value === "string") return 5 + value.length * 3;
  return value instanceof Uint8Array ? 5 + value.length : 9;
}
