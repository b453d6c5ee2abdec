// `matyan top` as a process: figures against what a real client sent, of a server, of a folder, of a server that tells less; and on
// a real terminal where tmux is.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { testFolder } from "../../server/testing/served.ts";
import { Run } from "../client/index.ts";
import { openTestServer, type TestServer } from "../client/testing.ts";
import { mainFile, runMatyan } from "../testing.ts";
import { startInTerminal } from "../testingTerminal.ts";
import { openTmux, tmuxPath } from "../ui/tmux.ts";

interface Look {
  readonly at: number;
  readonly place: string;
  readonly rates: Record<"received" | "applied", { points: number | null; messages: number | null }>;
  readonly figures: {
    readonly received: { points: number; messages: number } | null;
    readonly applied: { points: number; messages: number } | null;
    readonly queue?: { messages: number; bytes: number };
    readonly store: { bytes: number };
    readonly blobs: { files: number; bytes: number; whole: boolean };
    readonly runs: { active: number; more: boolean };
    readonly connections?: { open: number };
    readonly slow?: { queries: { route: string; text: string; seconds: number }[] };
    readonly errors?: { count: number; recent: { where: string; text: string }[] };
  };
  readonly missing: Record<string, string>;
  readonly runs: {
    readonly hash: string;
    readonly name: string;
    readonly experiment: string | null;
    readonly step: number | null;
    readonly heard_at: number | null;
    readonly metrics: { name: string; context: object; last: number; last_step: number; spark: number[] }[];
  }[];
  readonly more: boolean;
}

/** Steps of each metric that is logged. */
const steps = 40;
let server: TestServer;
const logged: Run[] = [];

beforeAll(async () => {
  server = await openTestServer();
  for (const name of ["first", "second"]) {
    const run = await Run.open({ repo: server.address, experiment: "live" });
    run.name = name;
    run.set("hparams.lr", 0.5);
    for (let step = 0; step < steps; step++) {
      run.track(1 / (step + 1), { name: "loss", step });
      run.track(step, { name: "accuracy", step, context: { subset: "val" } });
    }
    await run.flush();
    logged.push(run);
  }
  const finished = await Run.open({ repo: server.address });
  finished.track(1, { name: "loss", step: 0 });
  await finished.close();
});

afterAll(async () => {
  for (const run of logged) await run.close();
  await server[Symbol.asyncDispose]();
});

async function lookAt(...args: readonly string[]): Promise<Look> {
  const { code, out, err } = await runMatyan(["top", "--json", ...args], { cwd: server.dataDir });
  expect(err).toBe("");
  expect(code).toBe(0);
  expect(out.trimEnd().split("\n").length).toBe(1);
  return JSON.parse(out);
}

/** As a proxy in front of the server does. */
function passOn({ url, method, headers, body }: Request): Promise<Response> {
  const { pathname, search } = new URL(url);
  return fetch(`${server.address}${pathname}${search}`, { method, headers, body, decompress: false });
}

const sentPoints = 2 * 2 * steps + 1;

