// Attributes of any size, cut into subtrees that fit into transactions.
import type { TupleElement } from "../../formats/tuple.ts";
import { isMap, type Value } from "../../formats/value.ts";

export interface AttrPiece {
  readonly path: readonly TupleElement[];
  readonly value: Value;
  /** About what writing it adds to a transaction, in bytes. */
  readonly bytes: number;
}

/** Bytes of a key beside its names, and of a clear before each write. */
const keyBytes = 120;

/** Subtrees of at most `maxBytes` (a single scalar may be larger) that together are `value`; none for an empty root. */
export function* attrPieces(value: Value, maxBytes: number, path: readonly TupleElement[] = []): Generator<AttrPiece> {
  const children = childrenOf(value);
  if (path.length === 0 && children.length === 0) return;
  const pathBytes = path.reduce<number>(
    (sum, element) => sum + (typeof element === "string" ? element.length * 3 : 9),
    0,
  );
  const bytes = sizeOf(value, pathBytes);
  if (bytes <= maxBytes || children.length === 0) {
    yield { path, value, bytes };
    return;
  }
  for (const [element, child] of children) yield* attrPieces(child, maxBytes, [...path, element]);
}

function childrenOf(value: Value): [TupleElement, Value][] {
  if (isMap(value)) return [...value];
  return Array.isArray(value) ? value.map((item, index) => [BigInt(index), item]) : [];
}

function sizeOf(value: Value, pathBytes: number): number {
  if (isMap(value) && value.size > 0) {
    let sum = 0;
    for (const [name, child] of value) sum += sizeOf(child, pathBytes + name.length * 3);
    return sum;
  }
  if (Array.isArray(value) && value.length > 0) {
    let sum = 0;
    for (const item of value) sum += sizeOf(item, pathBytes + 9);
    return sum;
  }
  return keyBytes + pathBytes + scalarBytes(value);
}

/** About the size of any value as msgpack. */
export function valueBytes(value: Value): number {
  if (isMap(value)) {
    let sum = 5;
    for (const [name, child] of value) sum += name.length * 3 + valueBytes(child);
    return sum;
  }
  if (Array.isArray(value)) {
    if (typeof value[0] === "number") return 5 + value.length * 9;
    let sum = 5;
    for (const item of value) sum += valueBytes(item);
    return sum;
  }
  return scalarBytes(value);
}

function scalarBytes(value: Value): number {
  if (typeof value === "string") return 5 + value.length * 3;
  return value instanceof Uint8Array ? 5 + value.length : 9;
}
