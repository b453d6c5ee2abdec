// What searches cost over real HTTP: `bun scripts/bench/search.ts [RUNS] [aim|alone|many|long]`, default 1,000 runs x 10 metrics x 1,000 steps, besides
// 100 runs next to Aim's server (MATYAN_BENCH_PYTHON names a Python that has aim 3.29.1), 100,000 runs without metrics, and
// one sequence of 5,000,000 steps. Times are to the last byte unless it says first; the server is a process of its own,
// so that CPU seconds and memory are its alone.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApi } from "../../server/api/app.ts";
import { ApiMetrics } from "../../server/api/metrics.ts";
import { streamRoutes } from "../../server/api/streamRoutes.ts";
import { readApiSettings } from "../../server/config.ts";
import { openEmbeddedStack } from "../../server/embedded.ts";
import { replaceAttrs } from "../../server/store/attrs.ts";
import { writeContext } from "../../server/store/contexts.ts";
import type { Store } from "../../server/store/index.ts";
import { createRun } from "../../server/store/runs.ts";
import { Extremes, writeStats } from "../../server/store/sequenceStats.ts";
import { SequenceWriter } from "../../server/store/sequences.ts";
import { writeTrace } from "../../server/store/traces.ts";

const metrics = 10;
const steps = 1_000;
const warmUps = 2;
const turns = 5;

/** The API over a folder, until standard input ends. Says its port. */
async function serve(dataDir: string): Promise<void> {
  const { store, blobs, close } = await openEmbeddedStack({ dataDir, durability: "normal" });
  const context = {
    store,
    blobs,
    config: readApiSettings({}),
    ingest: { submit: () => Promise.reject(new Error("nothing is ingested here")) },
    now: () => Date.now() / 1_000,
    metrics: new ApiMetrics(),
    bucketUri: (key: string) => key,
  };
  const app = createApi(context, streamRoutes(context));
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => app.handle(request) });
  console.log(server.port);
  for await (const _ of Bun.stdin.stream());
  await server.stop(true);
  await close();
}

