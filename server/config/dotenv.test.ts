// The `.env` file by python-dotenv's rules: the cases are from its documentation.
import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDotenv, readDotenv } from "./dotenv.ts";

test("plain, quoted and exported values, comments, blanks and lines that are none", () => {
  const text = `
# a comment
A=1
 export B = two words   # not this
C='single # quoted \\n as it is'
D="double\\nlines \\"quoted\\""
E=
F=a#b
nothing
=x
G="multi
line"
H='it\\'s'
`;
  expect(parseDotenv(text)).toEqual({
    A: "1",
    B: "two words",
    C: "single # quoted \\n as it is",
    D: 'double\nlines "quoted"',
    E: "",
    F: "a#b",
    G: "multi\nline",
    H: "it's",
  });
  expect(parseDotenv("A=1\r\nB=2\r\n")).toEqual({ A: "1", B: "2" });
});

test("names in braces stand for earlier lines, then for the environment, then for what follows :-", () => {
  const of = (inside: string) => `$\{${inside}}`.replace("\\", "");
  const text = `A=a\nB=${of("A")}-${of("HOST")}\nC=${of("NONE:-otherwise")}\nD=${of("NONE")}\nE=$A\nF=#none`;
  const expected = { A: "a", B: "a-h", C: "otherwise", D: "", E: "$A", F: "#none" };
  expect(parseDotenv(text, { HOST: "h", A: "environment" })).toEqual(expected);
});

test("no file is no settings, a folder neither; a file that can't be read is an error", () => {
  const folder = mkdtempSync(join(tmpdir(), "matyan-dotenv-"));
  try {
    expect(readDotenv(join(folder, ".env"), {})).toEqual({});
    mkdirSync(join(folder, "venv"));
    expect(readDotenv(join(folder, "venv"), {})).toEqual({});
    writeFileSync(join(folder, ".env"), "A=1\n");
    expect(readDotenv(join(folder, ".env"), {})).toEqual({ A: "1" });
    if (process.getuid?.() === 0) return;
    chmodSync(join(folder, ".env"), 0);
    expect(() => readDotenv(join(folder, ".env"), {})).toThrow("can't read");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
