// One large run in a store, and what a command takes: shared by the benchmarks of backups and of moves between servers.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mapOf } from "../../formats/value.ts";
import { openEmbeddedStack } from "../../server/embedded.ts";
import { setAttrs } from "../../server/store/attrs.ts";
import { writeContext } from "../../server/store/contexts.ts";
import { createRun } from "../../server/store/runs.ts";
import { SequenceWriter } from "../../server/store/sequences.ts";
import { writeTrace } from "../../server/store/traces.ts";

export const hash = "0123456789abcdef0123456789abcdef";
const main = join(import.meta.dir, "../../cli/main.ts");

export function matyan(...args: string[]): string[] {
  return [process.execPath, main, ...args, "--quiet"];
}

export interface Measured {
  readonly seconds: number;
  /** Bytes. */
  readonly peak: number;
}

/** Runs `bench` in a folder that is gone afterwards. */
export async function inFolder(name: string, bench: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), `matyan-bench-${name}-`));
  try {
    await bench(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function measure(command: string[]): Promise<Measured> {
  const start = performance.now();
  const child = Bun.spawn(command, { stdout: "ignore", stderr: "inherit" });
  const code = await child.exited;
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}`);
  return { seconds: (performance.now() - start) / 1000, peak: child.resourceUsage()?.maxRSS ?? 0 };
}

export function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** `sequences` metrics of `perSequence` points with times. */
export async function fillStore(dataDir: string, sequences: number, perSequence: number): Promise<void> {
  await using stack = await openEmbeddedStack({ dataDir, durability: "normal" });
  const { store, database } = stack;
  await database.transact(async (tx) => {
    await createRun(tx, store, hash, { createdAt: 1_700_000_000 });
    await writeContext(tx, store, hash, 0, new Map());
  });
  const chunk = 10_000;
  for (let sequence = 0; sequence < sequences; sequence++) {
    const name = `metric/${sequence}`;
    const writer = new SequenceWriter(store, { hash, contextId: 0, name });
    for (let from = 0; from < perSequence; from += chunk) {
      const count = Math.min(chunk, perSequence - from);
      const steps = Float64Array.from({ length: count }, (_, i) => from + i);
      const values = steps.map((step) => Math.exp(-step / perSequence) + Math.sin(step * 1.7) / 10);
      const times = steps.map((step) => 1_700_000_000 + step * 0.0137);
      await database.transact((tx) => writer.writeFloats(tx, { steps, values, times }));
    }
    await database.transact((tx) =>
      writeTrace(tx, store, hash, { contextId: 0, name, dtype: "float", last: 0.5, lastStep: BigInt(perSequence - 1) }),
    );
  }
  await database.transact(async (tx) => {
    await setAttrs(tx, store, hash, [], mapOf({ hparams: mapOf({ lr: 0.1 }) }));
  });
}
