// Truth, equality, order, membership and identity.
import { compareCodePoints } from "../../../formats/context.ts";
import { Extension, Timestamp } from "../../../formats/value.ts";
import { PyDatetime, PyTimedelta } from "./datetime.ts";
import { typeError } from "./exceptions.ts";
import { PyDict, PySet } from "./hashed.ts";
import { iterate } from "./iterate.ts";
import type { Meter } from "./meter.ts";
import { unwrap } from "./stored.ts";
import { typeName } from "./types.ts";
import { DictProxy, done, type Py, PyComplex, PyList, PyRange, PySlice, PyTuple, RowObject } from "./values.ts";

export function truth(value: Py): boolean {
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      return value !== "";
    case "bigint":
      return value !== 0n;
    case "number":
      return value !== 0;
    default:
  }
  if (value === null) return false;
  if (value instanceof PyList || value instanceof PyTuple) return value.items.length > 0;
  if (value instanceof PyDict || value instanceof PySet) return value.entries.size > 0;
  if (value instanceof DictProxy) return value.map.size > 0;
  if (value instanceof RowObject) return value.truth();
  if (value instanceof Uint8Array) return value.length > 0;
  if (value instanceof PyRange) return value.length > 0;
  if (value instanceof PyTimedelta) return value.micros !== 0n;
  if (value instanceof PyComplex) return value.re !== 0 || value.im !== 0;
  return true;
}

/** The number that an int, float or bool stands for, as bigint or number. */
export function numeric(value: Py): bigint | number | undefined {
  if (typeof value === "bigint" || typeof value === "number") return value;
  return typeof value === "boolean" ? (value ? 1n : 0n) : undefined;
}

export function equals(a: Py, b: Py, meter: Meter): boolean {
  if (a === b) return typeof a !== "number" || !Number.isNaN(a);
  if (typeof a === "string" || typeof b === "string") {
    if (a instanceof RowObject) return a.equals(b);
    return b instanceof RowObject && b.equals(a);
  }
  if (a === null || b === null) return false;
  const left = numeric(a);
  const right = numeric(b);
  if (left !== undefined && right !== undefined) {
    // biome-ignore lint/suspicious/noDoubleEquals: an int equals the float of exactly its value, which only == says
    return left == right;
  }
  return equalObjects(a, b, meter);
}

function equalObjects(a: Py, b: Py, meter: Meter): boolean {
  if (a instanceof RowObject) return a.equals(b);
  if (b instanceof RowObject) return b.equals(a);
  if ((a instanceof PyList && b instanceof PyList) || (a instanceof PyTuple && b instanceof PyTuple)) {
    return a.items.length === b.items.length && a.items.every((item, index) => same(item, b.items[index]!, meter));
  }
  if (a instanceof DictProxy) return equalObjects(unwrap(a), b, meter);
  if (b instanceof DictProxy) return equalObjects(a, unwrap(b), meter);
  if (a instanceof PyDict && b instanceof PyDict) {
    if (a.entries.size !== b.entries.size) return false;
    for (const [hash, entry] of a.entries) {
      const other = b.entries.get(hash);
      if (other === undefined || !same(entry.value, other.value, meter)) return false;
    }
    return true;
  }
  if (a instanceof PySet && b instanceof PySet) return a.entries.size === b.entries.size && within(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b) === 0;
  if (a instanceof PyDatetime && b instanceof PyDatetime) {
    if ((a.offset === null) !== (b.offset === null)) return false;
    return a.utc === b.utc;
  }
  if (a instanceof PyTimedelta && b instanceof PyTimedelta) return a.micros === b.micros;
  if (a instanceof PyComplex || b instanceof PyComplex) {
    const left = complexOf(a);
    const right = complexOf(b);
    return left !== undefined && right !== undefined && left.re === right.re && left.im === right.im;
  }
  if (a instanceof PyRange && b instanceof PyRange) {
    if (a.length !== b.length) return false;
    return a.length === 0 || (a.start === b.start && (a.length === 1 || a.step === b.step));
  }
  if (a instanceof PySlice && b instanceof PySlice) {
    return same(a.start, b.start, meter) && same(a.stop, b.stop, meter) && same(a.step, b.step, meter);
  }
  if (a instanceof Timestamp && b instanceof Timestamp) return a.seconds === b.seconds;
  if (a instanceof Extension && b instanceof Extension) return a.type === b.type && compareBytes(a.data, b.data) === 0;
  return false;
}

