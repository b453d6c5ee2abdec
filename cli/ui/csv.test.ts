// CSV as RFC 4180 has it, read back by an independent reader of its grammar.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { csvRecord } from "./csv.ts";

test("fields with commas, quotes and line ends are quoted, records end with CRLF", () => {
  expect(csvRecord(["a", "b,c", 'say "hi"', "two\nlines", ""])).toBe('a,"b,c","say ""hi""","two\nlines",\r\n');
});

/** Reads records by the RFC's grammar, character by character. */
function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let at = 0;
  while (at < text.length) {
    let field = "";
    if (text[at] === '"') {
      for (at++; !(text[at] === '"' && text[at + 1] !== '"'); at++) {
        if (text[at] === '"') at++;
        field += text[at];
      }
      at++;
    } else while (at < text.length && text[at] !== "," && text[at] !== "\r") field += text[at++];
    record.push(field);
    if (text[at] === ",") at++;
    else {
      expect(text.slice(at, at + 2)).toBe("\r\n");
      at += 2;
      records.push(record);
      record = [];
    }
    if (text[at - 1] === "," && at === text.length) record.push("");
  }
  return records;
}

test("any fields come back as they were", () => {
  const field = fc.oneof(fc.string(), fc.constantFrom("", '"', ",", "\r\n", "\n", "\r", '""'));
  fc.assert(
    fc.property(fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { maxLength: 4 }), (records) => {
      expect(parseCsv(records.map(csvRecord).join(""))).toEqual(records);
    }),
  );
});
