import { describe, expect, test } from "bun:test";
import { mapOf, type Value } from "../value.ts";
import { nestKeys } from "./hparams.ts";
import { parseLiteral } from "./literal.ts";

// What CPython's ast.literal_eval (then json.loads) gives, with tuples as lists.
test.each<[string, Value | undefined]>([
  ["[1, 'M', None]", [1n, "M", null]],
  ["[true, null]", [true, null]],
  [" (0.9, 0.999) ", [0.9, 0.999]],
  ["()", []],
  ["(1,)", [1n]],
  ["[(1)]", [1n]],
  ['{"a": [1, true]}', mapOf({ a: [1n, true] })],
  [
    "{'a': 1, 2: None, None: 2, 1.5: True}",
    new Map<string, Value>([
      ["a", 1n],
      ["2", null],
      ["null", 2n],
      ["1.5", true],
    ]),
  ],
  ["[0x1F, 0o17, 0b101, -1_000, +5, 00]", [31n, 15n, 5n, -1000n, 5n, 0n]],
  ["[1e5, 1., .5, 1_0.5, -1e-3]", [1e5, 1, 0.5, 10.5, -1e-3]],
  ["[12345678901234567890]", [12345678901234567890n]],
  ["['a' \"b\" r'\\n' '\\n\\x41\\u00e9\\101\\'']", ["ab\\n\nAéA'"]],
  ["['''x\ny''', # a comment\n]", ["x\ny"]],
  ["[NaN, Infinity]", [Number.NaN, Number.POSITIVE_INFINITY]],
  ["{}", new Map()],
  ["{1, 2}", undefined],
  ["{(1, 2): 3}", undefined],
  ["[broken", undefined],
  ["[1 2]", undefined],
  ["[1.5.2]", undefined],
  ["[01]", undefined],
  ["(1)", undefined],
  ["[1j]", undefined],
  ["[b'x']", undefined],
  ["[f(1)]", undefined],
  ["relu", undefined],
  ["1", undefined],
  [`${"[".repeat(100_000)}`, undefined],
])("%p", (text, value) => {
  expect(parseLiteral(text)).toEqual(value as never);
});

describe("nested keys", () => {
  test("a key that is a leaf and a parent keeps its leaf under the empty key, in either order", () => {
    const wanted = mapOf({ a: mapOf({ "": 1, b: 2 }) });
    expect(nestKeys(mapOf({ a: 1, "a/b": 2 }))).toEqual(wanted);
    expect(nestKeys(mapOf({ "a/b": 2, a: 1 })).get("a")).toEqual(mapOf({ b: 2, "": 1 }));
  });
  test("a value that is a map itself is no branch", () => {
    expect(nestKeys(mapOf({ a: mapOf({ x: 1 }), "a/b": 2 }))).toEqual(
      mapOf({ a: mapOf({ "": mapOf({ x: 1 }), b: 2 }) }),
    );
  });
  test("any number of slashes is bearable", () => {
    expect(nestKeys(mapOf({ ["/".repeat(100_000)]: 1 })).size).toBe(1);
  });
});
