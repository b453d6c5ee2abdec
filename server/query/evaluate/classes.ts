// The classes a query can name, and `isinstance`.

import { strip } from "../whitespace.ts";
import { bind, integerOf, noKeywords, sizeOf, textOf } from "./arguments.ts";
import { complexOf, numeric, truth } from "./compare.ts";
import { setOf } from "./containers.ts";
import { datetimeTypes } from "./datetimeMembers.ts";
import { exceptionParents, PyException, raise, typeError, valueError } from "./exceptions.ts";
import { parseFloatText, parseInteger, truncate } from "./floats.ts";
import { toFloat } from "./integers.ts";
import { toArray } from "./iterate.ts";
import { decode } from "./numberMembers.ts";
import { str } from "./repr.ts";
import type { Runtime } from "./runtime.ts";
import { typeName } from "./types.ts";
import { type Keywords, type Py, PyComplex, PyList, PySlice, PyTuple, PyType } from "./values.ts";

/** The classes by the names that a query uses. */
export function classesOf(runtime: Runtime): Map<string, PyType> {
  const { meter } = runtime;
  const types = new Map<string, PyType>();
  const add = (name: string, make: (given: readonly Py[], keywords: Keywords) => Py, base?: PyType): PyType => {
    const type = new PyType(name, make, base);
    types.set(name, type);
    return type;
  };
  const noText = (what: string, value: Py): Py =>
    typeof value === "string" ? typeError(`cannot convert string to ${what}`) : value;

  const int = add("int", (given, keywords) => {
    const [value = 0n, base] = bind("int", ["x", "base"], 0, given, keywords, 1);
    if (base !== undefined || typeof value === "string") {
      const text = textOf("int() can't convert non-string with explicit base:", value);
      meter.charge(text.length);
      return parseInteger(strip(text), base === undefined ? 10 : sizeOf(base));
    }
    const number = numeric(value);
    if (number !== undefined) return typeof number === "bigint" ? number : truncate(number);
    return typeError(`int() argument must be a string, a bytes-like object or a real number, not '${typeName(value)}'`);
  });
  add(
    "bool",
    (given, keywords) => {
      noKeywords("bool", keywords);
      return truth(given[0] ?? false);
    },
    int,
  );
  add("float", (given, keywords) => {
    noKeywords("float", keywords);
    const value = given[0] ?? 0;
    if (typeof value === "string") return parseFloatText(strip(value));
    const number = numeric(value);
    if (number === undefined) {
      return typeError(`float() argument must be a string or a real number, not '${typeName(value)}'`);
    }
    return typeof number === "bigint" ? toFloat(number) : number;
  });
  add("complex", (given, keywords) => {
    const [re = 0, im = 0] = bind("complex", ["real", "imag"], 0, given, keywords);
    const x = complexOf(re);
    const y = complexOf(im);
    if (x === undefined || y === undefined) {
      return typeError(`complex() first argument must be a number, not '${typeName(re)}'`);
    }
    return new PyComplex(x.re - y.im, x.im + y.re);
  });
  add("str", (given, keywords) => {
    const [value = "", encoding] = bind("str", ["object", "encoding", "errors"], 0, given, keywords);
    if (encoding !== undefined && value instanceof Uint8Array) return decode(value, textOf("encoding", encoding));
    return str(value, meter);
  });
  add("bytes", ([value, encoding]) => {
    if (typeof value === "string") {
      if (encoding === undefined) return typeError("string argument without an encoding");
      return new TextEncoder().encode(value);
    }
    if (typeof value === "bigint") {
      if (value < 0n) return valueError("negative count");
      meter.text(Number(value));
      return new Uint8Array(Number(value));
    }
    if (value === undefined) return new Uint8Array();
    if (value instanceof Uint8Array) return value;
    return Uint8Array.from(toArray(value, meter), (item) => {
      const byte = integerOf(item);
      return byte >= 0n && byte < 256n ? Number(byte) : valueError("bytes must be in range(0, 256)");
    });
  });
  // As in the reference, `list` and `tuple` refuse strings.
  add("list", ([values = new PyTuple([])]) => new PyList(toArray(noText("list", values), meter)));
  add("tuple", ([values = new PyTuple([])]) =>
    values instanceof PyTuple ? values : new PyTuple(toArray(noText("tuple", values), meter)),
  );
  add("set", ([values = new PyTuple([])]) => setOf(values, false, meter));
  add("frozenset", ([values = new PyTuple([])]) => setOf(values, true, meter));
  add("slice", (given) => {
    const [a = null, b, c = null] = given;
    if (given.length < 1 || given.length > 3) typeError(`slice expected 1 to 3 arguments, got ${given.length}`);
    return b === undefined ? new PySlice(null, a, null) : new PySlice(a, b, c);
  });
  const { datetime, timedelta } = datetimeTypes(runtime);
  types.set("datetime", datetime);
  types.set("timedelta", timedelta);
  add("BaseException", (given) => exception("BaseException", given, runtime));
  // Parents come before children in the table.
  for (const [name, parent] of exceptionParents) {
    add(name, (given) => exception(name, given, runtime), types.get(parent));
  }
  return types;
}

function exception(name: string, given: readonly Py[], runtime: Runtime): PyException {
  const [first] = given;
  if (first === undefined) return new PyException(name, "");
  return new PyException(name, str(given.length === 1 ? first : new PyTuple(given), runtime.meter));
}

export function isInstance(value: Py, type: Py, types: ReadonlyMap<string, PyType>): boolean {
  if (type instanceof PyTuple) return type.items.some((one) => isInstance(value, one, types));
  if (!(type instanceof PyType)) {
    return typeError("isinstance() arg 2 must be a type, a tuple of types, or a union");
  }
  const name = typeName(value);
  const own = types.get(name.startsWith("datetime.") ? name.slice("datetime.".length) : name);
  return own !== undefined && isSubclass(own, type);
}

export function isSubclass(type: Py, of: Py): boolean {
  if (of instanceof PyTuple) return of.items.some((one) => isSubclass(type, one));
  if (!(type instanceof PyType)) return typeError("issubclass() arg 1 must be a class");
  if (!(of instanceof PyType)) return typeError("issubclass() arg 2 must be a class, a tuple of classes, or a union");
  for (let at: PyType | undefined = type; at !== undefined; at = at.base) if (at === of) return true;
  return false;
}

export function notAllowed(name: string): never {
  return raise("TypeError", `${name} is not allowed: a query cannot change anything`);
}