test("figures of a server are what clients sent it", async () => {
  const { figures, runs, rates, missing, more, place } = await lookAt("--url", server.address);
  expect(place).toBe(server.address);
  expect(figures.received?.points).toBe(sentPoints);
  expect(figures.applied).toEqual(figures.received);
  // Beside the points: the runs' creation, names, experiments, parameters and the one end.
  expect(figures.received!.messages).toBeGreaterThan(sentPoints + 6);
  expect(rates).toEqual({ received: { points: 0, messages: 0 }, applied: { points: 0, messages: 0 } });
  expect(figures.queue).toEqual({ messages: 0, bytes: 0 });
  expect(figures.connections).toEqual({ open: 2 });
  expect(figures.runs).toEqual({ active: 2, more: false });
  expect(figures.store.bytes).toBeGreaterThan(10_000);
  expect(missing).toEqual({ lag: "there is no Kafka", letters: "there is no Kafka" });
  expect(runs.map(({ name, experiment, step }) => [name, experiment, step])).toEqual([
    ["second", "live", steps - 1],
    ["first", "live", steps - 1],
  ]);
  expect(runs[0]!.metrics.map(({ name, last, last_step }) => [name, last, last_step])).toEqual([
    ["loss", 1 / steps, steps - 1],
    ["accuracy", steps - 1, steps - 1],
  ]);
  expect(runs[0]!.metrics[1]!.context).toEqual({ subset: "val" });
  for (const { spark } of runs[0]!.metrics) expect(spark.length).toBe(24);
  expect(runs[0]!.metrics[1]!.spark[0]).toBe(0);
  expect(runs[0]!.metrics[1]!.spark.at(-1)).toBe(steps - 1);
  expect(more).toBe(false);
  const counters = await (await fetch(`${server.address}/metrics`)).text();
  expect(counters).toContain(`\nmatyan_ws_points_total ${sentPoints}\n`);
  expect(counters).toContain(`\nmatyan_apply_points_total ${sentPoints}\n`);
});

test("points that come between two looks are a rate", async () => {
  const args = ["top", "--json", "--url", server.address, "--interval", "0.2", "--count", "200"];
  const child = Bun.spawn([process.execPath, mainFile, ...args], { stdout: "pipe", stderr: "ignore" });
  const before = (await lookAt("--url", server.address)).figures.received!.points;
  const run = logged[0]!;
  let total = 0;
  let seen = 0;
  let last: number | undefined;
  let lastAt = 0;
  let rest = "";
  reading: for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const look: Look = JSON.parse(line);
      const points = look.figures.received!.points;
      if (last !== undefined) {
        // A rate is the growth of the total over the time between two looks.
        const rate = look.rates.received.points!;
        expect(rate * (look.at - lastAt)).toBeCloseTo(points - last, 6);
        if (rate > 0) seen++;
      }
      last = points;
      lastAt = look.at;
      if (total < 100) for (let i = 0; i < 20; i++) run.track(total++, { name: "extra", step: total });
      else if (points === before + total && seen > 0) break reading;
    }
  }
  child.kill();
  expect(last).toBe(before + total);
});

test("what a server refuses and what it is asked is told with its text", async () => {
  // One that nobody asked anything before: only the slowest queries are told.
  await using server = await openTestServer();
  const socket = new WebSocket(`${server.frontier.replace("http", "ws")}/api/v1/ws/runs/broken`);
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  const answer = new Promise((resolve) => socket.addEventListener("message", resolve));
  socket.send('{"type":"log_metric","name":7}');
  await answer;
  socket.close();
  await (
    await fetch(`${server.address}/api/v1/rest/runs/search/run/?q=${encodeURIComponent("run.hparams.lr > 0.25")}`)
  ).bytes();
  const { figures } = await lookAt("--url", server.address);
  expect(figures.errors!.count).toBe(1);
  expect(figures.errors!.recent[0]).toMatchObject({ where: "frontier", text: expect.stringContaining("log_metric") });
  const asked = figures.slow!.queries.filter(({ route }) => route === "GET /api/v1/rest/runs/search/run/");
  expect(asked.map(({ text }) => text)).toContain("run.hparams.lr > 0.25");
  for (const { seconds } of asked) expect(seconds).toBeGreaterThan(0);
  const { out } = await runMatyan(["top", "--url", server.address], { cwd: server.dataDir, env: { COLUMNS: "100" } });
  expect(out).toContain("errors       1 in 15 min");
  expect(out).toContain("GET /runs/search/run  run.hparams.lr > 0.25");
  expect(out).toMatch(/now {9}frontier: \d+ validation errors/);
});

test("a folder that a server has shows the server's figures, and its runs", async () => {
  const { figures, runs, place } = await lookAt("--data", server.dataDir);
  expect(place).toBe(`${server.dataDir} (served at ${server.address})`);
  expect(figures.received!.points).toBeGreaterThanOrEqual(sentPoints);
  expect(runs.map(({ name }) => name)).toEqual(["second", "first"]);
});

