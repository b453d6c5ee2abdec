// JSON of answers: always readable by a browser, and exact in number kinds.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatJson, parseJson } from "./json.ts";
import { formatAnswer } from "./jsonAnswer.ts";
import { Extension, mapOf, Timestamp, type Value } from "./value.ts";

test("numbers keep their kinds in Python's spelling", () => {
  const values: Value[] = [1n, 1, 0.1, 1e-5, 1e16, 1e22, -0, 2n ** 64n, 5e-324];
  expect(formatAnswer(values)).toBe("[1,1.0,0.1,1e-05,1e+16,1e+22,-0.0,18446744073709551616,5e-324]");
});

test("what JSON has no word for is null, text or hex", () => {
  expect(formatAnswer([Number.NaN, Infinity, -Infinity])).toBe("[null,null,null]");
  expect(formatAnswer(new TextEncoder().encode("hé"))).toBe('"hé"');
  expect(formatAnswer(new Uint8Array([0xff, 0]))).toBe('"ff00"');
  expect(formatAnswer(new Timestamp(1.5))).toBe('"1970-01-01T00:00:01.500Z"');
  expect(formatAnswer(new Timestamp(1e300))).toBe("1e+300");
  expect(formatAnswer(new Extension(7, new Uint8Array([1])))).toBe('{"$ext":7,"data":"01"}');
  expect(formatAnswer(mapOf({ "\ud800": "\udfff" }))).toBe('{"\\ud800":"\\udfff"}');
});

test("values read back as they were", () => {
  const { value } = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<Value>(null, true, false),
      fc.bigInt(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.string({ unit: "binary" }),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.array(fc.tuple(fc.string(), tie("value")), { maxLength: 4 }).map((entries): Value => new Map(entries)),
    ),
  }));
  fc.assert(
    fc.property(value, (each) => {
      const text = formatAnswer(each);
      expect(formatJson(parseJson(text))).toBe(formatJson(each));
      expect(() => JSON.parse(text)).not.toThrow();
    }),
  );
});
