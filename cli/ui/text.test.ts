// Widths, cuts and escapes of text on a terminal.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { cutMiddle, cutText, padText, safeText, textWidth } from "./text.ts";

test("a cut text ends with an ellipsis and never takes more cells than given", () => {
  expect(cutText("experiment", 6)).toBe("exper…");
  expect(cutText("experiment", 10)).toBe("experiment");
  expect(cutText("実験実験", 5)).toBe("実験…");
  expect(cutText("実験実験", 4)).toBe("実…");
  expect(cutText("abc", 1)).toBe("…");
  expect(cutText("abc", 0)).toBe("");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(20), (text, width) => {
      expect(textWidth(cutText(text, width))).toBeLessThanOrEqual(width);
    }),
  );
});

test("a text that is cut in the middle keeps its beginning and its end", () => {
  expect(cutMiddle("experiment_b/tf2/validation", 16)).toBe("experime…idation");
  expect(cutMiddle("experiment", 10)).toBe("experiment");
  expect(cutMiddle("実験実験実験", 7)).toBe("実験…験");
  expect(cutMiddle("abc", 2)).toBe("a…");
  expect(cutMiddle("abc", 0)).toBe("");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(20), (text, width) => {
      expect(textWidth(cutMiddle(text, width))).toBeLessThanOrEqual(width);
    }),
  );
});

test("a cut never divides what is seen as one character", () => {
  expect(cutText("👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 5)).toBe("👩‍👩‍👧‍👦👩‍👩‍👧‍👦…");
  expect(cutText("e\u0301e\u0301e\u0301", 2)).toBe("e\u0301…");
});

test("padding counts cells, not characters", () => {
  expect(padText("日本", 6)).toBe("日本  ");
  expect(padText("日本", 6, "right")).toBe("  日本");
});

test("stored text cannot move the cursor, colour the screen or reorder a line", () => {
  expect(safeText("a\nb\tc\x1b[31md\u202etxt\u0007")).toBe("a\\nb\\tc\\x1b[31md\\u202etxt\\x07");
  expect(safeText("ключ 🚀 e\u0301")).toBe("ключ 🚀 e\u0301");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(safeText(text)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});
