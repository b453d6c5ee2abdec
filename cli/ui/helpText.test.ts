// Help fits the terminal, and what is laid out by hand is not torn apart.
import { expect, test } from "bun:test";
import { fillParagraphs, helpColumns } from "./helpText.ts";

test("paragraphs are filled to the width, whatever lines they were written in", () => {
  expect(fillParagraphs("one two\nthree four five\n\nsix", 12)).toBe("one two\nthree four\nfive\n\nsix");
  expect(fillParagraphs("one two\nthree four five\n\nsix", 100)).toBe("one two three four five\n\nsix");
});

test("a word that is longer than the line stands alone, and nothing is lost", () => {
  expect(fillParagraphs("see /a/very/long/path here", 8)).toBe("see\n/a/very/long/path\nhere");
});

test("headings, indented lines and blank lines stay", () => {
  const text =
    "Usage: x\n\nOptions:\n  --a   one\n        two\n\nExamples:\n  $ x --a and a good deal more than fits\n";
  expect(fillParagraphs(text, 20)).toBe(text);
});

test("help is as wide as the terminal, at most 100 columns, and 80 in a pipe", () => {
  expect([helpColumns(undefined), helpColumns(0), helpColumns(60), helpColumns(200)]).toEqual([80, 80, 60, 100]);
});
