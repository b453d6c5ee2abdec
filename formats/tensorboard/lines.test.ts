import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LineBuffer } from "./lines.ts";

function written(write: (out: LineBuffer) => void): string {
  const out = new LineBuffer(new Uint8Array(64));
  out.reserve(64);
  write(out);
  return Buffer.from(out.bytes.subarray(0, out.length)).toString();
}

const float = (value: number) => written((out) => out.float(value));
const seconds = (value: number) => written((out) => out.seconds(value));
const parsed = (text: string) => (text === "-0.0" ? -0 : Number(text));

describe("floats", () => {
  test.each([
    [0, "0.0"],
    [-0, "-0.0"],
    [1, "1.0"],
    [-2.5, "-2.5"],
    [Math.fround(0.1), "0.10000000149011612"],
    [100, "100.0"],
    [1e21, "1e+21"],
    [1e20, "100000000000000000000.0"],
    [1e-7, "1e-7"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
    [123456792, "123456792.0"],
  ])("%p is %s", (value, text) => {
    expect(float(value)).toBe(text);
  });

  test("every float32 parses back to the identical double and looks like a float", () => {
    const check = (value: number) => {
      const text = float(value);
      expect(Object.is(parsed(text), value)).toBe(true);
      expect(text).toMatch(/^-?(\d+\.\d+(e[+-]\d+)?|\d+e[+-]\d+)$/);
    };
    fc.assert(fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), check), { numRuns: 20_000 });
    // Where groups of digits end and rounding carries: around powers of ten
    const near = new Float32Array(1);
    const bits = new Uint32Array(near.buffer);
    for (let exponent = -8; exponent <= 12; exponent++) {
      near[0] = 10 ** exponent;
      const centre = bits[0]!;
      for (let offset = -200; offset <= 200; offset++) {
        bits[0] = centre + offset;
        check(near[0]!);
      }
    }
  });

  test("every double does", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) =>
        Object.is(parsed(float(value)), value),
      ),
      { numRuns: 5_000 },
    );
  });
});

describe("times", () => {
  test.each([
    [1700000000, "1700000000.0"],
    [1700000000.25, "1700000000.25"],
    [1700000000.123456, "1700000000.123456"],
    [0, "0.0"],
    [-1.5, "-1.5"],
  ])("%p is %s", (value, text) => {
    expect(seconds(value)).toBe(text);
  });

  test("parse back to the identical double, also right before the next second", () => {
    const out = new LineBuffer();
    const check = (value: number) => {
      out.clear();
      out.reserve(64);
      out.seconds(value);
      expect(Number(Buffer.from(out.bytes.subarray(0, out.length)).toString())).toBe(value);
    };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), fc.integer({ min: 0, max: 2 ** 22 - 1 }), (whole, part) =>
        check(whole + part / 2 ** 22),
      ),
      { numRuns: 20_000 },
    );
    for (let part = 1; part < 50; part++) check(1700000001 - part / 2 ** 22);
  });
});

test("integers of any size that is safe", () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => written((out) => out.integer(value)) === String(value)),
    { numRuns: 5_000 },
  );
});

test("UTF-8 becomes the JSON string that a decoder and JSON.stringify make, whatever the bytes", () => {
  const source = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ unit: "binary", maxLength: 30 }).map((text) => new TextEncoder().encode(text)),
    fc
      .array(fc.constantFrom(0x22, 0x5c, 0x0a, 0xe0, 0xa0, 0xf0, 0x90, 0x80, 0xed, 0xbf, 0xc2, 0x41), { maxLength: 12 })
      .map((all) => Uint8Array.from(all)),
  );
  fc.assert(
    fc.property(source, (bytes) => {
      let replaced = false;
      const text = written((out) => {
        replaced = out.utf8(bytes, 0, bytes.length);
      });
      const wanted = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
      expect(JSON.parse(text)).toBe(wanted);
      const reencoded = new TextEncoder().encode(wanted);
      expect(replaced).toBe(!Buffer.from(bytes).equals(reencoded));
    }),
    { numRuns: 10_000 },
  );
});
