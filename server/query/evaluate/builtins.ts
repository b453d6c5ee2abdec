// The functions and names of the query language besides what rows bind: storage.md 5.3.
import { bind, integerOf, noKeywords, sizeOf } from "./arguments.ts";
import { binary, round } from "./arithmetic.ts";
import { classesOf, isInstance, isSubclass, notAllowed } from "./classes.ts";
import { numeric, ordered, truth } from "./compare.ts";
import { invoke, sorted } from "./containers.ts";
import { PyTimedelta } from "./datetime.ts";
import { raise, typeError, valueError } from "./exceptions.ts";
import { divideWithRest, roundToPlaces } from "./floats.ts";
import { hashKey, identityOf, PyDict, PySet } from "./hashed.ts";
import { floorDivide, floorModulo, powerModulo } from "./integers.ts";
import { iterate, points, textLength, toArray } from "./iterate.ts";
import { mathModule } from "./mathModule.ts";
import { hashText, randomModule, stringModule } from "./otherModules.ts";
import { repr } from "./repr.ts";
import type { Runtime } from "./runtime.ts";
import { typeName } from "./types.ts";
import {
  done,
  type Keywords,
  type Py,
  PyComplex,
  PyFunction,
  PyIterator,
  PyList,
  PyRange,
  PyTuple,
  PyType,
  RowObject,
} from "./values.ts";

type Call = (given: readonly Py[], keywords: Keywords) => Py;

const maximalRange = 1000;

export function length(value: Py): number {
  if (typeof value === "string") return textLength(value);
  if (value instanceof PyList || value instanceof PyTuple) return value.items.length;
  if (value instanceof PyDict || value instanceof PySet) return value.entries.size;
  if (value instanceof PyRange || value instanceof Uint8Array) return value.length;
  const elements = value instanceof RowObject ? value.elements() : undefined;
  return elements?.length ?? typeError(`object of type '${typeName(value)}' has no len()`);
}

export function builtinsOf(runtime: Runtime): ReadonlyMap<string, Py> {
  const { meter } = runtime;
  const types = classesOf(runtime);
  const exactly = (name: string, count: number, body: (given: readonly Py[]) => Py): Call => {
    return (given, keywords) => {
      noKeywords(name, keywords);
      if (given.length !== count) typeError(`${name}() takes exactly ${count} argument(s) (${given.length} given)`);
      return body(given);
    };
  };
  const functions: Readonly<Record<string, Call>> = {
    abs: exactly("abs", 1, ([value = null]) => absolute(value)),
    all: exactly("all", 1, ([values = null]) => everyOf(values, true, runtime)),
    any: exactly("any", 1, ([values = null]) => everyOf(values, false, runtime)),
    callable: exactly("callable", 1, ([value = null]) => value instanceof PyFunction || value instanceof PyType),
    chr: exactly("chr", 1, ([value]) => {
      const code = integerOf(value);
      if (code > 0x7fffffffn || code < -0x80000000n) raise("OverflowError", "Python int too large to convert to C int");
      return code >= 0n && code <= 0x10ffffn
        ? String.fromCodePoint(Number(code))
        : valueError("chr() arg not in range(0x110000)");
    }),
    divmod: exactly("divmod", 2, ([a = null, b = null]) => quotientAndRest(a, b, runtime)),
    hash: exactly("hash", 1, ([value = null]) => hashOf(value)),
    hex: exactly("hex", 1, ([value]) => based(integerOf(value), 16, "0x")),
    id: exactly("id", 1, ([value = null]) =>
      typeof value === "object" && value !== null ? BigInt(identityOf(value)) : BigInt(hashText(repr(value, meter))),
    ),
    isinstance: exactly("isinstance", 2, ([value = null, type = null]) => isInstance(value, type, types)),
    issubclass: exactly("issubclass", 2, ([type = null, of = null]) => isSubclass(type, of)),
    len: exactly("len", 1, ([value = null]) => BigInt(length(value))),
    max: (given, keywords) => extreme("max", given, keywords, runtime),
    min: (given, keywords) => extreme("min", given, keywords, runtime),
    oct: exactly("oct", 1, ([value]) => based(integerOf(value), 8, "0o")),
    ord: exactly("ord", 1, ([value = null]) => {
      if (value instanceof Uint8Array && value.length === 1) return BigInt(value[0]!);
      if (typeof value !== "string")
        return typeError(`ord() expected string of length 1, but ${typeName(value)} found`);
      const characters = points(value);
      return characters.length === 1
        ? BigInt(characters[0]!.codePointAt(0)!)
        : typeError(`ord() expected a character, but string of length ${characters.length} found`);
    }),
    pow: (given, keywords) => {
      const [base = null, exponent = null, modulus] = bind("pow", ["base", "exp", "mod"], 2, given, keywords);
      if (modulus === undefined || modulus === null) return binary("**", base, exponent, meter);
      return powerModulo(integerOf(base), integerOf(exponent), integerOf(modulus), meter);
    },
    range: (given) => range(given),
    reorder: (given) => reorder(given, runtime),
    repr: exactly("repr", 1, ([value = null]) => repr(value, meter)),
    round: (given, keywords) => {
      const [value = null, places = null] = bind("round", ["number", "ndigits"], 1, given, keywords);
      return round(value, places, roundToPlaces);
    },
    same_type: ([first = null, ...others]) => others.every((other) => typeName(other) === typeName(first)),
    sorted: (given, keywords) => {
      if (given.length !== 1) typeError(`sorted expected 1 argument, got ${given.length}`);
      const [, key = null, reverse = false] = bind("sorted", ["", "key", "reverse"], 1, given, keywords, 1);
      return new PyList(sorted(toArray(given[0]!, meter), key, truth(reverse), meter));
    },
    sum: (given, keywords) => {
      const [values = null, start = 0n] = bind("sum", ["iterable", "start"], 1, given, keywords, 1);
      return sum(values, start, runtime);
    },
    test: (given) => {
      for (let i = 1; i < given.length; i += 2) if (truth(given[i - 1]!)) return given[i]!;
      return given.length % 2 === 1 ? given.at(-1)! : null;
    },
    zip: (given, keywords) => {
      const [strict = false] = bind("zip", ["strict"], 0, [], keywords);
      return zip(given, truth(strict));
    },
    setattr: () => notAllowed("setattr"),
    delattr: () => notAllowed("delattr"),
  };
  const names = new Map<string, Py>(types);
  for (const [name, call] of Object.entries(functions)) names.set(name, new PyFunction(name, call));
  names.set("math", mathModule(meter));
  names.set("string", stringModule);
  names.set("random", randomModule(runtime));
  return names;
}

