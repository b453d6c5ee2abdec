// Conversion of TensorBoard logs: events per CPU second and peak memory of `matyan convert tensorboard`, beside the existing
// converter (matyan-client) and TensorBoard's own reader when MATYAN_BENCH_PYTHON names a Python that has them.
// Usage: bun scripts/bench/convert.ts [--events N] [--tags N] [--scale] [--keep]
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    tags: { type: "string", default: "10" },
    scale: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});
const events = Number(values.events);
const tags = Number(values.tags);
const root = join(import.meta.dir, "../..");
const work = mkdtempSync(join(tmpdir(), "matyan-bench-convert-"));

interface Measured {
  readonly what: string;
  readonly events: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly peakMegabytes: number;
}

/** Runs a command to its end; CPU seconds are user and system time of the process and its threads. */
async function measure(what: string, command: string[], count: number): Promise<Measured> {
  const started = performance.now();
  const child = Bun.spawn(command, { cwd: root, stdout: "ignore", stderr: "pipe" });
  const errors = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed:\n${errors}`);
  const usage = child.resourceUsage()!;
  const measured = {
    what,
    events: count,
    cpuSeconds: Number(usage.cpuTime.total) / 1e6,
    wallSeconds: (performance.now() - started) / 1000,
    peakMegabytes: usage.maxRSS / 1e6,
  };
  print(measured);
  return measured;
}

function print({ what, events: count, cpuSeconds, wallSeconds, peakMegabytes }: Measured): void {
  const perSecond = Math.round(count / cpuSeconds).toLocaleString("en-US");
  console.log(
    `${what.padEnd(46)} ${cpuSeconds.toFixed(2).padStart(7)} CPU s ${wallSeconds.toFixed(2).padStart(7)} s ` +
      `${peakMegabytes.toFixed(0).padStart(6)} MB ${perSecond.padStart(12)} events per CPU second`,
  );
}

function convert(logdir: string, workers: number): string[] {
  const out = join(work, "archive");
  rmSync(out, { recursive: true, force: true });
  const options = ["--workers", String(workers), "--quiet"];
  return [process.execPath, join(root, "cli/main.ts"), "convert", "tensorboard", logdir, out, ...options];
}

/** The best of three: what the machine's other work takes away is not what is measured. */
async function best(what: string, command: () => string[], count: number): Promise<Measured> {
  const runs: Measured[] = [];
  for (let turn = 1; turn <= 3; turn++) runs.push(await measure(`${what}, run ${turn}`, command(), count));
  return runs.reduce((least, each) => (each.cpuSeconds < least.cpuSeconds ? each : least));
}

async function comparePeers(logdir: string, own: Measured): Promise<void> {
  const python = process.env["MATYAN_BENCH_PYTHON"];
  if (!python || !existsSync(python)) {
    console.log("MATYAN_BENCH_PYTHON is not set: no comparison with the existing converter and TensorBoard's reader");
    return;
  }
  const reader = [
    "import sys",
    "from tensorboard.backend.event_processing import event_accumulator as e",
    "a = e.EventAccumulator(sys.argv[1], size_guidance={e.SCALARS: 0})",
    "a.Reload()",
    "assert sum(len(a.Scalars(t)) for t in a.Tags()['scalars']) == int(sys.argv[2])",
  ].join("\n");
  const peers = [
    await measure("TensorBoard's EventAccumulator", [python, "-c", reader, logdir, String(own.events)], own.events),
    await measure(
      "matyan-client convert tensorboard",
      [
        python,
        "-c",
        "from matyan_client.cli import main; main()",
        "convert",
        "tensorboard",
        logdir,
        join(work, "peer"),
        "--workers",
        "1",
      ],
      own.events,
    ),
  ];
  for (const peer of peers)
    console.log(
      `  ${(peer.cpuSeconds / own.cpuSeconds).toFixed(0)}x less CPU, ${(peer.peakMegabytes / own.peakMegabytes).toFixed(1)}x less memory than ${peer.what}`,
    );
}

/**
 * Makes a folder with one log, in a process of its own: Linux counts what this process ever held into the peak memory
 * of its children.
 */
async function makeLog(kind: "scalars" | "images", count: number, size: number): Promise<string> {
  const logdir = join(work, `${kind}-${count}-${size}`);
  mkdirSync(logdir);
  const file = join(logdir, "events.out.tfevents.1700000000.bench.1.0");
  const writer = join(import.meta.dir, "eventLog.ts");
  const child = Bun.spawn([process.execPath, writer, kind, file, String(count), String(size)], { stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`${file} could not be written`);
  const unit = kind === "scalars" ? `scalar events, ${size} tags` : `images of ${size / 1e6} MB`;
  console.log(`${count.toLocaleString("en-US")} ${unit}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
  return logdir;
}

try {
  const logdir = await makeLog("scalars", events, tags);
  const own = await best("matyan, 1 worker", () => convert(logdir, 1), events);
  await measure("matyan, 2 workers", convert(logdir, 2), events);
  await comparePeers(logdir, own);
  if (values.scale) {
    // Memory must not depend on size: ten times the events, many images, and images nearly as large as a record may be.
    for (const [kind, count, size] of [
      ["scalars", events * 10, tags],
      ["images", 300, 2_000_000],
      ["images", 5, 60_000_000],
    ] as const) {
      const large = await makeLog(kind, count, size);
      for (const workers of [1, 2]) await measure(`matyan, ${workers} worker(s)`, convert(large, workers), count);
      rmSync(large, { recursive: true });
    }
  }
} finally {
  if (values.keep) console.log(work);
  else rmSync(work, { recursive: true, force: true });
}
