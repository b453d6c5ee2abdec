import { expect, test } from "bun:test";
import fc from "fast-check";
import { SyntaxFault } from "../errors.ts";
import { fixture } from "../testing.ts";
import { maximalNesting } from "./nesting.ts";
import { parseExpression } from "./parser.ts";

function faultOf(text: string): SyntaxFault | undefined {
  try {
    parseExpression(text);
    return undefined;
  } catch (fault) {
    if (fault instanceof SyntaxFault) return fault;
    throw fault;
  }
}

function placeOf(text: string, at: number): { line: number; column: number } {
  const lineStart = text.lastIndexOf("\n", at - 1) + 1;
  return { line: text.slice(0, at).split("\n").length, column: [...text.slice(lineStart, at)].length + 1 };
}

test("accepts and refuses exactly what CPython's parser does", () => {
  const wrong: string[] = [];
  for (const [text, message] of fixture("syntax") as [string, string | null][]) {
    if ((faultOf(text) === undefined) !== (message === null)) wrong.push(text);
  }
  expect(wrong).toEqual([]);
});

test("reports CPython's message for nine errors of ten, and its position as often", () => {
  let all = 0;
  let messages = 0;
  let positions = 0;
  for (const [text, message, line, column] of fixture("syntax") as [string, string | null, bigint, bigint][]) {
    const fault = message === null ? undefined : faultOf(text);
    if (fault === undefined) continue;
    const place = placeOf(text, fault.start);
    all++;
    if (fault.message === message) messages++;
    if (place.line === Number(line) && place.column === Number(column)) positions++;
  }
  expect(messages / all).toBeGreaterThan(0.9);
  expect(positions / all).toBeGreaterThan(0.9);
});

test("says where the fault is and what it is, as Python does", () => {
  const cases: [string, string, number, number][] = [
    ["(run.name ==)", "invalid syntax", 12, 13],
    ["(run name)", "invalid syntax. Perhaps you forgot a comma?", 1, 9],
    ["(run.name = 'x')", "cannot assign to attribute here. Maybe you meant '==' instead of '='?", 1, 9],
    ["(x = 1)", "invalid syntax. Maybe you meant '==' or ':=' instead of '='?", 1, 6],
    ["(run.name == 'x' # note)", "'(' was never closed", 0, 1],
    ["())", "unmatched ')'", 2, 3],
    ["([)", "closing parenthesis ')' does not match opening parenthesis '['", 2, 3],
    ["('abc)", "unterminated string literal (detected at line 1)", 1, 2],
    [
      "(0777)",
      "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers",
      1,
      2,
    ],
    ["(f'{x')", "f-string: expecting '}'", 5, 6],
    ["(f'{x:>')", "f-string: expecting '}'", 7, 8],
  ];
  for (const [text, message, start, end] of cases) {
    const fault = faultOf(text);
    expect([text, fault?.message, fault?.start, fault?.end]).toEqual([text, message, start, end]);
  }
});

test("nesting without end is refused with a clear error, never an overflow", () => {
  const deep = 5000;
  const texts = [
    "(".repeat(deep) + ")".repeat(deep),
    `${"not ".repeat(deep)}x`,
    `${"-".repeat(deep)}x`,
    `${"lambda: ".repeat(deep)}x`,
    `x${".y".repeat(deep)}`,
    `x${"[0]".repeat(deep)}`,
    `1${"+1".repeat(deep)}`,
    `2${"**2".repeat(deep)}`,
    `${"x if x else ".repeat(deep)}x`,
    "f'{".repeat(400),
  ];
  for (const text of texts) expect(faultOf(text)?.message).toMatch(/too deeply nested|too many nested|never closed/);
  expect(faultOf(`x${".y".repeat(maximalNesting - 1)}`)).toBeUndefined();
});

test("any text either parses or gives a fault within the text", () => {
  const pieces = fc.constantFrom(
    ..."( ) [ ] { } , : . = := == not in is if else for lambda run x 1 1.5 'a' f'{x!r:>5}' \" ' \\ # \n é 🚀 _ ... ** //".split(
      " ",
    ),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string({ maxLength: 3 })), { maxLength: 20 }), (parts) => {
      const text = parts.join(" ");
      const fault = faultOf(text);
      if (fault === undefined) return;
      expect(fault.start).toBeGreaterThanOrEqual(0);
      expect(fault.start).toBeLessThanOrEqual(text.length);
      expect(fault.message).not.toBe("");
    }),
    { numRuns: 2000 },
  );
});
