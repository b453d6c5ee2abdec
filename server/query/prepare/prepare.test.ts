import { expect, test } from "bun:test";
import type { ValueMap } from "../../../formats/value.ts";
import { type Node, walk } from "../ast.ts";
import { QueryError } from "../errors.ts";
import type { Scope } from "../scope.ts";
import { fixture } from "../testing.ts";
import { type PreparedQuery, prepareQuery } from "./prepare.ts";
import { prepareText } from "./text.ts";

function refusal(text: string, scope: Scope = "run"): QueryError | undefined {
  try {
    prepareQuery(text, { scope });
    return undefined;
  } catch (error) {
    if (error instanceof QueryError) return error;
    throw error;
  }
}

function constants(query: PreparedQuery): unknown[] {
  const out: unknown[] = [];
  walk(query.tree, (node: Node) => {
    if (node.kind === "constant") out.push(node.value);
  });
  return out;
}

test("the text is stripped, cut behind SELECT … IF and put in parentheses", () => {
  const cases: [string, string | undefined][] = [
    ["", undefined],
    ["  \n ", undefined],
    [" run.x ", "(run.x)"],
    ["SELECT run.name IF run.x", "(run.x)"],
    ["select x if ", "()"],
    ["select x if", undefined],
    ["selected", undefined],
    [" select x if run.x", "(select x if run.x)"],
    ["SELECT modified IF run.x", "(run.x)"],
    ["SELECT modified", undefined],
    ["select run.x if(run.y)", "((run.y))"],
    ["run.x # why", "(run.x # why\n)"],
    ["run.x == '#'", "(run.x == '#'\n)"],
  ];
  for (const [text, prepared] of cases) expect([text, prepareText(text).text]).toEqual([text, prepared]);
});

test("every recorded query that the existing server refused for a reason is refused with its words, and the others parse", () => {
  const forbidden: string[] = [];
  // Legal Python behind a head that says IF (fixtures/exchanges/differences.md, "comments" and "columns with an if in them").
  const legal = ["run.name == 'images run' # comment", "SELECT modified IF run.name == 'images run'"];
  for (const entry of fixture("recorded") as ValueMap[]) {
    const text = entry.get("q") as string;
    const error = refusal(text, entry.get("scope") as Scope);
    if (legal.includes(text)) expect([text, error]).toEqual([text, undefined]);
    else if (entry.get("status") === 400n) expect(error?.message).toBe(entry.get("detail") as string);
    else if (entry.get("exception") === true) expect([text, error?.reason]).toEqual([text, "forbidden"]);
    else expect([text, error?.message]).toEqual([text, undefined]);
    if (error?.reason === "forbidden") forbidden.push(text);
  }
  expect(forbidden.length).toBe(8);
});

test("everything that RestrictedPython refuses is refused, and nothing else but what cannot work", () => {
  const deliberate = /^(\*arguments|\*\*arguments|'for' may only bind names|the name "(builtins|breakpoint)")/;
  for (const [text, refused] of fixture("sandbox") as [string, boolean][]) {
    const error = refusal(text);
    if (refused) expect([text, error !== undefined]).toEqual([text, true]);
    else if (error !== undefined) expect(error.explanation).toMatch(deliberate);
  }
});

test("a refusal names the thing and the place in what was typed", () => {
  const error = refusal("  run.hash == 'x' and\n run._db");
  expect(error?.reason).toBe("forbidden");
  expect(error?.explanation).toContain('"_db"');
  expect(error?.position).toEqual({ statement: " run._db)", line: 2, offset: 2, end_offset: 9 });
  expect("  run.hash == 'x' and\n run._db".slice(error?.source.start, error?.source.end)).toBe("run._db");
});

test("a syntax error carries the position that the web interface marks", () => {
  const error = refusal("run name");
  // The interface takes off 2 for a query in parentheses of its own, or 1: what is left counts from 1 in the typed text.
  expect(error?.position).toEqual({ statement: "(run name)", line: 1, offset: 2, end_offset: 10 });
  expect(error?.source).toEqual({ start: 0, end: 8 });
  expect(error?.message).toBe("Invalid query syntax: invalid syntax. Perhaps you forgot a comma? (<query>, line 1)");
});

