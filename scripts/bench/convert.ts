// Conversion of TensorBoard logs: events per CPU second and peak memory of `matyan convert tensorboard`, beside the existing
// converter (matyan-client) and TensorBoard's own reader when MATYAN_BENCH_PYTHON names a Python that has them.
// Usage: bun scripts/bench/convert.ts [--events N] [--tags N] [--scale] [--keep]
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeImageLog, writeScalarLog } from "./eventLog.ts";

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

try {
  const logdir = join(work, "scalars");
  mkdirSync(logdir);
  const size = writeScalarLog(join(logdir, "events.out.tfevents.1700000000.bench.1.0"), events, tags);
  console.log(`${events.toLocaleString("en-US")} scalar events, ${tags} tags, ${(size / 1e6).toFixed(1)} MB`);
  const own = await best("matyan, 1 worker", () => convert(logdir, 1), events);
  await measure("matyan, 2 workers", convert(logdir, 2), events);
  await comparePeers(logdir, own);
  if (values.scale) {
    // Memory must not depend on size: ten times the events, and images of 2 MB each.
    const large = join(work, "large");
    mkdirSync(large);
    writeScalarLog(join(large, "events.out.tfevents.1700000000.bench.1.0"), events * 10, tags);
    await measure("matyan, 1 worker, ten times as much", convert(large, 1), events * 10);
    await measure("matyan, 2 workers, ten times as much", convert(large, 2), events * 10);
    const images = join(work, "images");
    mkdirSync(images);
    const file = join(images, "events.out.tfevents.1700000000.bench.1.0");
    writeImageLog(file, 300, 2_000_000);
    console.log(`300 images of 2 MB, ${(statSync(file).size / 1e6).toFixed(0)} MB`);
    await measure("matyan, 1 worker, images", convert(images, 1), 300);
    await measure("matyan, 2 workers, images", convert(images, 2), 300);
    const huge = join(work, "huge");
    mkdirSync(huge);
    writeImageLog(join(huge, "events.out.tfevents.1700000000.bench.1.0"), 5, 60_000_000);
    await measure("matyan, 1 worker, images of 60 MB", convert(huge, 1), 5);
  }
} finally {
  if (values.keep) console.log(work);
  else rmSync(work, { recursive: true, force: true });
}
