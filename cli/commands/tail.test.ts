// `matyan runs tail`: processes that follow runs which a real client logs, here and through a server.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { readConfig } from "../../server/config.ts";
import { RunFollower } from "../../server/listing/followRun.ts";
import { type LiveRun, liveRun } from "../../server/listing/liveRun.ts";
import { openStoreOnly } from "../../server/stack.ts";
import { type Served, startServed, testFolder } from "../../server/testing/served.ts";
import { Http } from "../client/http.ts";
import { Run } from "../client/index.ts";
import { remoteLiveRun } from "../client/liveRun.ts";
import { Messages } from "../client/messages.ts";
import { Sender } from "../client/sender.ts";
import { openTestServer, type TestServer } from "../client/testing.ts";
import { runMatyan, startMatyan } from "../testing.ts";
import { startInTerminal } from "../testingTerminal.ts";

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

interface Tail {
  /** Lines of stdout so far. */
  readonly lines: string[];
  readonly notes: () => string;
  until(isThere: (lines: readonly string[]) => boolean): Promise<void>;
  readonly ended: Promise<number>;
  kill(signal: "SIGINT"): void;
}

function startTail(args: readonly string[], dataDir = server.dataDir): Tail {
  const child = startMatyan(["runs", "tail", ...args], { cwd: dataDir, env: { MATYAN_DATA: dataDir } });
  const lines: string[] = [];
  let errors = "";
  const reading = (async () => {
    let rest = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      lines.push(...parts);
    }
  })();
  const errorsRead = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) errors += text;
  })();
  const ended = Promise.all([child.exited, reading, errorsRead]).then(([code]) => code);
  return {
    lines,
    notes: () => errors,
    until: async (isThere) => {
      while (!isThere(lines)) {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${lines.join("\n")}${errors}`);
        await Bun.sleep(20);
      }
    },
    ended,
    kill: (signal) => child.kill(signal),
  };
}

const places = [
  ["the store of this machine", () => []],
  ["a server", () => ["--url", server.address]],
] as const;

for (const [where, options] of places)
  test(`lines and metrics of ${where} come while they are logged, and it ends with the run`, async () => {
    const run = await Run.open({ repo: server.address });
    run.name = "a run";
    for (let step = 0; step < 20; step++) {
      await run.track(step / 2, { name: "loss", step });
      await run.track(1 - step / 20, { name: "acc", step });
      await run.track(step, { name: "__system__cpu", step });
    }
    await run.track(7, { name: "loss", step: 3, context: { subset: "val" } });
    run.logInfo("it begins");
    await run.flush();
    const tail = startTail([run.hash, "-n", "3", ...options()]);
    await tail.until((lines) => lines.includes("step 19  acc 0.05  loss 9.5"));
    expect(tail.lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO it begins$/);
    expect(tail.lines.slice(1)).toEqual([
      "step 17  acc 0.15  loss 8.5",
      "step 18  acc 0.1  loss 9",
      "step 19  acc 0.05  loss 9.5",
    ]);
    await run.track(0.25, { name: "loss", step: 20 });
    await run.track(0.75, { name: "acc", step: 20 });
    run.logWarning("a bell \u0007 and\na line");
    await run.flush();
    await tail.until((lines) => lines.length >= 7);
    await run.close();
    expect(await tail.ended).toBe(0);
    expect(tail.lines.slice(4).map((line) => line.replace(/^\S+Z /, ""))).toEqual([
      "WARNING a bell \\x07 and",
      "  a line",
      "step 20  acc 0.75  loss 0.25",
    ]);
    expect(tail.notes()).toBe(`run ${run.hash} (a run) is finished\n`);
  });

test("a server that is restarted is waited for: no line is left out, none comes twice", async () => {
  await using folder = await testFolder();
  let served: Served = await startServed({ data: folder.path });
  const [api, frontier] = [new URL(served.api), new URL(served.frontier)];
  try {
    const sender = { idleMs: 50 };
    const run = await Run.open({ repo: served.api, frontier: served.frontier, sender, onProblem: () => undefined });
    const logOne = async (step: number) => {
      run.logInfo(`record ${step}`);
      await run.track(step, { name: "loss", step });
    };
    for (let step = 0; step < 5; step++) await logOne(step);
    await run.flush();
    const tail = startTail([run.hash, "--url", served.api, "--json"], folder.path);
    await tail.until((lines) => lines.some((line) => line.includes("record 4")));
    expect(await served.end("SIGTERM")).toMatchObject({ code: 0 });
    for (let step = 5; step < 10; step++) await logOne(step);
    while (!tail.notes().includes("trying again")) await Bun.sleep(20);
    served = await startServed({ data: folder.path, port: Number(api.port), frontierPort: Number(frontier.port) });
    for (let step = 10; step < 15; step++) await logOne(step);
    await run.close();
    expect(await tail.ended).toBe(0);
    const items = tail.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const all = Array.from({ length: 15 }, (_, i) => i);
    expect(items.filter(({ type }) => type === "record").map(({ message }) => message)).toEqual(
      all.map((i) => `record ${i}`),
    );
    expect(items.filter(({ type }) => type === "metric").map(({ step }) => step)).toEqual(all);
    expect(items.at(-1)).toEqual({ type: "end", hash: run.hash, active: false });
    expect(tail.notes()).toMatch(/can't be reached: .*; trying again\n.*answers again\n$/);
  } finally {
    await served.end("SIGKILL");
  }
});

test("of stored terminal lines a progress bar is shown in its last state, and colours where there are any", async () => {
  await using folder = await testFolder();
  const message = (type: string, payload: object) =>
    JSON.stringify({ type, run_id: "bar", timestamp: "2025-06-01T10:00:00Z", payload });
  const lines = [" 0%|    |\r50%|##  |\r99%|####|\r", "\u001b[31mred\u001b[0m \u001b]0;title\u0007", "\u001b[2Jclear"];
  const messages = [
    message("create_run", { client_datetime: "2025-06-01T09:59:59+00:00" }),
    ...lines.map((line, step) => message("log_terminal_line", { line, step })),
    message("finish_run", {}),
  ];
  const surroundings = { cwd: folder.path, env: { MATYAN_DATA: join(folder.path, "data") } };
  const stdin = Buffer.from(messages.join("\n"));
  expect(await runMatyan(["ingest"], { ...surroundings, stdin })).toMatchObject({ code: 0 });
  const plain = await runMatyan(["runs", "tail", "bar"], surroundings);
  expect(plain).toEqual({ code: 0, out: "99%|####|\nred\nclear\n", err: "run bar was finished\n" });
  const env = { ...surroundings.env, FORCE_COLOR: "1" };
  const colored = await runMatyan(["runs", "tail", "bar", "-q"], { ...surroundings, env });
  expect(colored).toEqual({ code: 0, out: "99%|####|\n\u001b[31mred\u001b[0m\nclear\n", err: "" });
  const documents = (await runMatyan(["runs", "tail", "bar", "--json"], surroundings)).out.trim().split("\n");
  expect(documents.map((text) => JSON.parse(text))).toEqual([
    ...lines.map((line, step) => ({ type: "line", step, line })),
    { type: "end", hash: "bar", active: false },
  ]);
});

for (const [where, options] of places)
  test(`a line that is stored before its end is known comes once and whole, from ${where}`, async () => {
    const run = await Run.open({ repo: server.address });
    const messages = new Messages(run.hash);
    const sender = new Sender({ frontier: server.address, runId: run.hash });
    const log = async (step: number, line: string) => {
      await sender.send(messages.terminalLine(line, step));
      await sender.flush(10_000);
    };
    await log(0, "old");
    await log(1, "");
    await using stack = await openTestStore();
    const stored = liveRun(stack.store, run.hash);
    while ((await stored.look())?.sequences[0]?.newest !== 1n) await Bun.sleep(20);
    const tail = startTail([run.hash, "-n", "2", "--json", ...options()]);
    await tail.until((lines) => lines.length === 1);
    await log(1, "10%");
    await log(1, "60%");
    await log(1, "99%");
    await log(2, "");
    await tail.until((lines) => lines.length === 2);
    await log(2, "a pro");
    await log(2, "a prompt? yes");
    await log(3, "");
    await log(4, "");
    await sender.close(10_000);
    await run.close();
    expect(await tail.ended).toBe(0);
    expect(tail.lines.map((line) => JSON.parse(line))).toMatchObject([
      { step: 0, line: "old" },
      { step: 1, line: "99%" },
      { step: 2, line: "a prompt? yes" },
      { step: 3, line: "" },
      { type: "end" },
    ]);
  });

test("on a terminal the line that still changes stands below the others, and becomes one of them", async () => {
  const run = await Run.open({ repo: server.address });
  const messages = new Messages(run.hash);
  const sender = new Sender({ frontier: server.address, runId: run.hash });
  const log = async (step: number, line: string) => {
    await sender.send(messages.terminalLine(line, step));
    await sender.flush(10_000);
  };
  await log(0, "begun");
  const terminal = startInTerminal(["runs", "tail", run.hash], {
    cwd: server.dataDir,
    env: { MATYAN_DATA: server.dataDir },
  });
  let at = await terminal.until("\u001b[2mbegun\u001b[22m");
  await log(1, "50%");
  at = await terminal.until("begun\r\n", at);
  at = await terminal.until("\u001b[2m50%\u001b[22m", at);
  await run.track(0.5, { name: "loss", step: 0 });
  // The line is taken off, what came is printed, and it is drawn again.
  at = await terminal.until("\r\u001b[K\u001b[2mstep 0\u001b[22m  loss", at);
  at = await terminal.until("\u001b[2m50%\u001b[22m", at);
  await log(1, "100%");
  await log(2, "");
  at = await terminal.until("100%\r\n", at);
  await sender.close(10_000);
  await run.close();
  await terminal.until("is finished", at);
  expect(await terminal.ended).toBe(0);
});

test("it ends at once where nobody follows, and by Ctrl-C; what is not there is named", async () => {
  const run = await Run.open({ repo: server.address, captureTerminal: false });
  for (const step of [0, 10, 20, 300, 4_000, 50_000]) {
    await run.track(step, { name: "rare", step });
    await run.track(-step, { name: "other", step, context: { of: "b" } });
  }
  await run.flush();
  for (const [, options] of places) {
    const tailed = await runMatyan(
      ["runs", "tail", run.hash, "--metric", "rare", "-n", "4", "--no-follow", "--json", ...options()],
      { cwd: server.dataDir, env: { MATYAN_DATA: server.dataDir } },
    );
    expect(tailed.code).toBe(0);
    const metric = { type: "metric", metric: "rare", context: {} };
    expect(
      tailed.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      ...[20, 300, 4_000, 50_000].map((step) => ({ ...metric, step, value: step })),
      { type: "end", hash: run.hash, active: true },
    ]);
    const tail = startTail([run.hash, "--metrics", "-n", "1", ...options()]);
    await tail.until((lines) => lines.length > 0);
    expect(tail.lines).toEqual(["step 50000  other -50000  of=b"]);
    tail.kill("SIGINT");
    expect(await tail.ended).toBe(130);
    expect(tail.notes()).toBe("");
    const missing = startTail(["f00d", ...options()]);
    expect(await missing.ended).toBe(1);
    expect(missing.notes()).toContain("f00d");
  }
  const nowhere = startTail(["f00d", "--url", "http://127.0.0.1:1"]);
  expect(await nowhere.ended).toBe(1);
  expect(nowhere.notes()).toContain("can't be reached");
  await run.close();
});

test("a run that was resumed, and of which a server tells that it counts anew, is followed", async () => {
  // The existing services say which step was stored last; ours, which is the highest.
  const stored = new Map<bigint, number>();
  let newest = 0n;
  const store = (from: number, to: number) => {
    for (let step = from; step <= to; step++) stored.set(BigInt(step), step);
    newest = BigInt(to);
  };
  const sequence = { kind: "metric", name: "loss", context: new Map(), contextId: 0 } as const;
  const read = async (from = 0n, to = 1_000n) =>
    [...stored].filter(([step]) => step >= from && step <= to).map(([step, value]) => ({ step, value }));
  const run: LiveRun = {
    hash: "resumed",
    look: async () => ({ name: "", isActive: true, sequences: [{ ...sequence, newest }] }),
    readLast: async ([only], count) => [{ points: (await read(0n, only!.newest)).slice(-count), end: undefined }],
    read: (requests) =>
      Promise.all(requests.map(async ({ from, to }) => ({ points: await read(from, to), hasMore: false }))),
  };
  const follower = new RunFollower(run, () => true);
  const steps = async () =>
    (await follower.next(2))!.sequences.flatMap(({ points }) => points.map(({ step }) => Number(step)));
  store(0, 49);
  expect(await steps()).toEqual([48, 49]);
  store(0, 2);
  expect([await steps(), await steps()]).toEqual([[0, 1, 2], []]);
  store(3, 5);
  expect(await steps()).toEqual([3, 4, 5]);
  // A step that came out of order is given once, and nothing because of it again.
  store(60, 61);
  expect((await steps()).slice(-2)).toEqual([60, 61]);
  store(55, 55);
  expect([await steps(), await steps()]).toEqual([[55], []]);
  store(62, 63);
  expect(await steps()).toEqual([62, 63]);
});

test("however many points come at once, they are read in pages without a gap", async () => {
  const run = await Run.open({ repo: server.address });
  await run.track(0, { name: "even", step: 0 });
  await run.track(0, { name: "uneven", step: 0 });
  await using stack = await openTestStore();
  const lives = [liveRun(stack.store, run.hash), remoteLiveRun(new Http(server.address), run.hash, never)];
  await isStored(lives[1]!, "uneven", 0n);
  const followers = lives.map((life) => new RunFollower(life, ({ kind }) => kind === "metric"));
  for (const follower of followers) await follower.next(1);
  for (let step = 1; step <= 25_000; step++) {
    await run.track(step, { name: "even", step });
    await run.track(step, { name: "uneven", step: step < 24_000 ? step : step * 1_000 });
  }
  await isStored(lives[1]!, "uneven", 25_000_000n);
  for (const follower of followers) {
    const seen = new Map<string, number[]>();
    let pages = 0;
    for (let hasMore = true; hasMore; pages++) {
      const news = (await follower.next(1))!;
      ({ hasMore } = news);
      for (const { sequence, points } of news.sequences)
        seen.set(sequence.name, [...(seen.get(sequence.name) ?? []), ...points.map(({ value }) => Number(value))]);
    }
    expect(pages).toBeGreaterThan(2);
    for (const name of ["even", "uneven"])
      expect(seen.get(name)).toEqual(Array.from({ length: 25_000 }, (_, i) => i + 1));
  }
  await run.close();
});

/** What a server has taken is stored a moment later. */
async function isStored(run: LiveRun, metric: string, step: bigint): Promise<void> {
  while ((await run.look())?.sequences.find(({ name }) => name === metric)?.newest !== step) await Bun.sleep(20);
}

/** The server's store, beside it. */
const openTestStore = () =>
  openStoreOnly(readConfig({ environment: {}, options: { MATYAN_DATA: server.dataDir } }), {
    ...{ missing: "fail", access: "read" },
  });
const never = new AbortController().signal;
