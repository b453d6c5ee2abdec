import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { canonicalContext, compareCodePoints, contextId } from "./context.ts";
import { MatyanError } from "./error.ts";
import { parseJson } from "./json.ts";
import { isMap, mapOf, Timestamp, type ValueMap } from "./value.ts";

function contextOf(text: string): ValueMap {
  const value = parseJson(text);
  if (!isMap(value)) throw new Error("a context is a map");
  return value;
}

describe("vectors", () => {
  // storage.md section 2.4 and backup-convert.md section 1.9, computed by the reference's own code.
  const vectors: [string, string, number][] = [
    ['{"subset":"train"}', '{"subset":"train"}', 2326457826],
    ['{"subset":"val","fold":1}', '{"fold":1,"subset":"val"}', 2181695020],
    [
      '{"lr":1e-05,"étape":"début 🚀","n":{"b":null,"a":[true,2,1e16]}}',
      '{"lr":1e-05,"n":{"a":[true,2,1e+16],"b":null},"\\u00e9tape":"d\\u00e9but \\ud83d\\ude80"}',
      2503720919,
    ],
    ['{"subset":"val","fold":1.0}', '{"fold":1.0,"subset":"val"}', 3554713153],
    ['{"～":1,"🚀":2}', '{"\\uff5e":1,"\\ud83d\\ude80":2}', 3676472560],
    ['{"subset": "val"}', '{"subset":"val"}', 878080806],
    ['{"x": 1}', '{"x":1}', 1346486047],
    ['{"x": 1.0}', '{"x":1.0}', 3207787874],
    ['{"lr": 0.00001}', '{"lr":1e-05}', 3211224718],
    ['{"big": 1e22}', '{"big":1e+22}', 160299895],
    ['{"k": "日本"}', '{"k":"\\u65e5\\u672c"}', 1879909494],
    ['{"b": 1, "a": {"z": null, "y": true}}', '{"a":{"y":true,"z":null},"b":1}', 3474985066],
    ['{"list": [1, 2.5, "x"]}', '{"list":[1,2.5,"x"]}', 567226098],
    ['{"a": 1.0, "b": [true, null], "c": "ü"}', '{"a":1.0,"b":[true,null],"c":"\\u00fc"}', 4113929281],
  ];
  test.each(vectors)("%s has its canonical text and id", (text, canonical, id) => {
    expect(canonicalContext(contextOf(text))).toBe(canonical);
    expect(contextId(contextOf(text))).toBe(id);
  });

  test("no context and an empty one have id 0", () => {
    expect(contextId(null)).toBe(0);
    expect(contextId(new Map())).toBe(0);
  });

  test("characters outside of 20..7e are escaped, the slash is not", () => {
    const context = mapOf({ "a/b": '\u007f\n\r\t\b\f"\\\u0001', n: [Number.NaN, Number.NEGATIVE_INFINITY, -0] });
    expect(canonicalContext(context)).toBe('{"a/b":"\\u007f\\n\\r\\t\\b\\f\\"\\\\\\u0001","n":[NaN,-Infinity,-0.0]}');
  });
});

test("neither the order of keys nor that of nested keys changes the id", () => {
  const context = fc.dictionary(
    fc.string({ unit: "binary" }),
    fc.dictionary(fc.string({ unit: "binary" }), fc.boolean()),
  );
  fc.assert(
    fc.property(context, (fields) => {
      const forward = new Map(Object.entries(fields).map(([key, inner]) => [key, mapOf(inner)]));
      const backward = new Map(
        Object.entries(fields)
          .reverse()
          .map(([key, inner]) => [key, new Map(Object.entries(inner).reverse())]),
      );
      expect(canonicalContext(forward)).toBe(canonicalContext(backward));
      expect(contextId(forward)).toBe(contextId(backward));
    }),
  );
});

test("text orders by code points, lone halves of pairs included", () => {
  const points = (text: string) => Array.from(text, (character) => character.codePointAt(0) ?? 0);
  const unit = fc.constantFrom("a", "\ud7ff", "\ud83d", "\ud83c", "\ude80", "\udc00", "\ue000", "\uffff", "🚀");
  const text = fc.string({ unit, maxLength: 4 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      const [x, y] = [points(a), points(b)];
      const at = x.findIndex((point, i) => point !== y[i]);
      const expected = at === -1 ? x.length - y.length : (x[at] ?? -1) - (y[at] ?? -1);
      expect(Math.sign(compareCodePoints(a, b))).toBe(Math.sign(expected));
    }),
    { numRuns: 5000 },
  );
});

test("bytes and moments have no place in a context", () => {
  for (const value of [new Uint8Array(1), new Timestamp(0)]) {
    let thrown: unknown;
    try {
      contextId(mapOf({ k: [value] }));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(MatyanError);
    expect(thrown instanceof MatyanError && thrown.code).toBe("usage");
  }
});