/** Identity or equality, as containers compare their elements. */
export function same(a: Py, b: Py, meter: Meter): boolean {
  meter.charge(1);
  return a === b || equals(a, b, meter);
}

export function complexOf(value: Py): PyComplex | undefined {
  if (value instanceof PyComplex) return value;
  const number = numeric(value);
  return number === undefined ? undefined : new PyComplex(Number(number), 0);
}

function within(a: PySet, b: PySet): boolean {
  for (const hash of a.entries.keys()) if (!b.entries.has(hash)) return false;
  return true;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

export type Order = "<" | "<=" | ">" | ">=";

/** @throws TypeError when the two have no order. */
export function ordered(op: Order, a: Py, b: Py, meter: Meter): boolean {
  const left = numeric(a);
  if (left !== undefined) {
    const right = numeric(b);
    if (right !== undefined) {
      // JavaScript orders a bigint and a number by their exact values, as Python does.
      return op === "<" ? left < right : op === "<=" ? left <= right : op === ">" ? left > right : left >= right;
    }
  }
  if (typeof a === "string" && typeof b === "string") return holds(op, compareCodePoints(a, b));
  if ((a instanceof PyList && b instanceof PyList) || (a instanceof PyTuple && b instanceof PyTuple)) {
    const shared = Math.min(a.items.length, b.items.length);
    for (let i = 0; i < shared; i++) {
      const x = a.items[i]!;
      const y = b.items[i]!;
      if (!same(x, y, meter)) return ordered(op, x, y, meter);
    }
    return holds(op, a.items.length - b.items.length);
  }
  if (a instanceof PySet && b instanceof PySet) {
    const strict = a.entries.size !== b.entries.size;
    if (op === "<") return strict && within(a, b);
    if (op === "<=") return within(a, b);
    return op === ">" ? strict && within(b, a) : within(b, a);
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) return holds(op, compareBytes(a, b));
  if (a instanceof PyTimedelta && b instanceof PyTimedelta) return holds(op, Number(a.micros - b.micros));
  if (a instanceof PyDatetime && b instanceof PyDatetime) {
    if ((a.offset === null) !== (b.offset === null)) {
      typeError("can't compare offset-naive and offset-aware datetimes");
    }
    return holds(op, Number(a.utc - b.utc));
  }
  return typeError(`'${op}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

function holds(op: Order, sign: number): boolean {
  return op === "<" ? sign < 0 : op === "<=" ? sign <= 0 : op === ">" ? sign > 0 : sign >= 0;
}

export function contains(container: Py, value: Py, meter: Meter): boolean {
  if (typeof container === "string") {
    if (typeof value !== "string") typeError(`'in <string>' requires string as left operand, not ${typeName(value)}`);
    meter.charge(container.length >> 4);
    return container.includes(value);
  }
  if (container instanceof PyList || container instanceof PyTuple) {
    for (const item of container.items) if (same(item, value, meter)) return true;
    return false;
  }
  if (container instanceof DictProxy) {
    if (typeof value === "string") return container.map.has(value);
    return unwrap(container).get(value) !== undefined;
  }
  if (container instanceof PyDict) return container.get(value) !== undefined;
  if (container instanceof PySet) return container.has(value);
  if (container instanceof RowObject) {
    const answer = container.contains(value);
    if (answer !== undefined) return answer;
  }
  if (container instanceof Uint8Array) {
    if (typeof value === "bigint") return container.includes(Number(value));
    if (value instanceof Uint8Array) return Buffer.from(container).includes(value);
    return typeError(`a bytes-like object is required, not '${typeName(value)}'`);
  }
  if (isIterable(container)) {
    const next = iterate(container);
    for (let item = next(); item !== done; item = next()) if (same(item, value, meter)) return true;
    return false;
  }
  return typeError(`argument of type '${typeName(container)}' is not iterable`);
}

function isIterable(value: Py): boolean {
  try {
    iterate(value);
    return true;
  } catch {
    return false;
  }
}

/** `is`: exact for None, booleans and objects; numbers and strings are identical when they are equal and of one type. */
export function identical(a: Py, b: Py): boolean {
  return a === b || (typeof a === "number" && typeof b === "number" && Object.is(a, b));
}
