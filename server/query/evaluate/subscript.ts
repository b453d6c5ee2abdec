// `container[index]` and slices.
import { integerOf } from "./arguments.ts";
import { PyException, raise, typeError, valueError } from "./exceptions.ts";
import { PyDict } from "./hashed.ts";
import { isPlain, points } from "./iterate.ts";
import type { Meter } from "./meter.ts";
import { repr } from "./repr.ts";
import { fromStored } from "./stored.ts";
import { typeName } from "./types.ts";
import { DictProxy, type Py, PyList, PyRange, PySlice, PyTuple, RowObject } from "./values.ts";

/** @throws KeyError, IndexError, TypeError as Python does. */
export function subscript(container: Py, index: Py, meter: Meter): Py {
  if (container instanceof DictProxy) {
    const value = typeof index === "string" ? container.map.get(index) : undefined;
    return value === undefined ? missingKey(index, meter) : fromStored(value);
  }
  if (container instanceof RowObject) {
    const value = container.item(index);
    if (value !== undefined) return value;
  }
  if (container instanceof PyDict) {
    const value = container.get(index);
    return value === undefined ? missingKey(index, meter) : value;
  }
  if (index instanceof PySlice) return slice(container, index, meter);
  if (container instanceof PyList || container instanceof PyTuple) {
    return at(container.items, index, container instanceof PyList ? "list" : "tuple");
  }
  if (typeof container === "string") {
    meter.charge(container.length >> 6);
    if (isPlain(container)) return at(container, index, "string");
    meter.charge(container.length >> 2);
    return at(points(container), index, "string");
  }
  if (container instanceof PyRange) {
    return container.at(position(index, container.length, "range object"));
  }
  if (container instanceof Uint8Array) return BigInt(container[position(index, container.length, "index")]!);
  return typeError(`'${typeName(container)}' object is not subscriptable`);
}

function missingKey(key: Py, meter: Meter): never {
  throw new PyException("KeyError", repr(key, meter));
}

function position(index: Py, length: number, what: string): number {
  if (typeof index !== "bigint" && typeof index !== "boolean") {
    return typeError(`${what} indices must be integers or slices, not ${typeName(index)}`);
  }
  const wanted = Number(index);
  const place = wanted < 0 ? wanted + length : wanted;
  return place >= 0 && place < length ? place : raise("IndexError", `${what} index out of range`);
}

function at(items: ArrayLike<Py>, index: Py, what: string): Py {
  return items[position(index, items.length, what)]!;
}

interface Places {
  readonly first: number;
  /** The place that is not taken any more. */
  readonly last: number;
  readonly count: number;
  readonly step: number;
}

/** The places that a slice takes from a sequence of `length`. */
function slicePlaces(slice: PySlice, length: number): Places {
  const bound = (value: Py, fallback: number, low: number, high: number): number => {
    if (value === null) return fallback;
    const wanted = Number(sliceInteger(value));
    return Math.min(Math.max(wanted < 0 ? wanted + length : wanted, low), high);
  };
  const step = slice.step === null ? 1 : Number(sliceInteger(slice.step));
  if (step === 0) valueError("slice step cannot be zero");
  const first = step > 0 ? bound(slice.start, 0, 0, length) : bound(slice.start, length - 1, -1, length - 1);
  const last = step > 0 ? bound(slice.stop, length, 0, length) : bound(slice.stop, -1, -1, length - 1);
  const count = step > 0 ? Math.ceil((last - first) / step) : Math.ceil((first - last) / -step);
  return { first, last, count: Math.max(0, count), step };
}

function sliceInteger(value: Py): bigint {
  if (typeof value !== "bigint" && typeof value !== "boolean") {
    typeError("slice indices must be integers or None or have an __index__ method");
  }
  return integerOf(value);
}

function slice(container: Py, wanted: PySlice, meter: Meter): Py {
  const take = <T>(items: ArrayLike<T>): T[] => {
    const { first, count, step } = slicePlaces(wanted, items.length);
    meter.items(count);
    const out: T[] = [];
    for (let i = 0; i < count; i++) out.push(items[first + i * step]!);
    return out;
  };
  if (typeof container === "string") {
    meter.charge(container.length >> 2);
    if (!isPlain(container)) return take(points(container)).join("");
    const { first, last, count, step } = slicePlaces(wanted, container.length);
    return step === 1
      ? container.slice(first, Math.max(first, last))
      : count === 0
        ? ""
        : take(points(container)).join("");
  }
  if (container instanceof PyList) return new PyList(take(container.items));
  if (container instanceof PyTuple) return new PyTuple(take(container.items));
  if (container instanceof Uint8Array) return Uint8Array.from(take(container));
  if (container instanceof PyRange) {
    const { first, last, step } = slicePlaces(wanted, container.length);
    const valueAt = (place: number): number => container.start + place * container.step;
    return new PyRange(valueAt(first), valueAt(last), step * container.step);
  }
  return typeError(`'${typeName(container)}' object is not subscriptable`);
}
