// The arithmetic of ranges, which must leave its arguments alone: a Buffer's slice() shares their bytes.
import { expect, test } from "bun:test";
import { prefixRange, restOf } from "./index.ts";

test("the range of a prefix, given as a Buffer, leaves the prefix as it was", () => {
  const prefix = Buffer.from("0100ff", "hex");
  const { begin, end } = prefixRange(prefix);
  expect([Buffer.from(begin).toString("hex"), Buffer.from(end).toString("hex")]).toEqual(["0100ff", "0101"]);
  expect(prefix.toString("hex")).toBe("0100ff");
});

test("the rest of a range keeps its bounds when the key, a Buffer, is changed afterwards", () => {
  const key = Buffer.from("05", "hex");
  const whole = { begin: Uint8Array.of(1), end: Uint8Array.of(9) };
  const [up, down] = [restOf(whole, key, false), restOf(whole, key, true)];
  key[0] = 0;
  expect(up).toEqual({ begin: Uint8Array.of(5, 0), end: Uint8Array.of(9) });
  expect(down).toEqual({ begin: Uint8Array.of(1), end: Uint8Array.of(5) });
});

test("a prefix without an end is refused", () => {
  expect(() => prefixRange(Uint8Array.of(0xff, 0xff))).toThrow("has no end");
});
