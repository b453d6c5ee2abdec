// Where a query is wrong, shown under it.
import { expect, test } from "bun:test";
import { MatyanError } from "../../formats/error.ts";
import { markLine, prepareTyped, refusedByServer } from "./queryText.ts";

function mistake(text: string): string {
  try {
    prepareTyped(text, "run");
  } catch (error) {
    expect(error).toBeInstanceOf(MatyanError);
    const { message, hint } = error as MatyanError;
    return `${message}\n${hint?.split("\n").slice(0, 2).join("\n")}`;
  }
  return "";
}

test("carets stand under what is wrong", () => {
  expect(mistake("run.lr == == 2")).toBe("the query is wrong: invalid syntax\n  run.lr == == 2\n            ^^");
  expect(mistake("run.name == 'x")).toContain("\n  run.name == 'x\n              ^");
  expect(mistake("run.ok and\nrun._secret")).toContain("\n  run._secret\n  ^^^^^^^^^^^");
  expect(mistake("run.lr == 1")).toBe("");
});

test("wide characters push the carets as far as they are shown", () => {
  expect(markLine("'実験' ==", 5, 7)).toBe("  '実験' ==\n         ^^");
  expect(markLine("a\u001b[31mb", 6, 7).split("\n")[0]).not.toContain("\u001b");
});

test("of a long query the part around the mistake is shown", () => {
  const text = `${"run.a and ".repeat(100)}== ${"or run.b ".repeat(100)}`;
  const [line, carets] = markLine(text, 1000, 1002).split("\n") as [string, string];
  expect(line.length).toBeLessThan(130);
  expect(line.slice(carets.indexOf("^"), carets.indexOf("^") + 2)).toBe("==");
});

test("a server's position counts the parenthesis that it puts around a query", () => {
  const error = refusedByServer("Invalid query syntax: no (<query>, line 1) (status 400)", {
    statement: "(run.x ==)",
    line: 1,
    offset: 10,
    endOffset: 11,
  });
  expect(error.message).toBe("the query is wrong: no");
  expect(error.hint).toBe("  run.x ==\n          ^");
});
