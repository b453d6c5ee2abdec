// `matyan runs ls --url` lists what `matyan runs ls` beside the store does: the same runs, in the same order, with the same values.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTestServer, type TestServer } from "../client/testing.ts";
import { mainFile, runMatyan } from "../testing.ts";
import { startInTerminal } from "../testingTerminal.ts";

const folder = mkdtempSync(join(tmpdir(), "matyan-runs-ls-test-"));
let server: TestServer;

interface TestRun {
  readonly name?: string;
  readonly experiment?: string;
  readonly archived?: boolean;
  readonly metrics?: readonly (readonly [name: string, value: number | null, subset?: string])[];
  /** Seconds until it was finished. */
  readonly duration?: number;
}

/** By hash; each is created a minute after the one before. A value of null stands for NaN. */
const runs: Readonly<Record<string, TestRun>> = {
  aa: { name: "b", experiment: "e1", metrics: [["loss", 0.5]], duration: 90.5 },
  ab: { name: "a", metrics: [["loss", 0.25, "val"]], duration: 12 },
  ac: { name: "ａ wide", experiment: "e2", metrics: [["loss", null]] },
  ad: { name: "😀\u001b[2J", experiment: "e1", metrics: [["acc", 1]], duration: 7.25 },
  ae: { name: "a", metrics: [["loss", 0.5]] },
  af: { name: "a", experiment: "e1", archived: true, metrics: [["loss", 9]], duration: 3 },
};

beforeAll(async () => {
  const lines = Object.entries(runs).flatMap(([hash, run], index) => {
    const at = (seconds: number) => new Date(Date.UTC(2026, 1, 3, 4, 5 + index) + 1_000 * seconds).toISOString();
    const message = (type: string, payload: object, seconds = 0) =>
      JSON.stringify({
        type,
        run_id: hash,
        timestamp: at(seconds),
        payload: { client_datetime: at(seconds), ...payload },
      });
    const { metrics = [], duration, ...properties } = run;
    return [
      message("create_run", {}),
      message("set_run_property", properties),
      message("add_tag", { tag_name: `tag ${index % 2}` }),
      ...metrics.map(([name, value, subset]) =>
        message("log_metric", { name, value, step: 3, context: subset === undefined ? null : { subset } }),
      ),
      ...(duration === undefined ? [] : [message("finish_run", {}, duration)]),
    ];
  });
  const env = { MATYAN_DATA: join(folder, "data") };
  const stdin = Buffer.from(lines.join("\n").replace('"value":null', '"value":NaN'));
  expect(await runMatyan(["ingest"], { cwd: folder, env, stdin })).toMatchObject({ code: 0 });
  server = await openTestServer(join(folder, "data"));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Here, and from the server. */
function listed(args: readonly string[]) {
  const surroundings = { cwd: folder, env: { MATYAN_DATA: server.dataDir } };
  const list = ["runs", "ls", ...args];
  return Promise.all([runMatyan(list, surroundings), runMatyan([...list, "--url", server.address], surroundings)]);
}

test.each([
  [[], "ae,ad,ac,ab,aa"],
  [["--sort", "metric:loss"], "ab,ae,aa,ad,ac"],
  [["--sort", "-metric:loss", "--sort", "created"], "aa,ae,ab,ac,ad"],
  [["--sort", "metric:loss{subset=val}", "--limit", "2"], "ab,ae"],
  [["--sort", "-experiment", "--sort", "duration"], "ac,ad,aa,ab,ae"],
  [["--sort", "name"], "ae,ab,aa,ac,ad"],
  [["--query", "run.experiment == None or run.archived", "--tag", "tag 1", "--sort", "metric:loss"], "ab,af"],
] as const)("runs ls %j", async (args, hashes) => {
  const [here, there] = await listed(["--json", ...args]);
  expect(there).toEqual(here);
  const found = here.out.trim().split("\n");
  expect(found.map((line) => (JSON.parse(line) as { hash: string }).hash).join()).toBe(hashes);
});

test("a run that goes while runs are listed hides no others", async () => {
  await using proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      if (pathname.includes("/aa/")) return Response.json({ error: { message: "Not Found" } }, { status: 404 });
      const { method, headers } = request;
      return fetch(`${server.address}${pathname}${search}`, { method, headers, body: await request.arrayBuffer() });
    },
  });
  const url = `http://127.0.0.1:${proxy.port}`;
  const { out, code } = await runMatyan(["runs", "ls", "--url", url], { cwd: folder });
  expect([code, out.match(/^a[a-f]/gm)]).toEqual([0, ["ae", "ad", "ac", "ab", "aa"]]);
  expect(out).toMatch(/^aa .* 0\.5$/m);
});

test("CSV of a server has the same bytes", async () => {
  const columns = ["--columns", "hash,name,experiment,created,duration,metric:loss"];
  const [here, there] = await listed(["--format", "csv", "--sort", "metric:loss", ...columns]);
  expect(there).toEqual(here);
  expect(here.out.split("\n")).toHaveLength(7);
});

test("CSV without a run has the names of its columns", async () => {
  for (const ended of await listed(["--format", "csv", "--query", "False", "--columns", "hash,metric:lost"]))
    expect(ended).toEqual({ code: 0, out: "hash,lost\r\n", err: "" });
});

test("CSV moves no cursor on a terminal, and is whole elsewhere", async () => {
  const surroundings = { cwd: folder, env: { MATYAN_DATA: server.dataDir } };
  const list = ["runs", "ls", "--format", "csv", "--columns", "name"];
  const terminal = startInTerminal([...list, "--no-pager"], surroundings);
  await terminal.until("😀\\x1b[2J");
  expect(await terminal.ended).toBe(0);
  expect((await runMatyan(list, surroundings)).out).toContain("😀\u001b[2J");
});

test.skipIf(!existsSync("/dev/full"))(
  "a full disk under the output is an error that says so (needs /dev/full)",
  async () => {
    const child = Bun.spawn([process.execPath, mainFile, "runs", "ls"], {
      cwd: folder,
      env: { MATYAN_DATA: server.dataDir },
      stdout: Bun.file("/dev/full"),
      stderr: "pipe",
    });
    expect(await child.stderr.text()).toContain("error: stdout can't be written: ENOSPC");
    expect(await child.exited).toBe(1);
  },
);

test.each([
  [["--sort", "metric:los"], "none of these runs has a metric 'los'"],
  [["--experiment", "e3"], "there is no experiment 'e3'"],
  [["--tag", "tag"], "there is no tag 'tag'"],
] as const)("a mistake is told the same way: %j", async (args, message) => {
  const [here, there] = await listed(args);
  expect([here.code, here.err]).toEqual([1, expect.stringContaining(message)]);
  expect(there).toEqual({ ...here, err: here.err.replace("The store", "The server") });
});
