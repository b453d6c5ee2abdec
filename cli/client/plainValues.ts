// Between the values of JavaScript programs and those that are stored, where integers and floats are different things.
import { MatyanError } from "../../formats/error.ts";
import { floatsOf, type StreamNode } from "../../formats/stream.ts";
import { Extension, Timestamp, type Value, type ValueMap } from "../../formats/value.ts";

/** What reading gives: integers are numbers up to 2^53 and `bigint` beyond, number arrays of streams `Float64Array`. */
export type Plain =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Float64Array
  | Plain[]
  | { [name: string]: Plain };
export type PlainObject = { [name: string]: Plain };

/** A number that is stored as a float though it is whole. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** `float(1)` is stored as 1.0, plain `1` as the integer 1. */
export function float(value: number): Float {
  return new Float(value);
}

/** Nesting that no parameter has; what refers to itself does. */
const deepest = 100;

/**
 * A parameter or context as it is sent. `bigint` and numbers that are whole (within 2^53, and not -0) are integers, all other
 * numbers floats. Objects, Maps, arrays, Sets and typed arrays keep their order; a Date is ISO text; `toJSON` is asked
 * where there is one. Members that are undefined are left out.
 * @throws MatyanError `usage` naming the place of a value that cannot be stored.
 */
export function toValue(value: unknown, place = "the value", depth = 0): Value {
  if (depth > deepest) throw cannot(place, `is nested over ${deepest} deep, or refers to itself`);
  switch (typeof value) {
    case "boolean":
      return value;
    case "bigint":
      return value;
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
    case "string":
      return value.toWellFormed();
    case "undefined":
      return null;
    case "function":
    case "symbol":
      throw cannot(place, `is a ${typeof value}`);
  }
  if (value === null) return null;
  if (value instanceof Float) return value.value;
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw cannot(place, "is a date that does not exist");
    return value.toISOString();
  }
  if (Array.isArray(value)) return value.map((item, i) => toValue(item, `${place}[${i}]`, depth + 1));
  if (value instanceof Set) return [...value].map((item, i) => toValue(item, `${place}[${i}]`, depth + 1));
  if (value instanceof Float32Array || value instanceof Float64Array) return Array.from(value);
  if (value instanceof ArrayBuffer || value instanceof Uint8Array || value instanceof DataView)
    throw cannot(place, "is binary; log it as an artifact");
  if (ArrayBuffer.isView(value)) return integersOf(value as unknown as Iterable<number | bigint>);
  const toJson = (value as { toJSON?: unknown }).toJSON;
  if (typeof toJson === "function") return toValue(toJson.call(value) as unknown, place, depth + 1);
  const map: ValueMap = new Map();
  for (const [name, item] of value instanceof Map ? value : Object.entries(value as object))
    if (item !== undefined) map.set(String(name).toWellFormed(), toValue(item, `${place}.${name}`, depth + 1));
  return map;
}

function integersOf(items: Iterable<number | bigint>): Value[] {
  return [...items].map((item) => BigInt(item));
}

/** A map of values, such as a context. @throws MatyanError `usage` */
export function toMap(value: unknown, place: string): ValueMap {
  const map = toValue(value, place);
  if (map instanceof Map) return map;
  throw cannot(place, "is not an object");
}

function cannot(place: string, what: string): MatyanError {
  return new MatyanError("usage", `${place} ${what}: it can't be stored`, {
    hint: "Parameters are made of null, booleans, numbers, texts, lists and objects.",
  });
}

/** A stored value, or a node of a stream, as JavaScript programs want it. */
export function toPlain(node: StreamNode | undefined): Plain {
  if (node === undefined || node === null) return null;
  if (typeof node === "bigint")
    return BigInt(Number(node)) === node && Number.isSafeInteger(Number(node)) ? Number(node) : node;
  if (typeof node !== "object") return node;
  if (node instanceof Uint8Array || node instanceof Float64Array) return node;
  if (node instanceof Timestamp) return node.seconds;
  if (node instanceof Extension) return node.data;
  if (!(node instanceof Map)) return (node as readonly StreamNode[]).map(toPlain);
  const floats = floatsOf(node);
  if (floats !== undefined) return floats;
  return toPlainObject(node);
}

/** Any name is a member of its own, `__proto__` too. */
export function toPlainObject(map: ReadonlyMap<string | bigint, StreamNode>): PlainObject {
  const object: PlainObject = {};
  for (const [name, item] of map)
    Object.defineProperty(object, String(name), {
      value: toPlain(item),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return object;
}
