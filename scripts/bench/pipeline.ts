// The pipeline of a cluster on one machine: `bun scripts/bench/pipeline.ts [SECONDS]` (10 a turn). Clients over real WebSockets, our
// frontier, a real Kafka (scripts/services/kafka), our ingestion worker, an embedded store: messages per second and the delay from
// published to durable. Beside it, in the same run and on the same broker, the existing frontier, which publishes one message at a
// time, where MATYAN_BENCH_FRONTIER names a Python that has matyan-frontier.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatTimestamp } from "../../formats/messages/index.ts";

const seconds = Number(process.argv[2] ?? 10);
const python = process.env["MATYAN_BENCH_FRONTIER"];
const folder = mkdtempSync(join(tmpdir(), "matyan-bench-pipeline-"));
const main = join(import.meta.dir, "../../cli/main.ts");
const frameSize = 100;

interface Service {
  readonly pid: number;
  stop(): Promise<void>;
}

const running = new Set<Service>();

function start(command: readonly string[], env: Readonly<Record<string, string>>) {
  const child = Bun.spawn([...command], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const service: Service = {
    pid: child.pid,
    stop: async () => {
      running.delete(service);
      child.kill();
      await child.exited;
    },
  };
  running.add(service);
  return { child, service };
}

/** Starts a command of ours and gives the document that it prints when it is ready. */
async function matyan(args: readonly string[], env: Readonly<Record<string, string>>) {
  const { child, service } = start([process.execPath, main, ...args, "--json"], env);
  let text = "";
  for await (const chunk of child.stdout) {
    text += Buffer.from(chunk).toString();
    if (text.includes("\n")) break;
  }
  return { ...service, ready: JSON.parse(text) as { frontier?: string; metrics_port?: number } };
}

/** CPU seconds of a process so far; NaN where there is no /proc. */
function cpuOf({ pid }: { readonly pid: number }): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}

/** Frames of metrics as the Python client writes them. */
function frames(run: string, count: number): string[] {
  return Array.from({ length: count }, (_, frame) => {
    const items = Array.from({ length: frameSize }, (_, i) => {
      const step = frame * frameSize + i;
      const time = formatTimestamp(1_748_772_000.000_001 + step / 1_000).replace("Z", "+00:00");
      return (
        `{"type": "log_metric", "run_id": "${run}", "name": "loss", "value": ${step / 8 + 0.0625}, "step": ${step}, "epoch": null, ` +
        `"context": {"subset": "train"}, "dtype": "float", "client_datetime": "${time}"}`
      );
    });
    return `[${items.join(", ")}]`;
  });
}

async function connect(url: string, run: string): Promise<(frame: string) => Promise<void>> {
  const socket = new WebSocket(`${url}/api/v1/ws/runs/${run}`);
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error(`no connection to ${url}`));
  });
  let settle: (text: string) => void = () => undefined;
  socket.onmessage = ({ data }) => settle(String(data));
  const ask = async (frame: string) => {
    const reply = new Promise<string>((resolve) => {
      settle = resolve;
    });
    socket.send(frame);
    const text = await reply;
    if (!text.includes('"ok"')) throw new Error(text);
  };
  await ask(`{"type": "create_run", "run_id": "${run}", "client_datetime": "2025-06-01T10:00:00.5+00:00"}`);
  return ask;
}

interface Load {
  readonly sent: number;
  readonly perSecond: number;
  /** Milliseconds from a frame sent to its reply, ascending. */
  readonly replies: Float64Array;
}

/** Sockets that each send a frame when the one before was answered, at `pace` messages a second of all or as fast as they can. */
async function load(url: string, sockets: number, forSeconds: number, pace = Number.POSITIVE_INFINITY): Promise<Load> {
  const made = frames("bench", 50);
  const ids = Array.from({ length: sockets }, () => crypto.randomUUID().replaceAll("-", ""));
  const asks = await Promise.all(ids.map((run) => connect(url, run)));
  const replies: number[] = [];
  let sent = 0;
  const begin = performance.now();
  const gap = (1_000 * frameSize * sockets) / pace;
  await Promise.all(
    asks.map(async (ask, i) => {
      for (let turn = 0; performance.now() - begin < forSeconds * 1_000; turn++) {
        const due = begin + (turn + i / sockets) * gap;
        if (gap > 0 && due > performance.now()) await Bun.sleep(due - performance.now());
        const at = performance.now();
        await ask(made[turn % made.length]!);
        replies.push(performance.now() - at);
        sent += frameSize;
      }
    }),
  );
  const took = (performance.now() - begin) / 1_000;
  return { sent, perSecond: sent / took, replies: Float64Array.from(replies).sort() };
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

interface Reading {
  readonly applied: number;
  readonly lag: number;
  /** Counts up to each bound in seconds. */
  readonly delays: readonly (readonly [bound: number, count: number])[];
}

async function read(port: number): Promise<Reading> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const sum = (pattern: RegExp) => [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
  const buckets = text.matchAll(/^matyan_ingestion_delay_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm);
  return {
    applied: sum(/^matyan_ingestion_messages_processed_total\{[^}]*\} (\d+)$/gm),
    lag: sum(/^matyan_ingestion_lag\{[^}]*\} (\d+)$/gm),
    delays: [...buckets].map(([, bound, count]) => [
      bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound),
      Number(count),
    ]),
  };
}