test("a folder without a server tells what the store knows, and why the rest is not known", async () => {
  await using folder = await testFolder();
  const line = (type: string, payload: object) =>
    JSON.stringify({ type, run_id: "alone", timestamp: "2026-06-01T10:00:00Z", payload });
  const point = (step: number) =>
    line("log_metric", { name: "loss", value: step / 2, step, client_datetime: "2026-06-01T10:00:05Z" });
  const lines = [
    line("create_run", {}),
    line("set_run_property", { name: "left alone" }),
    ...[0, 1, 2, 3, 4].map(point),
  ];
  const cwd = folder.path;
  const stdin = Buffer.from(lines.join("\n"));
  expect((await runMatyan(["ingest", "--data", folder.path], { cwd, stdin })).err).toBe("");
  const { figures, runs, missing, rates } = await lookAt("--data", folder.path);
  expect(figures.received).toBeNull();
  expect(rates.applied).toEqual({ points: null, messages: null });
  expect(figures.runs).toEqual({ active: 1, more: false });
  expect(figures.blobs).toMatchObject({ files: 0, bytes: 0, whole: true });
  expect(figures.store.bytes).toBeGreaterThan(1_000);
  for (const name of ["received", "applied", "queue", "slow", "errors"])
    expect(missing[name]).toBe("no server has this folder");
  expect(runs[0]).toMatchObject({ name: "left alone", step: 4, metrics: [{ name: "loss", last: 2 }] });
  expect(runs[0]!.metrics[0]!.spark).toEqual([0, 0.5, 1, 1.5, 2]);
  // When the last point was made.
  expect(runs[0]!.heard_at).toBe(Date.UTC(2026, 5, 1, 10, 0, 5) / 1_000);
  const { out, code } = await runMatyan(["top", "--data", folder.path], { cwd: folder.path });
  expect(code).toBe(0);
  expect(out).toContain("– no server has this folder: points in, applied, queue");
  expect(out).toContain("left alone");
  expect(out).not.toContain("\u001b");
  for (const line of out.split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
});

test("Ctrl-Z gives the terminal back, and the screen comes again when the program goes on; a signal ends it", async () => {
  await using folder = await testFolder();
  const stdin = Buffer.from(
    JSON.stringify({ type: "create_run", run_id: "alone", timestamp: "2026-06-01T10:00:00Z", payload: {} }),
  );
  const env = { MATYAN_DATA: folder.path };
  expect((await runMatyan(["ingest"], { cwd: folder.path, env, stdin })).code).toBe(0);
  const terminal = startInTerminal(["top"], { cwd: folder.path, env });
  let at = await terminal.until("alone");
  terminal.type("\u001a");
  at = await terminal.until("\u001b[?1049l", at);
  at = await terminal.until("\u001b[?1049h", at);
  at = await terminal.until("alone", at);
  terminal.type("q");
  await terminal.until("\u001b[?1049l", at);
  expect(await terminal.ended).toBe(0);

  const stopped = startInTerminal(["top"], { cwd: folder.path, env });
  at = await stopped.until("alone");
  stopped.kill();
  await stopped.until("\u001b[?1049l", at);
  expect(await stopped.ended).toBe(130);
});

test("a server that does not know the route shows its runs, and says why there is no more", async () => {
  // As the Python services answer what they do not know.
  await using other = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const url = new URL(request.url);
      if (url.pathname.startsWith("/api/v1/rest/system"))
        return Response.json({ detail: "Not Found" }, { status: 404 });
      return passOn(request);
    },
  });
  const { figures, missing, runs } = await lookAt("--url", other.url.origin);
  expect(figures.received).toBeNull();
  expect(figures.slow).toBeUndefined();
  expect(missing["received"]).toContain("this server does not tell");
  expect(runs.map(({ name }) => name)).toEqual(["second", "first"]);
  expect(runs[0]!.metrics.every(({ spark }) => spark.length === 24)).toBe(true);
});

