// Tables: every line fits, the least important goes first, nothing is torn apart.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { createStyle } from "./style.ts";
import { type Column, tableLines } from "./table.ts";
import { textWidth } from "./text.ts";

const plain = createStyle(false);

const columns: Column[] = [
  { title: "hash", importance: 100 },
  { title: "name", importance: 90, min: 6 },
  { title: "status", importance: 50 },
  { title: "loss", importance: 70, align: "right" },
];
const rows = [
  ["3f9c1a20", "a very long name indeed", "active", "0.5"],
  ["b81e77aa", "実験 ①🚀", "", "12.25"],
];

test("a table that fits is padded into columns and has no trailing spaces", () => {
  expect(tableLines(columns, rows, 80, plain)).toEqual([
    "hash      name                     status   loss",
    "3f9c1a20  a very long name indeed  active    0.5",
    "b81e77aa  実験 ①🚀                         12.25",
  ]);
});

test("less room shrinks the columns that can, with an ellipsis, wide characters never halved", () => {
  expect(tableLines(columns, rows, 38, plain)).toEqual([
    "hash      name           status   loss",
    "3f9c1a20  a very long …  active    0.5",
    "b81e77aa  実験 ①🚀               12.25",
  ]);
});

test("still less room drops the least important column before it starves the others", () => {
  expect(tableLines(columns, rows, 26, plain)).toEqual([
    "hash      name        loss",
    "3f9c1a20  a very l…    0.5",
    "b81e77aa  実験 ①🚀   12.25",
  ]);
  expect(tableLines(columns, rows, 12, plain)).toEqual(["hash", "3f9c1a20", "b81e77aa"]);
  expect(tableLines(columns, rows, 5, plain)).toEqual(["hash", "3f9c…", "b81e…"]);
});

test("titles are bold and cells painted where there is colour, and the painted table is as wide as the plain one", () => {
  const painted = tableLines(columns, [[{ text: "abc", paint: createStyle(true).red }, "n"]], 40, createStyle(true));
  expect(painted[0]).toStartWith("\x1b[1mhash\x1b[22m  ");
  expect(painted[1]).toBe("\x1b[31mabc\x1b[39m   n");
});

test("no line is ever wider than the terminal, whatever the texts, and its width changes nothing else", () => {
  const texts = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.string({ unit: "grapheme", maxLength: 20 }),
    fc.constantFrom("", "e\u0301".repeat(9), "👩‍👩‍👧‍👦👩‍👩‍👧‍👦", "日本語".repeat(5), "🏳️‍🌈 flag", "ﷺ", "한국어"),
  );
  const column = fc.record(
    {
      title: texts,
      importance: fc.nat(100),
      min: fc.nat(12),
      align: fc.constantFrom("left" as const, "right" as const),
    },
    { requiredKeys: ["title", "importance"] },
  );
  fc.assert(
    fc.property(
      fc.array(column, { minLength: 1, maxLength: 7 }),
      fc.array(fc.array(texts, { minLength: 7, maxLength: 7 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 120 }),
      (anyColumns, anyRows, width) => {
        // Control characters are made visible before they come here (safeText).
        const clean = (text: string) => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "?");
        const safeColumns = anyColumns.map((one) => ({ ...one, title: clean(one.title) }));
        const lines = tableLines(
          safeColumns,
          anyRows.map((row) => row.map(clean)),
          width,
          plain,
        );
        for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(width);
        expect(lines).toHaveLength(anyRows.length + 1);
      },
    ),
    { numRuns: 500 },
  );
});
