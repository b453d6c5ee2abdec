// JSON that any parser reads and that keeps what it stands for.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseJson } from "../formats/json.ts";
import { Extension, Timestamp, type Value } from "../formats/value.ts";
import { Stored, storedToJson, toJsonText } from "./json.ts";

test("stored numbers keep their kind, a command's own numbers print plainly", () => {
  expect(storedToJson([1n, 1, -0, 1e-5, 1e21, 2n ** 64n, 0.5])).toBe(
    "[1,1.0,-0.0,0.00001,1e+21,18446744073709551616,0.5]",
  );
  expect(toJsonText({ count: 3, seconds: 1.5, none: null, left_out: undefined, last: new Stored(3) })).toBe(
    '{"count":3,"seconds":1.5,"none":null,"last":3.0}',
  );
});

test("what JSON has no word for becomes an object with a dollar key", () => {
  expect(storedToJson([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])).toBe(
    '[{"$f":"nan"},{"$f":"inf"},{"$f":"-inf"}]',
  );
  expect(storedToJson(Uint8Array.of(1, 2, 255))).toBe('{"$bytes":3,"b64":"AQL/"}');
  expect(storedToJson(new Timestamp(5))).toBe('{"$time":5.0}');
  expect(storedToJson(new Extension(9, Uint8Array.of(0)))).toBe('{"$ext":9,"b64":"AA=="}');
});

test("what a terminal would obey is escaped, and reads back the same", () => {
  const text = "\u001b[2J \u009b31m \u202egnp.exe \ufeff 日本 \u05e9";
  const json = toJsonText({ name: text, stored: new Map([[text, text]]) });
  expect(json).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e\ufeff]/);
  expect(json).toContain("\\u009b31m \\u202egnp.exe \\ufeff 日本 \u05e9");
  expect(JSON.parse(json)).toEqual({ name: text, stored: { [text]: text } });
});

test("any stored value is valid JSON and, but for those objects, reads back as the same value", () => {
  const { value } = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constant(null),
      fc.boolean(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.string({ unit: "grapheme" }),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.array(fc.tuple(fc.string(), tie("value")), { maxLength: 4 }).map((entries) => new Map(entries)),
    ),
  }));
  fc.assert(
    fc.property(value, (stored) => {
      const text = storedToJson(stored);
      JSON.parse(text);
      expect(parseJson(text)).toEqual(stored);
      expect(text).not.toContain("\n");
    }),
  );
});
