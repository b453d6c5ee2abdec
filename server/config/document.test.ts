// docs/configuration.md has the table of variables that the program reads.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { variableTables } from "./document.ts";

test("the documentation's tables are the program's, word for word", () => {
  const text = readFileSync(join(import.meta.dir, "../../docs/configuration.md"), "utf8");
  const tables = text.slice(text.indexOf("## All variables\n\n") + "## All variables\n\n".length);
  expect(tables.slice(0, variableTables().length)).toBe(variableTables());
});