test("runs are filtered, sorted and limited, and what is left out is said", async () => {
  const names = async (...args: readonly string[]) =>
    (await lookAt("--url", server.address, ...args)).runs.map(({ name }) => name);
  expect(await names("--filter", "SEC")).toEqual(["second"]);
  expect(await names("--sort", "name")).toEqual(["first", "second"]);
  expect(await names("--sort", "name", "--reverse")).toEqual(["second", "first"]);
  expect(await names("--limit", "1")).toEqual(["second"]);
  expect((await lookAt("--url", server.address, "--limit", "1")).more).toBe(true);
  const { out } = await runMatyan(["top", "--url", server.address, "--limit", "1", "--once"], { cwd: server.dataDir });
  expect(out).toContain("the newest 1 of 2 active runs are looked at");
});

test("an address where nothing is, a folder without a store and odd options are errors that say what to do", async () => {
  const fails = async (code: number, text: string, ...args: readonly string[]) => {
    const ended = await runMatyan(["top", ...args], { cwd: server.dataDir });
    expect(ended).toMatchObject({ code, out: "", err: expect.stringContaining(text) });
  };
  await fails(1, "can't be reached: nothing listens there", "--url", "http://127.0.0.1:1");
  await fails(1, "there is no store in", "--data", `${server.dataDir}/none`);
  await fails(2, "is no address of a server", "--url", "nowhere");
  await fails(2, "It must be between 0.1 and 86400 seconds", "--interval", "0");
  await fails(2, "Allowed choices are created, heard", "--sort", "color");
});

const onTerminal = tmuxPath === undefined ? test.skip : test;

onTerminal(
  "on a terminal keys work, resizing is followed, and the terminal is given back (needs tmux)",
  async () => {
    const command = `${process.execPath} ${mainFile} top --url ${server.address} --interval 0.3`;
    await using terminal = await openTmux(`echo before; ${command}; echo "ended with $?"`, { columns: 80, rows: 24 });
    const { until, press, resize } = terminal;
    const first = await until("› ");
    expect(first).toMatch(/› \w{8} {2}second/);
    expect(first.split("\n")[0]).toStartWith("matyan top  http://127.0.0.1");
    await press("Down");
    await until(/› \w{8} {2}first/);
    await press("Enter");
    expect(await until("Parameters")).toContain("accuracy{subset=val}");
    await press("?");
    await until("Keys");
    await press("x");
    await until("esc back");
    await press("Escape");
    await until("enter open");
    await press("/", "s", "e", "c");
    await until("filter: sec");
    await press("Enter");
    await until("with 'sec'");
    await press("Escape");
    await until(/second[\s\S]*first/);
    await press("p");
    await until("paused");
    await press("s");
    await until("s sort: heard");
    await resize(200, 50);
    const lines = (await until("steps/s")).split("\n");
    expect(lines.findLastIndex((line) => line !== "")).toBe(49);
    expect(lines[49]).toContain("q quit");
    await resize(40, 10);
    await until(/^matyan top.*\n(?:.*\n){8}enter open/);
    await press("q");
    const after = await until("ended with 0");
    expect(after).toContain("before");
    expect(after).not.toContain("matyan top");
  },
  60_000,
);

onTerminal(
  "quitting does not wait for a server that does not answer (needs tmux)",
  async () => {
    let isHanging = false;
    const asked = Promise.withResolvers<void>();
    const slow = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      fetch: (request) => {
        if (!isHanging) return passOn(request);
        asked.resolve();
        return new Promise<Response>(() => undefined);
      },
    });
    using _ = { [Symbol.dispose]: () => void slow.stop(true) };
    const command = `${process.execPath} ${mainFile} top --url ${slow.url.origin} --interval 0.2`;
    await using terminal = await openTmux(`${command}; echo "ended with $?"`, { columns: 80, rows: 24 });
    await terminal.until(/› \w{8} {2}second/);
    isHanging = true;
    await asked.promise;
    await terminal.press("q");
    // By itself it would wait for longer than the test does.
    await terminal.until("ended with 0");
  },
  60_000,
);
