// Long lists on a terminal, read through a pager.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runMatyan } from "../testing.ts";
import { startInTerminal } from "../testingTerminal.ts";

const folder = mkdtempSync(join(tmpdir(), "matyan-pager-test-"));
const count = 300;
const env = { MATYAN_DATA: join(folder, "data") };

beforeAll(async () => {
  const messages = Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      ...{ type: "create_run", run_id: `run-${i}`, timestamp: "2025-06-01T10:00:00Z" },
      payload: { client_datetime: new Date(1.7e12 + i * 1_000).toISOString() },
    }),
  );
  const stdin = Buffer.from(messages.join("\n"));
  expect(await runMatyan(["ingest"], { cwd: folder, env, stdin })).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (args: readonly string[], more: Record<string, string> = {}) =>
  startInTerminal(args, { cwd: folder, env: { ...env, ...more } }, { rows: 20 });

test("a list that is longer than the screen goes through the pager, whole; a short one does not", async () => {
  for (const command of [
    ["runs", "ls"],
    ["query", "True"],
  ]) {
    const PAGER = `cat > ${folder}/paged; echo the end`;
    const long = start([...command, "--limit", "0"], { PAGER });
    expect(await long.ended).toBe(0);
    expect(long.text()).toContain("the end");
    expect(readFileSync(join(folder, "paged"), "utf8").trim().split("\n")).toHaveLength(count + 1);
    const short = start([...command, "--limit", "5"], { PAGER });
    expect(await short.ended).toBe(0);
    expect(short.text()).not.toContain("the end");
    expect(short.text()).toContain("The first 5 runs; --limit 0 lists all.");
    for (const [args, other] of [
      [["--no-pager"], PAGER],
      [["--json"], PAGER],
      [[], ""],
      [[], "cat"],
    ] as const) {
      const whole = start([...command, "--limit", "0", ...args], { PAGER: other });
      expect(await whole.ended).toBe(0);
      expect(whole.text()).not.toContain("the end");
      expect(whole.text()).toContain(`run-${count - 1}`);
    }
  }
});

test("less shows the beginning, Ctrl-C is its own, and who has seen enough leaves it", async () => {
  const list = start(["runs", "ls", "--limit", "0"]);
  await list.until("run-99");
  expect(list.text()).not.toMatch(/run-0\b/);
  list.type("G");
  await list.until(/run-0\b/);
  list.type("\u0003");
  // less forgets what was typed at the time of an interrupt.
  const typing = setInterval(() => list.type("q"), 200);
  await list.ended;
  clearInterval(typing);
  expect(await list.ended).toBe(0);
  expect(list.text()).not.toContain("error");
});

test("a pager that can't be started is named, with the way out", async () => {
  for (const PAGER of ["no-such-pager -x", "(exit 127)"]) {
    const list = start(["runs", "ls"], { PAGER });
    expect(await list.ended).toBe(2);
    expect(list.text()).toContain(`the pager '${PAGER}' can't be started`);
    expect(list.text()).toContain("--no-pager");
  }
});
