// Backup and restore of one large run through the real commands: points/s, MB/s and peak memory of each process.
// Usage: bun scripts/bench/backup.ts [points, default 1000000] [sequences, default 10]
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mapOf } from "../../formats/value.ts";
import { embeddedPaths, openEmbeddedStack } from "../../server/embedded.ts";
import { writeContext } from "../../server/store/contexts.ts";
import { createRun } from "../../server/store/runs.ts";
import { SequenceWriter } from "../../server/store/sequences.ts";
import { writeTrace } from "../../server/store/traces.ts";

const [points = 1_000_000, sequences = 10] = process.argv.slice(2, 4).map(Number);
const perSequence = Math.ceil(points / sequences);
const hash = "0123456789abcdef0123456789abcdef";
const main = join(import.meta.dir, "../../cli/main.ts");

/** The store is made by a process of its own: a child's peak memory counts that of its parent at the start. */
const made = process.argv[4];
if (made === undefined) {
  const folder = await mkdtemp(join(tmpdir(), "matyan-bench-backup-"));
  try {
    await bench(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
} else await fillStore({ dataDir: made, durability: "normal" });

async function bench(folder: string): Promise<void> {
  const source = { dataDir: join(folder, "source") };
  await measure([process.execPath, import.meta.path, String(points), String(sequences), source.dataDir]);
  const storeBytes = await sizeOf(embeddedPaths(source).store);
  const total = perSequence * sequences;
  console.log(
    `one run, ${total.toLocaleString("en-US")} points in ${sequences} sequences, with times; store ${mega(storeBytes)} MB`,
  );
  console.log("(the existing backend: 10,000 points in 9.3 s to back up, 2.7 s to restore)\n");

  const storeFile = embeddedPaths(source).store;
  const copy = await measure(["cp", storeFile, join(folder, "copy.db")]);
  const show = (what: string, measured: Measured, bytes: number) => print(what, measured, total, bytes, copy.seconds);
  show("floor: cp of the store file", copy, storeBytes);
  if (Bun.which("sqlite3") !== null) {
    const dump = join(folder, "dump.sql");
    show("peer: sqlite3 .dump", await measure(["sh", "-c", `sqlite3 ${storeFile} .dump > ${dump}`]), storeBytes);
    show("peer: sqlite3 < dump", await measure(["sh", "-c", `sqlite3 ${join(folder, "d.db")} < ${dump}`]), storeBytes);
    await Promise.all(["copy.db", "d.db", "dump.sql"].map((name) => rm(join(folder, name))));
  }
  const backup = await measure(matyan("backup", join(folder, "archives"), "--data", source.dataDir));
  const [name] = await readdir(join(folder, "archives"));
  const archive = join(folder, "archives", name!);
  const text = await sizeOf(join(archive, "runs", hash, "sequences.jsonl"));
  show("matyan backup (folder)", backup, text);
  show("floor: tar of the archive", await measure(["tar", "cf", join(folder, "a.tar"), "-C", archive, "."]), text);
  show(
    "matyan backup (tar.gz)",
    await measure(matyan("backup", join(folder, "a.tar.gz"), "--data", source.dataDir)),
    text,
  );
  show("matyan verify", await measure(matyan("verify", archive)), text);
  show("matyan restore (durable)", await measure(matyan("restore", archive, "--data", join(folder, "target"))), text);
  const packed = matyan("restore", join(folder, "a.tar.gz"), "--data", join(folder, "target2"));
  show("matyan restore of the tar.gz", await measure(packed), text);
  const again = await measure(matyan("restore", archive, "--data", join(folder, "target")));
  console.log(`restoring again, which changes nothing, takes ${again.seconds.toFixed(2)} s`);
}

function matyan(...args: string[]): string[] {
  return [process.execPath, main, ...args, "--quiet"];
}

interface Measured {
  readonly seconds: number;
  /** Bytes. */
  readonly peak: number;
}

async function measure(command: string[]): Promise<Measured> {
  const start = performance.now();
  const child = Bun.spawn(command, { stdout: "ignore", stderr: "inherit" });
  const code = await child.exited;
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}`);
  return { seconds: (performance.now() - start) / 1000, peak: child.resourceUsage()?.maxRSS ?? 0 };
}

function print(what: string, { seconds, peak }: Measured, count: number, bytes: number, floor: number): void {
  const rate = `${Math.round(count / seconds / 1000).toLocaleString("en-US")}k points/s`;
  const ratio = `${(seconds / floor).toFixed(1)}x the copy`;
  const columns = [`${seconds.toFixed(2)} s`, rate, `${mega(bytes / seconds)} MB/s`, `peak ${mega(peak)} MB`, ratio];
  console.log(what.padEnd(34), columns.map((column) => column.padStart(16)).join(""));
}

function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}

async function fillStore(config: { readonly dataDir: string; readonly durability: "normal" }): Promise<void> {
  await using stack = await openEmbeddedStack(config);
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
    const { setAttrs } = await import("../../server/store/attrs.ts");
    await setAttrs(tx, store, hash, [], mapOf({ hparams: mapOf({ lr: 0.1 }) }));
  });
}
