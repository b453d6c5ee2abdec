import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MatyanError } from "./error.ts";
import { formatJson, JsonError, jsonFloat, parseJson, pythonFloat } from "./json.ts";
import { refusal } from "./testing.ts";
import { Extension, mapOf, Timestamp, type Value } from "./value.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function jsonRefusal(run: () => unknown): JsonError {
  const error = refusal(run);
  if (error instanceof JsonError) return error;
  throw error;
}

describe("parseJson", () => {
  const documents: [string, Value][] = [
    ["1", 1n],
    ["1.0", 1],
    ["-0", 0n],
    ["-0.0", -0],
    ["0", 0n],
    ["1e2", 100],
    ["1E+2", 100],
    ["25e-1", 2.5],
    ["0.1", 0.1],
    ["123456789012345", 123456789012345n],
    ["-1234567890123456", -1234567890123456n],
    ["9007199254740993", 9007199254740993n],
    ["9007199254740993.0", 9007199254740992],
    ["1099511627776", 2n ** 40n],
    ["123456789012345678901234567890", 123456789012345678901234567890n],
    ["1e400", Number.POSITIVE_INFINITY],
    ["-1e400", Number.NEGATIVE_INFINITY],
    ["1e-400", 0],
    ["NaN", Number.NaN],
    ["Infinity", Number.POSITIVE_INFINITY],
    ["-Infinity", Number.NEGATIVE_INFINITY],
    ["true", true],
    ["false", false],
    ["null", null],
    [" \t\r\n[ ] \n", []],
    ["{ }", new Map()],
    ['[1,1.0 , "a",[{}]]', [1n, 1, "a", [new Map()]]],
    ['{"a": 1, "b": {"": []}, "a": 2.0}', mapOf({ a: 2, b: mapOf({ "": [] }) })],
    [
      '{"__proto__": 1, "2": 0, "1": 0}',
      new Map<string, Value>([
        ["__proto__", 1n],
        ["2", 0n],
        ["1", 0n],
      ]),
    ],
    ['"\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u00e9 \\uD83D\\ude80"', '" \\ / \b\f\n\r\t é 🚀'],
    ['"é🚀\u007f\u2028"', "é🚀\u007f\u2028"],
    ['"\\ud83d"', "\ud83d"],
    ['"\\udc00x\\ud83d"', "\udc00x\ud83d"],
    ['"a longer text, with é and an \\u0000 escape in it"', "a longer text, with é and an \0 escape in it"],
  ];
  test.each(documents)("%s has the value that Python gives it", (text, value) => {
    expect(parseJson(text)).toEqual(value);
    expect(parseJson(utf8(text))).toEqual(value);
    expect(parseJson(Buffer.concat([utf8("\ufeff"), utf8(text)]))).toEqual(value);
    expect(parseJson(`\ufeff${text}`)).toEqual(value);
    expect(parseJson(`[${text}, ${text}]`)).toEqual([value, value]);
  });

  test("repeated short texts and keys are the same each time, whatever is between", () => {
    const names = Array.from({ length: 5000 }, (_, i) => `name-${i}`);
    const value = names.map((name) => mapOf({ [name]: name }));
    const text = formatJson(value);
    for (let i = 0; i < 3; i++) expect(parseJson(text)).toEqual(value);
    for (const name of ["ab", "ba", "aab", "aba", "é", "Ã©", "", "\u007f"]) expect(parseJson(`"${name}"`)).toBe(name);
  });

  const bad: [string, string, number, number, number][] = [
    ["nothing", "", 1, 1, 0],
    ["only space", " \n ", 2, 2, 3],
    ["a cut list", "[1,\n 2", 2, 3, 6],
    ["a trailing comma", "[1,]", 1, 4, 3],
    ["a missing comma", "[1 2]", 1, 4, 3],
    ["a key without quotes", '{"a": 1,\n b: 2}', 2, 2, 10],
    ["a missing colon", '{"a" 1}', 1, 6, 5],
    ["a trailing comma in a map", '{"a":1,}', 1, 8, 7],
    ["a cut map", '{"a":1', 1, 7, 6],
    ["a string without an end", '["é", "abc', 1, 7, 7],
    ["a string cut in an escape", '"abc\\', 1, 1, 0],
    ["a line break in a string", '"a\nb"', 1, 3, 2],
    ["a control character after an escape", '"\\n\u0001"', 1, 4, 3],
    ["an unknown escape", '"é\\x41"', 1, 3, 3],
    ["a short \\u escape", '"\\u12g4"', 1, 6, 5],
    ["a needless zero", "[01]", 1, 2, 1],
    ["a needless zero after a sign", "-00.5", 1, 2, 1],
    ["a sign alone", "-", 1, 2, 1],
    ["a plus sign", "+1", 1, 1, 0],
    ["a point without digits", "1.", 1, 3, 2],
    ["a point without digits before e", "1.e5", 1, 3, 2],
    ["a leading point", ".5", 1, 1, 0],
    ["an exponent without digits", "1e+", 1, 4, 3],
    ["a hexadecimal number", "0x10", 1, 2, 1],
    ["a cut word", "tru", 1, 1, 0],
    ["a word too many", "null null", 1, 6, 5],
    ["a sign before NaN", "-NaN", 1, 2, 1],
    ["a cut infinity", "-Infinit", 1, 2, 1],
    ["a comment", "// no\n1", 1, 1, 0],
    ["single quotes", "'a'", 1, 1, 0],
    ["characters outside of text", "🚀", 1, 1, 0],
    ["something after the end", '"日本🚀" x', 1, 7, 13],
  ];
  test.each(bad)("%s is refused at its place", (_, text, line, column, offset) => {
    for (const source of [text, utf8(text)]) {
      const error = jsonRefusal(() => parseJson(source));
      expect({ code: error.code, line: error.line, column: error.column, offset: error.offset }).toEqual({
        code: "corrupt",
        line,
        column,
        offset,
      });
    }
  });

  test("the message has the place and what is there", () => {
    expect(jsonRefusal(() => parseJson('{"step": 1,\n "value": 01,\n "x": 2}')).message).toBe(
      'not JSON: a number starts with a needless zero at line 2, column 11 (byte 22), near " \\"value\\": 01,"',
    );
  });

  test("an error far into a long line shows only what is near", () => {
    const error = jsonRefusal(() => parseJson(`\ufeff[${"1, ".repeat(1_000_000)}é, 日本]`));
    expect([error.line, error.column, error.offset]).toEqual([1, 3_000_002, 3_000_004]);
    expect(error.message.endsWith(', near ", 1, 1, 1, 1, 1, 1, é, 日本]"')).toBe(true);
  });

  test("bytes that are not UTF-8 are refused at the first bad one", () => {
    const at = (bytes: number[]) => {
      const error = jsonRefusal(() => parseJson(new Uint8Array(bytes)));
      return [error.line, error.column, error.offset];
    };
    expect(at([0x0a, 0x22, 0xc3, 0xa9, 0xff, 0x22])).toEqual([2, 3, 4]);
    expect(at([0x22, 0xef, 0xbf, 0xbd, 0xed, 0xa0, 0x80, 0x22])).toEqual([1, 3, 4]);
    expect(at([0x22, 0x5c, 0x6e, 0xc0, 0x80, 0x22])).toEqual([1, 4, 3]);
    expect(at([0x22, 0xe2, 0x82, 0x22])).toEqual([1, 2, 1]);
  });

  test("a raw half of a surrogate pair in a string source is refused at its place", () => {
    const error = jsonRefusal(() => parseJson('["é🚀",\n"a\ud83d"]'));
    expect([error.line, error.column, error.offset]).toEqual([2, 3, 13]);
  });

  test("nesting and integers are bounded, so that no text can exhaust stack or time", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(formatJson(parseJson(nested(512)))).toBe(nested(512));
    expect(jsonRefusal(() => parseJson(nested(513))).column).toBe(513);
    expect(jsonRefusal(() => parseJson("[".repeat(1_000_000))).message).toContain("nesting");
    expect(jsonRefusal(() => parseJson('{"a":'.repeat(1_000_000))).message).toContain("nesting");
    expect(parseJson("9".repeat(4300))).toBe(10n ** 4300n - 1n);
    expect(jsonRefusal(() => parseJson("9".repeat(4301))).message).toContain("4300 digits");
    expect(parseJson(`0.${"3".repeat(100_000)}`)).toBe(1 / 3);
  });

  test("decimal text becomes the nearest double, as the built-in parser finds it", () => {
    const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: 19 });
    fc.assert(
      fc.property(fc.boolean(), digits, digits, fc.option(fc.integer({ min: -330, max: 310 })), (minus, a, b, e) => {
        const text = `${minus ? "-" : ""}${a.replace(/^0+(?=.)/, "")}.${b}${e === null ? "" : `e${e}`}`;
        expect(parseJson(text)).toBe(JSON.parse(text));
      }),
      { numRuns: 5000 },
    );
  });

  test("any JSON that the built-in parser takes has the same value here", () => {
    const plain = (value: Value): unknown => {
      if (typeof value === "bigint") return Number(value);
      if (Array.isArray(value)) return value.map(plain);
      if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
      return value;
    };
    // -0 is an integer here, and integers have no negative zero.
    const zero = (key: string, value: unknown) => (Object.is(value, -0) && key !== "" ? 0 : value);
    fc.assert(
      fc.property(fc.json({ stringUnit: "binary" }), fc.constantFrom(undefined, 1, "\t"), (text, indent) => {
        const source = JSON.stringify(JSON.parse(text, zero), null, indent);
        expect(plain(parseJson(source))).toEqual(JSON.parse(source));
        expect(plain(parseJson(utf8(source)))).toEqual(JSON.parse(source));
      }),
      { numRuns: 1000 },
    );
  });

  test("damaged text gives a JsonError or a value, and takes what the built-in parser takes", () => {
    const base = fc.oneof(
      fc.json(),
      fc.constantFrom(
        '{"ctx_id": 2326457826, "name": "loss", "step": 17, "value": 0.125, "epoch": 1, "time": 1700000000.25}',
        '["\\u00e9\\n", -1.5e-3, {"a": {}}, [], true, null]',
      ),
    );
    const damaged = fc
      .tuple(base, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }), fc.nat(3))
      .map(([text, changes, cut]) => {
        const bytes = utf8(text);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes.slice(0, Math.max(0, bytes.length - cut));
      });
    const native = (bytes: Uint8Array): boolean => {
      try {
        JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 30 })), (bytes) => {
        let accepted = true;
        try {
          parseJson(bytes);
        } catch (error) {
          if (!(error instanceof JsonError)) throw error;
          expect(error.offset).toBeLessThanOrEqual(bytes.length);
          accepted = false;
        }
        const text = new TextDecoder().decode(bytes);
        if (!/NaN|Infinity/.test(text)) expect(accepted).toBe(native(bytes));
      }),
      { numRuns: 10_000 },
    );
  });
});

