// Number kinds and shapes on the way from a program to the store and back.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { compact } from "../../formats/messages/index.ts";
import { numpyOf } from "../../formats/stream.ts";
import { mapOf } from "../../formats/value.ts";
import { float, toPlain, toPlainObject, toValue } from "./plainValues.ts";

test("whole numbers are integers and others floats, unless the program says otherwise", () => {
  expect(toValue(5)).toBe(5n);
  expect(toValue(0.5)).toBe(0.5);
  expect(toValue(-0)).toBe(-0);
  expect(toValue(1e300)).toBe(1e300);
  expect(toValue(2 ** 53)).toBe(2 ** 53);
  expect(toValue(2n ** 63n)).toBe(2n ** 63n);
  expect(toValue(Number.NaN)).toBeNaN();
  expect(compact(toValue({ a: 1, b: float(1), c: [1.5, 2n] }))).toBe('{"a":1,"b":1.0,"c":[1.5,2]}');
});

test("objects, maps, sets, typed arrays and dates become what they hold", () => {
  const value = toValue({
    map: new Map<string, unknown>([["k", 1]]),
    set: new Set(["a"]),
    floats: new Float32Array([1, 2.5]),
    ints: new Int32Array([1, -2]),
    big: new BigInt64Array([5n]),
    date: new Date(0),
    missing: undefined,
    nothing: null,
    own: { toJSON: () => ["x", 1] },
  });
  const expected = mapOf({
    map: mapOf({ k: 1n }),
    set: ["a"],
    floats: [1, 2.5],
    ints: [1n, -2n],
    big: [5n],
    date: "1970-01-01T00:00:00.000Z",
    nothing: null,
    own: ["x", 1n],
  });
  expect(value).toEqual(expected);
});

test("what can't be stored is refused with its place", () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  expect(() => toValue(circle, "hparams")).toThrow("refers to itself");
  expect(() => toValue({ f: [() => 1] }, "hparams")).toThrow("hparams.f[0] is a function");
  expect(() => toValue({ b: new Uint8Array(1) }, "hparams")).toThrow("hparams.b is binary");
  expect(() => toValue({ d: new Date(Number.NaN) }, "hparams")).toThrow("hparams.d is a date that does not exist");
});

test("JSON goes in and comes out as the same object, with any names", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), (object) => {
      const value = toValue(object);
      if (!(value instanceof Map)) throw new Error("an object is a map");
      expect(JSON.stringify(toPlainObject(value))).toBe(JSON.stringify(object).replace(/-0(?=[,\]}])/g, "0"));
    }),
  );
  const proto = toPlainObject(new Map([["__proto__", 1n]]));
  expect(Object.keys(proto)).toEqual(["__proto__"]);
  expect(Object.getPrototypeOf(proto)).toBe(Object.prototype);
});

test("integers that a number can't hold stay bigints, number arrays become typed ones", () => {
  expect(toPlain(2n ** 60n)).toBe(2n ** 60n);
  expect(toPlain(-(2n ** 53n) + 1n)).toBe(-(2 ** 53) + 1);
  const floats = toPlain(numpyOf([1, Number.NaN]));
  expect(floats).toBeInstanceOf(Float64Array);
  expect(Array.from(floats as Float64Array)).toEqual([1, Number.NaN]);
});