function absolute(value: Py): Py {
  const number = numeric(value);
  if (typeof number === "bigint") return number < 0n ? -number : number;
  if (number !== undefined) return Math.abs(number);
  if (value instanceof PyTimedelta) return value.micros < 0n ? new PyTimedelta(-value.micros) : value;
  if (value instanceof PyComplex) return Math.hypot(value.re, value.im);
  return typeError(`bad operand type for abs(): '${typeName(value)}'`);
}

/** `all` (wanted true) and `any` (wanted false): stops at the first element that decides. */
function everyOf(values: Py, wanted: boolean, runtime: Runtime): boolean {
  const next = iterate(values);
  for (let value = next(); value !== done; value = next()) {
    runtime.meter.charge(1);
    if (truth(value) !== wanted) return !wanted;
  }
  return wanted;
}

function quotientAndRest(a: Py, b: Py, runtime: Runtime): Py {
  const x = numeric(a);
  const y = numeric(b);
  if (typeof x === "bigint" && typeof y === "bigint") return new PyTuple([floorDivide(x, y), floorModulo(x, y)]);
  if (x !== undefined && y !== undefined) return new PyTuple(divideWithRest(Number(x), Number(y)));
  return new PyTuple([binary("//", a, b, runtime.meter), binary("%", a, b, runtime.meter)]);
}

const modulus = (1n << 61n) - 1n;

/** Python's hash for numbers, and a stable one for other values. */
function hashOf(value: Py): bigint {
  const number = numeric(value);
  if (typeof number === "bigint" || (typeof number === "number" && Number.isInteger(number))) {
    const n = BigInt(number);
    const rest = (n < 0n ? -n : n) % modulus;
    const hash = n < 0n ? -rest : rest;
    return hash === -1n ? -2n : hash;
  }
  if (number === Infinity) return 314159n;
  if (number === -Infinity) return -314159n;
  return BigInt(hashText(hashKey(value)));
}