/** The delay below which `share` of the messages between two readings lie, read off the histogram, milliseconds. */
function delayBetween(before: Reading, after: Reading, share: number): string {
  const counts = after.delays.map(([bound, count], i) => [bound, count - (before.delays[i]?.[1] ?? 0)] as const);
  const total = counts.at(-1)?.[1] ?? 0;
  const [bound] = counts.find(([, count]) => count >= total * share) ?? [Number.NaN];
  return `<= ${(bound * 1_000).toFixed(0)} ms`;
}

async function appliedUntil(port: number, count: number): Promise<void> {
  while ((await read(port)).applied < count) await Bun.sleep(50);
}

const show = (value: number) => Math.round(value).toLocaleString("en-US");

function tell(what: string, { perSecond, replies }: Load): void {
  console.log(
    `  ${what.padEnd(34)} ${show(perSecond).padStart(8)}/s  reply p50 ${percentile(replies, 0.5).toFixed(1)} ms, p99 ${percentile(replies, 0.99).toFixed(1)} ms`,
  );
}

async function bench(): Promise<void> {
  const service = Bun.spawn([join(import.meta.dir, "../services/kafka"), "start"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const broker = (await service.stdout.text()).trim();
  if ((await service.exited) !== 0) throw new Error("this machine cannot have Kafka");
  const own = crypto.randomUUID().slice(0, 8);
  const env = (topic: string) => ({
    MATYAN_MODE: "cluster",
    MATYAN_DATA: join(folder, "data"),
    MATYAN_DURABILITY: "normal",
    KAFKA_BOOTSTRAP_SERVERS: broker,
    KAFKA_DATA_INGESTION_TOPIC: `bench-${topic}-${own}`,
    KAFKA_CONTROL_EVENTS_TOPIC: `bench-control-${own}`,
  });
  const frontier = await matyan(["frontier", "--port", "0"], env("ours"));
  const url = frontier.ready.frontier!.replace(/^http/, "ws");
  await load(url, 4, 2);

  console.log("Published through the frontier, frames of 100 metrics, each sent when the one before was answered:");
  const rates = new Map<number, number>();
  let published = 0;
  for (const sockets of [1, 8, 32]) {
    const before = cpuOf(frontier);
    const result = await load(url, sockets, seconds);
    published += result.sent;
    rates.set(sockets, result.perSecond);
    tell(`ours, ${sockets} sockets`, result);
    console.log(`    ${(((cpuOf(frontier) - before) * 1e6) / result.sent).toFixed(0)} us of CPU a message`);
  }
  if (python === undefined)
    console.log("  the existing frontier is left out: MATYAN_BENCH_FRONTIER names no Python that has it");
  else {
    const port = 30_000 + Math.floor(Math.random() * 20_000);
    const { service: theirs } = start(
      [python, "-m", "uvicorn", "matyan_frontier.app:app", "--port", String(port), "--log-level", "error"],
      {
        ...env("ours"),
        KAFKA_DATA_INGESTION_TOPIC: `bench-ours-${own}`,
        LOG_LEVEL: "ERROR",
      },
    );
    const address = `ws://127.0.0.1:${port}`;
    for (let isUp = false; !isUp; await Bun.sleep(200))
      isUp = await fetch(`http://127.0.0.1:${port}/health/ready/`).then(
        ({ status }) => status === 200,
        () => false,
      );
    await load(address, 1, 1);
    for (const sockets of [1, 8, 32]) {
      const result = await load(address, sockets, seconds);
      published += result.sent;
      tell(`existing, ${sockets} sockets`, result);
      console.log(`    ours is ${(rates.get(sockets)! / result.perSecond).toFixed(1)} times that`);
    }
    await theirs.stop();
  }

  console.log("From the topic into the store, by one worker:");
  const worker = await matyan(["worker", "ingest", "--metrics-port", "0"], env("ours"));
  const port = worker.ready.metrics_port!;
  while ((await read(port)).applied === 0) await Bun.sleep(20);
  const first = await read(port);
  const cpu = cpuOf(worker);
  const begin = performance.now();
  await appliedUntil(port, published);
  const drained = (await read(port)).applied - first.applied;
  const perSecond = drained / ((performance.now() - begin) / 1_000);
  console.log(
    `  ${show(drained)} messages that waited: ${show(perSecond)}/s, ${(((cpuOf(worker) - cpu) * 1e6) / drained).toFixed(0)} us of CPU a message`,
  );

  console.log("All together, frontier and worker and broker at the same time:");
  for (const pace of [Number.POSITIVE_INFINITY, 10_000, 5_000]) {
    while ((await read(port)).lag > 0) await Bun.sleep(200);
    const before = await read(port);
    const at = performance.now();
    const result = await load(url, 8, seconds, pace);
    const goal = before.applied + result.sent;
    await appliedUntil(port, goal);
    const rate = result.sent / ((performance.now() - at) / 1_000);
    const after = await read(port);
    const name = Number.isFinite(pace) ? `at ${show(pace)}/s` : "as fast as it goes";
    tell(name, result);
    console.log(
      `    stored ${show(rate)}/s; published to durable: p50 ${delayBetween(before, after, 0.5)}, p99 ${delayBetween(before, after, 0.99)}`,
    );
  }
}

try {
  await bench();
} finally {
  for (const service of running) await service.stop();
  rmSync(folder, { recursive: true, force: true });
}
