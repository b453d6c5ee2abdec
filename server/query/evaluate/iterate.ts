// Python's iteration over our values.
import { typeError, valueError } from "./exceptions.ts";
import { PyDict, PySet } from "./hashed.ts";
import type { Meter } from "./meter.ts";
import { typeName } from "./types.ts";
import { done, type Py, PyIterator, PyList, PyRange, PyTuple, RowObject } from "./values.ts";

export type Step = () => Py | typeof done;

/** The elements of an iterable one by one. @throws TypeError for values that cannot be iterated. */
export function iterate(value: Py): Step {
  if (value instanceof PyList) {
    let index = 0;
    return () => {
      const item = value.items[index++];
      return item === undefined ? done : item;
    };
  }
  if (value instanceof PyIterator) return value.next;
  if (value instanceof PyRange) {
    let index = 0;
    return () => (index < value.length ? value.at(index++) : done);
  }
  if (typeof value === "string") return overIterator(value[Symbol.iterator]());
  if (value instanceof PySet) return overIterator(value.entries.values());
  if (value instanceof PyDict) {
    const next = overIterator(value.entries.values());
    return () => {
      const entry = next();
      return entry === done ? done : entry.key;
    };
  }
  return overArray(elementsOf(value));
}

/** Elements one by one, so that a loop that ends early does not pay for all. */
function overIterator<T>(iterator: Iterator<T>): () => T | typeof done {
  return () => {
    const step = iterator.next();
    return step.done === true ? done : step.value;
  };
}

function overArray(items: readonly Py[]): Step {
  let index = 0;
  return () => {
    const item = items[index++];
    return item === undefined ? done : item;
  };
}

/** The elements as an array that must not be changed; does not drain iterators. */
function elementsOf(value: Py): readonly Py[] {
  if (value instanceof PyTuple) return value.items;
  if (value instanceof Uint8Array) return [...value].map(BigInt);
  if (value instanceof RowObject) {
    const elements = value.elements();
    if (elements !== undefined) return elements;
  }
  return typeError(`'${typeName(value)}' object is not iterable`);
}

/** All elements in a new array; charges for each. */
export function toArray(value: Py, meter: Meter): Py[] {
  if (value instanceof PyList) {
    meter.items(value.items.length);
    return value.items.slice();
  }
  const out: Py[] = [];
  const next = iterate(value);
  for (let item = next(); item !== done; item = next()) {
    if (out.push(item) > meter.budget.items) meter.items(out.length);
    meter.charge(1);
  }
  return out;
}

const surrogate = /[\ud800-\udfff]/;

/** Whether the text's UTF-16 units are its characters. */
export function isPlain(text: string): boolean {
  return !surrogate.test(text);
}

/** The characters (code points) of a text. */
export function points(text: string): string[] {
  return isPlain(text) ? text.split("") : Array.from(text);
}

/** The number of characters. */
export function textLength(text: string): number {
  if (isPlain(text)) return text.length;
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Spreads an iterable over `count` places, as `a, b = value` does; `star` is the place that takes the rest, or -1. */
export function unpack(value: Py, count: number, star: number, meter: Meter): Py[] {
  const items = toArray(value, meter);
  if (star < 0) {
    if (items.length > count) valueError(`too many values to unpack (expected ${count})`);
    if (items.length < count) valueError(`not enough values to unpack (expected ${count}, got ${items.length})`);
    return items;
  }
  if (items.length < count - 1) {
    valueError(`not enough values to unpack (expected at least ${count - 1}, got ${items.length})`);
  }
  const behind = count - 1 - star;
  const rest = new PyList(items.slice(star, items.length - behind));
  return [...items.slice(0, star), rest, ...items.slice(items.length - behind)];
}