function based(value: bigint, radix: number, prefix: string): string {
  return `${value < 0n ? "-" : ""}${prefix}${(value < 0n ? -value : value).toString(radix)}`;
}

function extreme(name: "min" | "max", given: readonly Py[], keywords: Keywords, runtime: Runtime): Py {
  const { meter } = runtime;
  if (given.length === 0) typeError(`${name} expected at least 1 argument, got 0`);
  const [key = null, fallback] = bind(name, ["key", "default"], 0, [], keywords);
  if (given.length > 1 && fallback !== undefined) {
    typeError(`Cannot specify a default for ${name}() with multiple positional arguments`);
  }
  const items = given.length === 1 ? toArray(given[0]!, meter) : given;
  let best: Py | undefined;
  let bestKey: Py = null;
  for (const item of items) {
    const itemKey = key === null ? item : invoke(key, [item], undefined);
    if (best === undefined || ordered(name === "min" ? "<" : ">", itemKey, bestKey, meter)) {
      best = item;
      bestKey = itemKey;
    }
  }
  return best ?? fallback ?? valueError(`${name}() iterable argument is empty`);
}

function range(given: readonly Py[]): PyRange {
  if (given.length < 1 || given.length > 3) raise("AttributeError", "range() requires 1-3 int arguments");
  const [a, b, c] = given.map((value) => sizeOf(value));
  const [start, stop, step] = b === undefined ? [0, a!, 1] : [a!, b, c ?? 1];
  if (step === 0) valueError("zero step for range()");
  // Counted as the reference does, so that the same ranges are too large.
  if (Math.trunc((stop - start) / step) >= maximalRange) {
    valueError(`a range in a query has less than ${maximalRange} elements`);
  }
  return new PyRange(start, stop, step);
}

/** RestrictedPython's `reorder(s, with_=None, without=())`: the pairs of `s` in the order of `with_`. */
function reorder(given: readonly Py[], runtime: Runtime): Py {
  const [source = null, order = null, without = new PyTuple([])] = given;
  const keyOf = (item: Py): [Py, Py] => {
    if (item instanceof PyTuple && item.items.length === 2) return [item.items[0]!, item.items[1]!];
    return [item, item];
  };
  const items = toArray(source, runtime.meter);
  const left = new PyDict();
  for (const item of items) left.set(...keyOf(item));
  for (const item of toArray(without, runtime.meter)) left.entries.delete(hashKey(keyOf(item)[0]));
  const out: Py[] = [];
  for (const item of order === null ? items : toArray(order, runtime.meter)) {
    const [key] = keyOf(item);
    const value = left.get(key);
    if (value === undefined) continue;
    out.push(new PyTuple([key, value]));
    left.entries.delete(hashKey(key));
  }
  return new PyList(out);
}

/** Integers exactly, floats with Neumaier's compensation as CPython 3.12, anything else by `+`. */
function sum(values: Py, start: Py, runtime: Runtime): Py {
  if (typeof start === "string") typeError("sum() can't sum strings [use ''.join(seq) instead]");
  if (start instanceof Uint8Array) typeError("sum() can't sum bytes [use b''.join(seq) instead]");
  const next = iterate(values);
  let total: Py = start;
  let compensation = 0;
  for (let value = next(); value !== done; value = next()) {
    runtime.meter.charge(1);
    const isNumber = typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";
    if (typeof total === "number" && isNumber) {
      const x = Number(value);
      const result: number = total + x;
      if (typeof value === "number" && Number.isFinite(result)) {
        compensation += Math.abs(total) >= Math.abs(x) ? total - result + x : x - result + total;
      }
      total = result;
    } else {
      if (compensation !== 0 && typeof total === "number") total += compensation;
      compensation = 0;
      total = binary("+", total, value, runtime.meter);
    }
  }
  return typeof total === "number" ? total + compensation : total;
}

function zip(given: readonly Py[], strict: boolean): PyIterator {
  const steps = given.map((values) => iterate(values));
  return new PyIterator(() => {
    if (steps.length === 0) return done;
    const row: Py[] = [];
    for (const [index, next] of steps.entries()) {
      const value = next();
      if (value === done) {
        if (strict && (index > 0 || steps.slice(1).some((other) => other() !== done))) {
          valueError("zip() arguments have different lengths");
        }
        return done;
      }
      row.push(value);
    }
    return new PyTuple(row);
  });
}