async function main(runs: number, only: string | undefined): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "matyan-bench-search-"));
  try {
    const parts = { aim: besideAim, alone: (at: string) => alone(at, runs), many: manyRuns, long: longSequence };
    for (const [name, part] of Object.entries(parts)) if (only === undefined || only === name) await part(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill(dataDir: string, make: (store: Store) => Promise<void>): Promise<void> {
  const { store, close } = await openEmbeddedStack({ dataDir, durability: "normal" });
  await make(store);
  await close();
}

const hashOf = (run: number) =>
  `${((run * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, "0")}${String(run).padStart(24, "0")}`;
const numbers = Array.from({ length: steps }, (_, step) => step);
const valuesOf = (run: number, metric: number) =>
  Float64Array.from(numbers, (step) => Math.sin(step / 50 + run + metric));
const times = Float64Array.from(numbers, (step) => 1_750_000_000 + step);

async function fillRuns(store: Store, runs: number): Promise<void> {
  for (let run = 0; run < runs; run++)
    await store.database.transact(async (tx) => {
      const hash = hashOf(run);
      await createRun(tx, store, hash, { createdAt: 1_750_000_000 + run, name: `run ${run}` });
      const hparams = new Map([
        ["lr", run / 1_000],
        ["batch", 32],
      ]);
      await replaceAttrs(tx, store, hash, new Map([["hparams", hparams]]));
      await writeContext(tx, store, hash, 0, new Map());
      for (let metric = 0; metric < metrics; metric++) {
        const values = valuesOf(run, metric);
        const ref = { hash, contextId: 0, name: `m${metric}` };
        await new SequenceWriter(store, ref).writeFloats(tx, { steps: numbers, values, times });
        const last = { last: values[steps - 1]!, lastStep: BigInt(steps - 1) };
        await writeTrace(tx, store, hash, { contextId: 0, name: ref.name, dtype: "float", ...last });
        const extremes = new Extremes();
        for (const value of values) extremes.add(value);
        writeStats(tx, store, ref, extremes, last);
      }
    });
}

interface Cost {
  readonly firstMs: number;
  readonly ms: number;
  readonly cpuMs: number;
  readonly bytes: number;
}

interface Peer {
  readonly base: string;
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Linux: user and system time of processes, in ms. */
async function cpuMs(pids: readonly number[]): Promise<number> {
  let ticks = 0;
  for (const pid of pids) {
    const stat = await Bun.file(`/proc/${pid}/stat`).text();
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10;
}

async function peakMb({ pids }: Peer): Promise<number> {
  const status = await Bun.file(`/proc/${pids[0]}/status`).text();
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024;
}

async function ask({ base }: Peer, path: string): Promise<{ firstMs: number; ms: number; bytes: number }> {
  const start = performance.now();
  const response = await fetch(base + path);
  if (response.status !== 200 || response.body === null) throw new Error(`${path}: ${response.status}`);
  let firstMs = 0;
  let bytes = 0;
  for await (const chunk of response.body) {
    if (bytes === 0) firstMs = performance.now() - start;
    bytes += chunk.length;
  }
  return { firstMs, ms: performance.now() - start, bytes };
}

/** The median of some requests; CPU is the mean of them. */
async function measure(peer: Peer, path: string): Promise<Cost> {
  for (let i = 0; i < warmUps; i++) await ask(peer, path);
  const before = await cpuMs(peer.pids);
  const costs = [];
  for (let i = 0; i < turns; i++) costs.push(await ask(peer, path));
  const cpu = ((await cpuMs(peer.pids)) - before) / turns;
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  return {
    firstMs: median(costs.map(({ firstMs }) => firstMs)),
    ms: median(costs.map(({ ms }) => ms)),
    cpuMs: cpu,
    bytes: costs[0]!.bytes,
  };
}

function line(title: string, { firstMs, ms, cpuMs: cpu, bytes }: Cost): void {
  const size = `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(
    `  ${title.padEnd(52)} ${ms.toFixed(1).padStart(8)} ms  first ${firstMs.toFixed(1).padStart(6)} ms  CPU ${cpu.toFixed(0).padStart(5)} ms  ${size.padStart(8)}`,
  );
}

async function startOurs(dataDir: string): Promise<Peer> {
  const process_ = Bun.spawn([process.execPath, import.meta.path, "--serve", dataDir], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await process_.stdout.getReader().read();
  const port = new TextDecoder().decode(value).trim();
  return {
    base: `http://127.0.0.1:${port}/api/v1/rest`,
    pids: [process_.pid],
    stop: async () => {
      await process_.stdin.end();
      await process_.exited;
    },
  };
}

const one = encodeURIComponent('metric.name == "m3"');
const nested = encodeURIComponent("run.hparams.lr < 0.1 and metric.name == 'm3'");

async function besideAim(folder: string): Promise<void> {
  const runs = 100;
  console.log(`${runs} runs x ${metrics} metrics x ${steps} steps`);
  const dataDir = join(folder, "hundred");
  await fill(dataDir, (store) => fillRuns(store, runs));
  const ours = await startOurs(dataDir);
  const aim = await startAim(folder, runs);
  const searches: [string, string][] = [
    ["search/run?limit=45", "/runs/search/run?limit=45"],
    ["search/run, all", "/runs/search/run?q="],
    ["search/metric?p=500, one metric of each", `/runs/search/metric?q=${one}&p=500`],
    ["search/metric?p=50, one metric of each", `/runs/search/metric?q=${one}&p=50`],
    ["search/metric?p=500, all metrics", "/runs/search/metric?q=&p=500"],
  ];
  for (const [title, path] of searches) {
    const cost = await measure(ours, path);
    line(title, cost);
    if (aim === undefined) continue;
    const theirs = await measure(aim, path);
    line("  Aim 3.29.1", theirs);
    console.log(
      `    Aim / ours: time ${(theirs.ms / cost.ms).toFixed(1)}, CPU ${(theirs.cpuMs / Math.max(1, cost.cpuMs)).toFixed(1)}`,
    );
  }
  console.log(`  peak memory ${(await peakMb(ours)).toFixed(0)} MB`);
  await ours.stop();
  await aim?.stop();
}

async function alone(folder: string, runs: number): Promise<void> {
  console.log(`${runs} runs x ${metrics} metrics x ${steps} steps`);
  const dataDir = join(folder, "thousand");
  await fill(dataDir, (store) => fillRuns(store, runs));
  const ours = await startOurs(dataDir);
  line("search/run?limit=45", await measure(ours, "/runs/search/run?limit=45"));
  line("search/run, all", await measure(ours, "/runs/search/run?q="));
  const sort = encodeURIComponent('[{"field":"run","order":"asc"}]');
  line("search/run?limit=45, by name", await measure(ours, `/runs/search/run?limit=45&sort=${sort}`));
  line("search/metric?p=500, 100 runs by lr, one metric", await measure(ours, `/runs/search/metric?q=${nested}&p=500`));
  line("search/metric?p=500, one metric of each", await measure(ours, `/runs/search/metric?q=${one}&p=500`));
  line("search/metric?p=500, all metrics", await measure(ours, "/runs/search/metric?q=&p=500"));
  console.log(`  peak memory ${(await peakMb(ours)).toFixed(0)} MB`);
  await ours.stop();
  rmSync(dataDir, { recursive: true });
}

async function manyRuns(folder: string): Promise<void> {
  console.log("100,000 runs without metrics");
  const dataDir = join(folder, "many");
  await fill(dataDir, async (store) => {
    for (let at = 0; at < 100_000; at += 500)
      await store.database.transact(async (tx) => {
        for (let run = at; run < at + 500; run++)
          await createRun(tx, store, hashOf(run), { createdAt: 1_700_000_000 + run, name: `run ${run}` });
      });
  });
  const ours = await startOurs(dataDir);
  line("search/run?limit=45", await measure(ours, "/runs/search/run?limit=45"));
  line("the page behind the 50,000th", await measure(ours, `/runs/search/run?limit=45&offset=${hashOf(50_000)}`));
  const name = encodeURIComponent("run.name == 'run 99900'");
  line("search/run?limit=45, no index, 100 runs back", await measure(ours, `/runs/search/run?limit=45&q=${name}`));
  line("search/run, all", await measure(ours, "/runs/search/run?q=&exclude_params=true&exclude_traces=true"));
  console.log(`  peak memory ${(await peakMb(ours)).toFixed(0)} MB`);
  await ours.stop();
  rmSync(dataDir, { recursive: true });
}

async function longSequence(folder: string): Promise<void> {
  const total = 5_000_000;
  console.log("one sequence of 5,000,000 steps");
  const dataDir = join(folder, "long");
  await fill(dataDir, async (store) => {
    const ref = { hash: "long", contextId: 0, name: "m3" };
    const writer = new SequenceWriter(store, ref);
    await store.database.transact(async (tx) => {
      await createRun(tx, store, "long", { createdAt: 1_750_000_000 });
      await writeContext(tx, store, "long", 0, new Map());
      await writeTrace(tx, store, "long", {
        contextId: 0,
        name: "m3",
        dtype: "float",
        last: 1,
        lastStep: BigInt(total - 1),
      });
    });
    for (let at = 0; at < total; at += 10_000)
      await store.database.transact((tx) => {
        const part = Array.from({ length: 10_000 }, (_, i) => at + i);
        const values = Float64Array.from(part, (step) => step / 7);
        return writer.writeFloats(tx, { steps: part, values, times: values });
      });
  });
  const ours = await startOurs(dataDir);
  for (const p of [50, 500, 50_000]) line(`search/metric?p=${p}`, await measure(ours, `/runs/search/metric?q=&p=${p}`));
  console.log(`  peak memory ${(await peakMb(ours)).toFixed(0)} MB`);
  await ours.stop();
}

const aimScript = `
import math, sys
from aim import Run
for run in range(int(sys.argv[2])):
    r = Run(repo=sys.argv[1], log_system_params=False, capture_terminal_logs=False, system_tracking_interval=None)
    r.name = "run %d" % run
    r["hparams"] = {"lr": run / 1000, "batch": 32}
    for step in range(${steps}):
        for metric in range(${metrics}):
            r.track(math.sin(step / 50 + run + metric), name="m%d" % metric, step=step)
    r.close()
`;

/** Aim's own server over the same points, in a folder of its own; undefined when there is no Aim. */
async function startAim(folder: string, runs: number): Promise<Peer | undefined> {
  const python = process.env["MATYAN_BENCH_PYTHON"];
  if (python === undefined) {
    console.log("  Aim: not measured, MATYAN_BENCH_PYTHON names no Python that has it");
    return undefined;
  }
  const repo = join(folder, "aim");
  const aim = (...args: string[]) => [python, "-c", "from aim.cli.cli import cli_entry_point as m; m()", ...args];
  const done = async (command: string[]) => {
    const child = Bun.spawn(command, {
      stdout: "ignore",
      stderr: "ignore",
      env: { ...process.env, AIM_ANALYTICS: "0" },
    });
    if ((await child.exited) !== 0) throw new Error(`${command.slice(3).join(" ")} failed`);
  };
  await done([python, "-c", "from aim import Repo; import sys; Repo.from_path(sys.argv[1], init=True)", repo]);
  const start = performance.now();
  await done([python, "-c", aimScript, repo, String(runs)]);
  console.log(
    `  Aim tracked ${runs * metrics * steps} points in ${((performance.now() - start) / 1_000).toFixed(0)} s`,
  );
  const port = 43_000 + (process.pid % 1_000);
  const server = Bun.spawn(aim("up", "--repo", repo, "-h", "127.0.0.1", "-p", String(port), "--yes"), {
    stdout: "ignore",
    stderr: "ignore",
  });
  const base = `http://127.0.0.1:${port}/api`;
  for (let tries = 0; ; tries++) {
    if (
      await fetch(`${base}/projects/`)
        .then((r) => r.ok)
        .catch(() => false)
    )
      break;
    if (tries > 120) throw new Error("Aim's server does not answer");
    await Bun.sleep(1_000);
  }
  const family = await childrenOf(server.pid);
  // Its index of runs is made by the server some time after it has begun.
  for (let tries = 0; tries < 120; tries++) {
    const { bytes } = await ask({ base, pids: [], stop: async () => {} }, `/runs/search/metric/?q=${one}&p=500`);
    if (bytes > runs * 4_000) break;
    await Bun.sleep(1_000);
  }
  return {
    base,
    pids: [server.pid, ...family],
    stop: async () => {
      // Its children outlive it unless they are ended too.
      for (const pid of [...family, server.pid])
        try {
          process.kill(pid);
        } catch {
          // It ended with its parent.
        }
      await server.exited;
    },
  };
}

/** Linux: all processes below one, by their ids. */
async function childrenOf(pid: number): Promise<number[]> {
  const file = Bun.file(`/proc/${pid}/task/${pid}/children`);
  const children = (await file.text()).trim().split(" ").filter(Boolean).map(Number);
  const below = await Promise.all(children.map(childrenOf));
  return [...children, ...below.flat()];
}

if (process.argv[2] === "--serve") await serve(process.argv[3]!);
else await main(Number(process.argv[2] ?? 1_000), process.argv[3]);