describe("formatJson", () => {
  const sample = mapOf({
    i: 1n,
    f: 1,
    big: 2n ** 70n,
    s: 'é🚀 "q" \\ / \n\u0001\u007f',
    l: [true, null, [], new Map()],
    n: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0],
  });

  // Each text printed by CPython's json.dumps for the same data.
  test("one line, characters raw", () => {
    expect(formatJson(sample)).toBe(
      '{"i": 1, "f": 1.0, "big": 1180591620717411303424, "s": "é🚀 \\"q\\" \\\\ / \\n\\u0001\u007f", "l": [true, null, [], {}], "n": [NaN, Infinity, -Infinity, -0.0]}',
    );
  });

  test("pure ASCII", () => {
    expect(formatJson(sample.get("s") ?? null, { ascii: true })).toBe(
      '"\\u00e9\\ud83d\\ude80 \\"q\\" \\\\ / \\n\\u0001\\u007f"',
    );
  });

  test("indented by 2, with nothing inside of empty lists and maps", () => {
    expect(formatJson(mapOf({ a: [1n, []], b: new Map(), c: mapOf({ d: null }) }), { indent: 2 })).toBe(
      '{\n  "a": [\n    1,\n    []\n  ],\n  "b": {},\n  "c": {\n    "d": null\n  }\n}',
    );
    expect(formatJson([], { indent: 2 })).toBe("[]");
    expect(formatJson([1n], { indent: 0 })).toBe("[\n1\n]");
  });

  test("halves of surrogate pairs are escaped in both forms, so that the text is always UTF-8", () => {
    expect(formatJson("a\ud83db\udc00")).toBe('"a\\ud83db\\udc00"');
    expect(formatJson("a\ud83dé", { ascii: true })).toBe('"a\\ud83d\\u00e9"');
  });

  test("bytes, moments and extensions have a text form", () => {
    expect(formatJson(new Uint8Array([0, 255]))).toBe('"00ff"');
    expect(formatJson(new Timestamp(1704164645))).toBe('"2024-01-02T03:04:05+00:00"');
    expect(formatJson(new Timestamp(1704164645.25))).toBe('"2024-01-02T03:04:05.250000+00:00"');
    expect(formatJson(new Timestamp(1704164645.9999998))).toBe('"2024-01-02T03:04:06+00:00"');
    expect(formatJson(new Timestamp(-0.5))).toBe('"1969-12-31T23:59:59.500000+00:00"');
    expect(formatJson(new Timestamp(1e300))).toBe('"1e+300"');
    expect(formatJson(new Extension(-1, new Uint8Array([1])))).toBe('{"$ext": -1, "data": "01"}');
  });

  const scalar: fc.Arbitrary<Value> = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.bigInt(),
    fc.double(),
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom('"', "\\", "\n", "\ud83d", "\udc00", "é", "x", "\u007f") }),
  );
  const { value: anyValue } = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      scalar,
      fc.array(tie("value"), { maxLength: 5 }),
      fc.array(fc.tuple(fc.string({ unit: "binary" }), tie("value")), { maxLength: 5 }).map((f) => new Map(f)),
    ),
  }));

  test("what was formatted parses to the same value, in every form", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        for (const format of [{}, { ascii: true }, { indent: 2 }, { ascii: true, indent: 1 }]) {
          const text = formatJson(value, format);
          expect(parseJson(text)).toEqual(value);
          expect(parseJson(utf8(text))).toEqual(value);
          if ("ascii" in format) expect(text).toMatch(/^[\n -~]*$/);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("pythonFloat", () => {
  const floats: [number, string][] = [
    [0, "0.0"],
    [-0, "-0.0"],
    [1, "1.0"],
    [-1.5, "-1.5"],
    [0.1, "0.1"],
    [0.0001, "0.0001"],
    [0.00012, "0.00012"],
    [0.00009999, "9.999e-05"],
    [0.00001, "1e-05"],
    [-1.25e-7, "-1.25e-07"],
    [123456789.123, "123456789.123"],
    [1000000000000000, "1000000000000000.0"],
    [9999999999999998, "9999999999999998.0"],
    [1e16, "1e+16"],
    [-1.2345678901234567e19, "-1.2345678901234567e+19"],
    [1e21, "1e+21"],
    [1e22, "1e+22"],
    [1e100, "1e+100"],
    [5e-324, "5e-324"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    [Number.NaN, "nan"],
    [Number.POSITIVE_INFINITY, "inf"],
    [Number.NEGATIVE_INFINITY, "-inf"],
  ];
  test.each(floats)("%p prints as Python's repr", (value, text) => {
    expect(pythonFloat(value)).toBe(text);
    if (Number.isFinite(value)) expect(jsonFloat(value)).toBe(text);
  });

  test("every float reads back as the same float, not as an integer", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(parseJson(jsonFloat(value))).toBe(value);
        if (Number.isFinite(value)) expect(jsonFloat(value)).toMatch(/[.e]/);
      }),
      { numRuns: 5000 },
    );
  });
});

test("a JsonError is a MatyanError, so that a person sees its message and not a stack", () => {
  expect(jsonRefusal(() => parseJson("?"))).toBeInstanceOf(MatyanError);
});
