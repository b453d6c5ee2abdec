// dict, set and frozenset: hash tables over Python's equality, in which 1, 1.0 and True are one key.

import { PyDatetime, PyTimedelta } from "./datetime.ts";
import { PyException, raise, typeError } from "./exceptions.ts";
import { typeName } from "./types.ts";
import {
  DictProxy,
  type Py,
  PyComplex,
  PyFunction,
  PyIterator,
  PyList,
  PyModule,
  PyRange,
  PySlice,
  PyTuple,
  PyType,
  RowObject,
} from "./values.ts";

export interface Entry {
  readonly key: Py;
  value: Py;
}

const identities = new WeakMap<object, number>();
let lastIdentity = 0;

/** A number that stands for the object as long as it lives. */
export function identityOf(object: object): number {
  let identity = identities.get(object);
  if (identity === undefined) {
    identity = ++lastIdentity;
    identities.set(object, identity);
  }
  return identity;
}

/** A text that two values share exactly when Python holds them equal. @throws TypeError for unhashable values. */
export function hashKey(value: Py): string {
  switch (typeof value) {
    case "string":
      return `s${value}`;
    case "bigint":
      return `i${value}`;
    case "boolean":
      return value ? "i1" : "i0";
    case "number":
      return Number.isInteger(value) ? `i${BigInt(value)}` : `f${value}`;
    default:
  }
  if (value === null) return "n";
  if (value instanceof PyTuple) {
    return tupleKey(value);
  }
  if (value instanceof PySet && value.frozen) return `z${[...value.entries.keys()].sort().join("\0")}`;
  if (value instanceof Uint8Array) return `b${value.join()}`;
  if (value instanceof PyDatetime) return value.offset === null ? `d${value.naive}` : `u${value.utc}`;
  if (value instanceof PyTimedelta) return `D${value.micros}`;
  if (value instanceof PyComplex) return value.im === 0 ? hashKey(value.re) : `c${value.re},${value.im}`;
  if (value instanceof PySlice) return `l${hashKey(new PyTuple([value.start, value.stop, value.step]))}`;
  if (value instanceof PyRange) return `r${value.length},${value.start},${value.step}`;
  if (value instanceof PyList || value instanceof PyDict || value instanceof PySet || value instanceof DictProxy) {
    return typeError(`unhashable type: '${typeName(value)}'`);
  }
  if (
    value instanceof PyFunction ||
    value instanceof PyType ||
    value instanceof PyModule ||
    value instanceof PyIterator ||
    value instanceof PyException ||
    value instanceof RowObject
  ) {
    return `o${identityOf(value)}`;
  }
  return `x${identityOf(value)}`;
}

/** Tuples that share parts can be far longer written out than they are, so their keys are kept and bounded. */
const tupleKeys = new WeakMap<PyTuple, string>();
const maximalKey = 100_000;

function tupleKey(tuple: PyTuple): string {
  const known = tupleKeys.get(tuple);
  if (known !== undefined) return known;
  let key = "t";
  for (const item of tuple.items) {
    const part = hashKey(item);
    key += `${part.length}:${part}`;
    if (key.length > maximalKey) raise("MemoryError", "the tuple is too large for a set or dict");
  }
  tupleKeys.set(tuple, key);
  return key;
}

export class PyDict {
  readonly entries = new Map<string, Entry>();

  get(key: Py): Py | undefined {
    return this.entries.get(hashKey(key))?.value;
  }

  set(key: Py, value: Py): void {
    const hash = hashKey(key);
    const entry = this.entries.get(hash);
    if (entry === undefined) this.entries.set(hash, { key, value });
    else entry.value = value;
  }
}

export class PySet {
  readonly entries = new Map<string, Py>();
  readonly frozen: boolean;

  constructor(frozen: boolean) {
    this.frozen = frozen;
  }

  add(value: Py): void {
    const hash = hashKey(value);
    if (!this.entries.has(hash)) this.entries.set(hash, value);
  }

  has(value: Py): boolean {
    // Python looks a set up in a set by the frozen set of the same elements.
    if (value instanceof PySet && !value.frozen) return this.has(frozenCopy(value));
    return this.entries.has(hashKey(value));
  }
}

function frozenCopy(set: PySet): PySet {
  const copy = new PySet(true);
  for (const [hash, value] of set.entries) copy.entries.set(hash, value);
  return copy;
}
