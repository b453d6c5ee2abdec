// Ingestion end to end: `bun scripts/bench/ingest.ts [POINTS] [FOLDER]`, default 200,000 points a turn. Points that clients were told
// are stored, per second, over real WebSockets to `matyan serve` in a process of its own: 1, 4, 16 and 2,000 connections, a run
// each, frames of 100, each sent when the one before was acknowledged, as the Python client does. Beside it, where
// MATYAN_BENCH_PYTHON names a Python that has Aim, Aim's `Run.track` in its own process, which has no server in between.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatTimestamp } from "../../formats/messages/index.ts";

const count = Number(process.argv[2] ?? 200_000);
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), "matyan-bench-ingest-"));
const batch = 100;
const sequences = 10;

interface Served {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

async function serve(data: string, durability: string): Promise<Served> {
  const main = join(import.meta.dir, "../../cli/main.ts");
  const command = [process.execPath, main, "serve", "--data", data, "--port", "0", "--frontier-port", "0", "--json"];
  const child = Bun.spawn(command, {
    env: { ...process.env, MATYAN_DURABILITY: durability },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const chunk of child.stdout) {
    text += Buffer.from(chunk).toString();
    if (text.includes("\n")) break;
  }
  const { frontier } = JSON.parse(text) as { frontier: string };
  return {
    url: frontier.replace(/^http/, "ws"),
    pid: child.pid,
    stop: async () => {
      child.kill();
      await child.exited;
    },
  };
}

/** CPU seconds and peak memory in MB of a process; NaN where there is no /proc. */
function used(pid: number): { readonly cpu: number; readonly peak: number } {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return { cpu: (Number(fields[11]) + Number(fields[12])) / 100, peak: Number(peak) / 1_000 };
  } catch {
    return { cpu: Number.NaN, peak: Number.NaN };
  }
}

/** Frames as the Python client writes them, made beforehand so that the server's rate is what is seen. */
function framesOf(total: number): string[] {
  return Array.from({ length: Math.ceil(total / batch) }, (_, f) => {
    const items = Array.from({ length: batch }, (_, i) => {
      const n = f * batch + i;
      const time = formatTimestamp(1_748_772_000.000_001 + n / 1_000).replace("Z", "+00:00");
      return (
        `{"type": "log_metric", "run_id": "x", "name": "metric_${n % sequences}", "value": ${1 / (n + 1)}, ` +
        `"step": ${Math.floor(n / sequences)}, "epoch": null, "context": {"subset": "train"}, "dtype": "float", "client_datetime": "${time}"}`
      );
    });
    return `[${items.join(", ")}]`;
  });
}

/** Sends one frame after the other; resolves when the last one is acknowledged. */
async function sendAll(url: string, run: string, frames: readonly string[], latencies: number[]): Promise<void> {
  const socket = new WebSocket(`${url}/api/v1/ws/runs/${run}`);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let next = 0;
  let sent = 0;
  const send = () => {
    sent = performance.now();
    socket.send(frames[next++]!);
  };
  socket.onopen = () => {
    sent = performance.now();
    socket.send(`{"type": "create_run", "run_id": "${run}", "client_datetime": "2025-06-01T10:00:00+00:00"}`);
  };
  socket.onmessage = ({ data }) => {
    if (data !== '{"status":"ok","error":null}') return reject(new Error(String(data)));
    if (next > 0) latencies.push(performance.now() - sent);
    if (next === frames.length) return resolve();
    send();
  };
  socket.onclose = ({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`));
  await promise;
  socket.onclose = null;
  socket.close();
}

async function measure(connections: number, durability: string, turn: number): Promise<void> {
  const served = await serve(join(folder, `${durability}-${connections}-${turn}`), durability);
  const frames = framesOf(Math.max(count / connections, 5 * batch));
  const latencies: number[] = [];
  await sendAll(served.url, "warm0000", frames.slice(0, 50), []);
  const before = used(served.pid);
  const start = performance.now();
  const runs = Array.from({ length: connections }, (_, i) => `${i}`.padStart(8, "a"));
  await Promise.all(runs.map((run) => sendAll(served.url, run, frames, latencies)));
  const seconds = (performance.now() - start) / 1_000;
  const after = used(served.pid);
  await served.stop();
  const points = frames.length * batch * connections;
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor((latencies.length - 1) * share)]!.toFixed(1);
  const cpu = after.cpu - before.cpu;
  console.log(
    `${durability.padEnd(6)} ${String(connections).padStart(4)} connections ${rate(points / seconds)}/s  ` +
      `${rate(points / cpu)}/s per core  reply p50 ${at(0.5)} ms, p99 ${at(0.99)} ms  peak ${after.peak.toFixed(0)} MB`,
  );
}

function rate(perSecond: number): string {
  return Math.round(perSecond).toLocaleString("en-US").padStart(8);
}

const aim = `
import sys, time, resource
from aim import Run
count = int(sys.argv[1])
run = Run(repo=sys.argv[2], system_tracking_interval=None, capture_terminal_logs=False)
def track(first, last):
    for n in range(first, last):
        run.track(1 / (n + 1), name=f"metric_{n % 10}", step=n // 10, context={"subset": "train"})
track(0, 1000)
cpu = time.process_time(); start = time.perf_counter()
track(1000, 1000 + count)
run.report_successful_finish(block=True) if hasattr(run, "report_successful_finish") else None
print(count / (time.perf_counter() - start), count / (time.process_time() - cpu), flush=True)
`;

async function measureAim(python: string): Promise<void> {
  const script = join(folder, "aim_track.py");
  const repo = join(folder, "aim");
  writeFileSync(script, aim);
  const points = Math.min(count, 50_000);
  const child = Bun.spawn([python, script, String(points), repo], { stdio: ["ignore", "pipe", "pipe"] });
  const [text, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`Aim failed: ${errors.slice(-500)}`);
  const [perSecond = Number.NaN, perCore = Number.NaN] = text.trim().split("\n").at(-1)!.split(" ").map(Number);
  console.log(`Aim's Run.track, ${points} points ${rate(perSecond)}/s  ${rate(perCore)}/s per core`);
}

try {
  for (const durability of ["full", "normal"])
    for (const connections of [1, 4, 16]) await measure(connections, durability, 0);
  await measure(2_000, "normal", 0);
  const python = process.env["MATYAN_BENCH_PYTHON"];
  if (python === undefined) console.log("Aim: not measured, MATYAN_BENCH_PYTHON names no Python that has it");
  else await measureAim(python);
} finally {
  rmSync(folder, { recursive: true });
}
