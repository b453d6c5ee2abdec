// The prompt of `matyan query` on a terminal of its own, and its history.
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runMatyan } from "../../testing.ts";
import { startInTerminal } from "../../testingTerminal.ts";
import { History, keptLines } from "./history.ts";
import { completeField } from "./prompt.ts";

const folder = mkdtempSync(join(tmpdir(), "matyan-prompt-test-"));
const env = { MATYAN_DATA: join(folder, "data"), XDG_STATE_HOME: join(folder, "state") };
const historyFile = join(folder, "state/matyan/history");

beforeAll(async () => {
  const message = (type: string, payload: object) =>
    JSON.stringify({ type, run_id: "abcd", timestamp: "2025-06-01T10:00:00Z", payload });
  const stdin = Buffer.from(
    [
      message("create_run", { client_datetime: "2025-06-01T10:00:00Z" }),
      message("log_metric", { name: "loss", value: 0.25, step: 3 }),
    ].join("\n"),
  );
  expect(await runMatyan(["ingest"], { cwd: folder, env, stdin })).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("queries are asked for until the end; mistakes are shown and forgiven; earlier ones come back with the arrows", async () => {
  const first = startInTerminal(["query"], { cwd: folder, env });
  let at = await first.until("run>");
  first.type("run.name == = 2\r");
  at = await first.until("the query is wrong", at);
  at = await first.until("run>", at);
  first.type("run.metrics['loss'].last < 1\r");
  at = await first.until("abcd", at);
  at = await first.until("run>", at);
  first.type("explain run.experiment == 'e'\r");
  at = await first.until("here:", at);
  at = await first.until("run>", at);
  first.type("half a line\u0003");
  at = await first.until("run>", at + 1);
  first.type("metrics\r");
  at = await first.until("metric>", at);
  first.type("metric.last > 0\r");
  at = await first.until("0.25", at);
  at = await first.until("metric>", at);
  first.type("\u0004");
  expect(await first.ended).toBe(0);
  expect(readFileSync(historyFile, "utf8").split("\n")).toEqual([
    "run.name == = 2",
    "run.metrics['loss'].last < 1",
    "explain run.experiment == 'e'",
    "metrics",
    "metric.last > 0",
    "",
  ]);
  expect(statSync(historyFile).mode & 0o777).toBe(0o600);

  const second = startInTerminal(["query", "--metrics"], { cwd: folder, env });
  at = await second.until("metric>");
  second.type("\u001b[A");
  at = await second.until("metric.last > 0", at);
  second.type("\r");
  at = await second.until("0.25", at);
  at = await second.until("metric>", at);
  second.type("exit\r");
  expect(await second.ended).toBe(0);
});

test("Ctrl-R finds an earlier line while it is typed, to run or to edit it", async () => {
  const state = join(folder, "searched");
  const file = join(state, "matyan/history");
  mkdirSync(join(state, "matyan"), { recursive: true });
  writeFileSync(file, "run.name == 'Old'\nexplain run.name != 'b'\nrun.name == 'new'\nmetrics\n");
  const terminal = startInTerminal(["query"], { cwd: folder, env: { ...env, XDG_STATE_HOME: state } });
  let at = await terminal.until("run>");
  // Enter runs an older match.
  terminal.type("kept\u0012NAME ==");
  at = await terminal.until("(search) NAME ==: run.name == 'new'", at);
  terminal.type("\u0012");
  at = await terminal.until("(search) NAME ==: run.name == 'Old'", at);
  terminal.type("\r");
  at = await terminal.until("run>", at);
  at = await terminal.until("No runs match.", at);
  at = await terminal.until("run>", at);
  // Escape gives back what was typed.
  terminal.type("Tr\u0012metr");
  at = await terminal.until("(search) metr: metrics", at);
  terminal.type("x");
  at = await terminal.until("(not found) metrx: Tr", at);
  terminal.type("\u0007");
  at = await terminal.until(/run>.*Tr/, at);
  terminal.type("ue\r");
  at = await terminal.until("abcd", at);
  at = await terminal.until("run>", at);
  // An arrow takes the line to be edited; Ctrl-C leaves search and line.
  terminal.type("\u0012lain");
  at = await terminal.until("(search) lain: explain", at);
  terminal.type("\u001b[C");
  at = await terminal.until(/run>.*explain/, at);
  terminal.type(" or True\u0012b\u0003");
  at = await terminal.until("(search) b:", at);
  at = await terminal.until("run>", at);
  terminal.type("\u0012lain\t");
  at = await terminal.until(/run>.*explain/, at);
  terminal.type(" and True\r");
  at = await terminal.until("here:", at);
  at = await terminal.until("run>", at);
  terminal.type("\u0004");
  expect(await terminal.ended).toBe(0);
  expect(readFileSync(file, "utf8").split("\n").slice(4)).toEqual([
    "run.name == 'Old'",
    "True",
    "explain run.name != 'b' and True",
    "",
  ]);
});

test.each([
  ["prompt", "tru", "tru"],
  ["search of the history", "\u0012run", "(search) run"],
])("a signal ends the %s", async (_name, keys, seen) => {
  const terminal = startInTerminal(["query"], { cwd: folder, env });
  const at = await terminal.until("run>");
  terminal.type(keys);
  await terminal.until(seen, at);
  terminal.kill();
  expect(await terminal.ended).toBe(130);
});

test("after Ctrl-Z the prompt goes on with what was typed", async () => {
  const terminal = startInTerminal(["query"], { cwd: folder, env });
  let at = await terminal.until("run>");
  terminal.type("Tr\u001a");
  at = await terminal.until("run>", at);
  terminal.type("ue\r");
  at = await terminal.until("abcd", at);
  await terminal.until("run>", at);
  terminal.type("\u0004");
  expect(await terminal.ended).toBe(0);
});

test("without a terminal, and for programs, the query has to be given", async () => {
  for (const args of [["query"], ["query", "--json"], ["query", "--explain"]]) {
    const { code, err } = await runMatyan(args, { cwd: folder, env });
    expect([code, err]).toEqual([2, expect.stringContaining("the query is missing")]);
  }
});

test("the history keeps the newest lines, and its file does not grow without end", async () => {
  const file = join(folder, "long");
  for (let i = 0; i < 2 * keptLines; i++) appendFileSync(file, `line ${i}\n`);
  const history = await History.open(file);
  expect(readFileSync(file, "utf8").trim().split("\n")).toHaveLength(keptLines);
  await history.add(" again ");
  await history.add("again");
  await history.add("");
  await history.add(`line ${2 * keptLines - 1}`);
  expect(history.newestFirst().slice(0, 3)).toEqual([
    `line ${2 * keptLines - 1}`,
    "again",
    `line ${2 * keptLines - 2}`,
  ]);
  expect(readFileSync(file, "utf8")).toEndWith(`again\nline ${2 * keptLines - 1}\n`);
});

test("a history that can't be kept is told once, and the prompt works", async () => {
  const blocked = join(folder, "blocked");
  writeFileSync(blocked, "a file, where a folder should be");
  chmodSync(blocked, 0o400);
  const terminal = startInTerminal(["query"], { cwd: folder, env: { ...env, XDG_STATE_HOME: blocked } });
  let at = await terminal.until("is not kept");
  at = await terminal.until("run>", at);
  terminal.type("True\r");
  at = await terminal.until("abcd", at);
  await terminal.until("run>", at);
  terminal.type("\u0004");
  expect(await terminal.ended).toBe(0);
  expect(terminal.text().split("is not kept")).toHaveLength(2);
});

test("fields are completed", () => {
  expect(completeField("run.exp")).toEqual([["run.experiment"], "run.exp"]);
  expect(completeField("True and metric.last")).toEqual([["metric.last", "metric.last_step"], "metric.last"]);
  expect(completeField("ex")).toEqual([["explain ", "exit"], "ex"]);
  expect(completeField("True and ex")).toEqual([[], "ex"]);
  expect(completeField("True ")).toEqual([[], ""]);
});