test("a comment changes nothing, wherever it stands, and errors behind one are placed right", () => {
  const alike = ["run.x == 1", "run.x == 1 # why", "run.x == # one\n 1 # why", "# why\nrun.x == 1"];
  expect(constants(prepareQuery(alike[0]!, { scope: "run" }))).toEqual([false, 1n]);
  for (const text of alike)
    expect([text, constants(prepareQuery(text, { scope: "run" }))]).toEqual([text, [false, 1n]]);
  expect(refusal("run.x # why )")).toBeUndefined();
  const error = refusal("run.x and # both\n == 2");
  expect([error?.position.line, error?.position.statement]).toEqual([2, " == 2"]);
  expect("run.x and # both\n == 2".slice(error?.source.start, error?.source.end)).toBe("==");
});

test("archived runs are hidden unless the query says anything about them", () => {
  const hides = (text: string, scope: Scope = "run"): boolean => prepareQuery(text, { scope }).hidesArchived;
  for (const text of ["", "run.x", "run.archived_at == 1", "x.archived == True"])
    expect([text, hides(text)]).toEqual([text, true]);
  for (const text of [
    "run.archived == True",
    "not run.archived",
    "run.is_archived",
    "[run.archived]",
    "1 if run.archived else 0",
  ]) {
    expect([text, hides(text)]).toEqual([text, false]);
  }
  expect(hides("metric.run.archived", "metric")).toBe(false);
});

test("datetime literals are midnights of the browser's time zone, positive west", () => {
  const at = (timezoneOffset: number): unknown =>
    constants(prepareQuery("run.created_at > datetime(2026, 3, 10)", { scope: "run", timezoneOffset })).at(-1);
  expect(at(0)).toBe(1773100800);
  expect(at(240)).toBe(1773100800 + 240 * 60);
  expect(at(-180)).toBe(1773100800 - 180 * 60);
});

test("a call of datetime that is no literal moment stays a call", () => {
  for (const text of [
    "datetime(2026, 13, 1)",
    "datetime(year=2026)",
    "datetime(-1, 1, 1)",
    "datetime(x, 1, 1)",
    "datetime()",
  ]) {
    const query = prepareQuery(`run.created_at > ${text}`, { scope: "run" });
    let calls = 0;
    walk(query.tree, (node) => {
      if (node.kind === "call") calls++;
    });
    expect([text, calls]).toEqual([text, 1]);
  }
});

test("a query names the parts of a run that it reads", () => {
  const needs = (text: string, scope: Scope = "run") => prepareQuery(text, { scope }).needs;
  expect(needs("run.hparams.lr > 1 and run.hparams['x'].y and run['d']").attrs).toEqual([
    ["hparams", "lr"],
    ["hparams", "x", "y"],
    ["d"],
  ]);
  expect(needs("run.hparams.lr and run.hparams").attrs).toEqual([["hparams"]]);
  // A method belongs to the value, it is not a deeper parameter.
  expect(needs("run.model.upper() == 'X'").attrs).toEqual([["model"]]);
  expect(needs("run[run.name]").attrs).toEqual([[]]);
  const plain = needs("'a' in run.tags");
  expect(plain).toEqual({ meta: true, experiment: false, tags: true, traces: false, attrs: [] });
  expect(needs("run.hash == 'x' and run.archived == True").meta).toBe(true);
  expect(needs("run.metrics['a'].last > 1").traces).toBe(true);
  expect(needs("metric.name == 'a'").traces).toBe(true);
  expect(needs("metric.last > 1 and metric.run.lr == 1", "metric")).toMatchObject({ traces: false, attrs: [["lr"]] });
});

test("a query over sequences says whether it must be asked for each sequence", () => {
  expect(prepareQuery("run.x == 1", { scope: "metric" }).usesSequence).toBe(false);
  expect(prepareQuery("metric.last > 1", { scope: "metric" }).usesSequence).toBe(true);
  expect(prepareQuery("images.name == 'x'", { scope: "images" }).usesSequence).toBe(true);
});
