// What the data model costs: `bun scripts/bench/store.ts [POINTS] [FOLDER]`, default 1,000,000 points of one sequence.
// Peers in the same run, in turns: bun:sqlite alone writing and reading the same rows, and aim's Run.track when
// MATYAN_BENCH_PYTHON names a Python that has aim. A ratio over 1 means that ours is faster.
import { Database as Sqlite } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbedded } from "../../server/kv/embedded.ts";
import { openStore, type Store } from "../../server/store/index.ts";
import { createRun, deleteRun } from "../../server/store/runs.ts";
import {
  columnPrefix,
  readSequence,
  type SequenceRef,
  SequenceWriter,
  sampleSequence,
  stepKey,
} from "../../server/store/sequences.ts";

const points = Number(process.argv[2] ?? 1_000_000);
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), "matyan-bench-store-"));
/** Points of one durable commit. */
const batch = 1_000;
/** Turns: ours and the peer change places this many times, and the best of each counts. */
const turns = 3;
const hash = "3f2a9c1e5b7d4f80a1c2e3d4f5061728";

const perSecond = (count: number, ms: number) => Math.round((count / ms) * 1_000);
const number = (value: number) => value.toLocaleString("en-US");

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const columns = {
  steps: new Array<number>(batch),
  values: new Float64Array(batch),
  times: new Float64Array(batch),
  epochs: new Array<number>(batch),
};

function fill(first: number): typeof columns {
  for (let i = 0; i < batch; i++) {
    columns.steps[i] = first + i;
    columns.values[i] = 1 / (first + i + 1);
    columns.times[i] = 1_700_000_000 + first + i;
    columns.epochs[i] = Math.floor((first + i) / 10_000);
  }
  return columns;
}

async function writeOurs(store: Store, ref: SequenceRef, withEpochs: boolean): Promise<void> {
  const writer = new SequenceWriter(store, ref);
  for (let first = 0; first < points; first += batch) {
    const { steps, values, times, epochs } = fill(first);
    const floats = withEpochs ? { steps, values, times, epochs } : { steps, values, times };
    await store.database.transact((tx) => writer.writeFloats(tx, floats));
  }
}

/** What one writes by hand: the same keys and values, one prepared statement, a row a call. */
function writePeer(peer: Sqlite, store: Store, ref: SequenceRef): void {
  const put = peer.prepare("REPLACE INTO kv(k, v) VALUES (?, ?)");
  const prefixes = { val: columnPrefix(store, ref, "val"), time: columnPrefix(store, ref, "time") };
  const value = new Uint8Array(9);
  const view = new DataView(value.buffer);
  value[0] = 0xcb;
  for (let first = 0; first < points; first += batch) {
    const { steps, values, times } = fill(first);
    peer.run("BEGIN IMMEDIATE");
    for (let i = 0; i < batch; i++) {
      view.setFloat64(1, values[i]!);
      put.run(stepKey(prefixes.val, BigInt(steps[i]!)), value);
      view.setFloat64(1, times[i]!);
      put.run(stepKey(prefixes.time, BigInt(steps[i]!)), value);
    }
    peer.run("COMMIT");
  }
  put.finalize();
}

function openPeer(path: string): Sqlite {
  const peer = new Sqlite(path, { create: true });
  for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"])
    peer.run(`PRAGMA ${pragma}`);
  peer.run("CREATE TABLE IF NOT EXISTS kv(k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID");
  return peer;
}

async function scanOurs(store: Store, ref: SequenceRef): Promise<void> {
  let count = 0;
  await store.database.snapshot(async (tx) => {
    for await (const some of readSequence(tx, store, ref)) count += some.length;
  });
  if (count !== points) throw new Error(`${count} points were read`);
}

/** The two columns' rows as the driver gives them, undecoded. */
function scanPeer(peer: Sqlite, store: Store, ref: SequenceRef): void {
  const scan = peer.prepare("SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k");
  for (const column of ["val", "time"] as const) {
    const begin = columnPrefix(store, ref, column);
    const end = Buffer.concat([begin, Uint8Array.of(0xff)]);
    let count = 0;
    for (const _ of scan.iterate(begin, end)) count++;
    if (count !== points) throw new Error(`${count} rows were read`);
  }
  scan.finalize();
}

async function median(count: number, work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) times.push(await timed(work));
  return times.sort((a, b) => a - b)[count >> 1]!;
}

/** Times `Run.track` of aim, the tool that the existing one descends from, in its own process: points per second. */
function trackWithAim(python: string): number | undefined {
  const count = Math.min(points, 20_000);
  const script = `
import sys, time
from aim import Run
run = Run(repo=sys.argv[1], system_tracking_interval=None, log_system_params=False)
start = time.perf_counter()
for i in range(${count}):
    run.track(1 / (i + 1), name="loss", step=i, context={"subset": "train"})
run.close()
print("POINTS", ${count} / (time.perf_counter() - start))
`;
  const { stdout, stderr, success } = Bun.spawnSync([python, "-c", script, join(folder, "aim")]);
  const rate = /POINTS ([\d.]+)/.exec(stdout.toString())?.[1];
  if (success && rate !== undefined) return Number(rate);
  console.log(`aim: not measured (${stderr.toString().trim().split("\n").at(-1)})`);
  return undefined;
}

try {
  const best = { ours: Infinity, peer: Infinity, oursScan: Infinity, peerScan: Infinity };
  for (let turn = 0; turn < turns; turn++) {
    const database = await openEmbedded({ path: join(folder, `ours${turn}.db`), durability: "full" });
    const store = await openStore(database);
    const ref = { hash, contextId: 2326457826, name: "train/loss" };
    await database.transact((tx) => createRun(tx, store, hash, { createdAt: 1 }));
    best.ours = Math.min(best.ours, await timed(() => writeOurs(store, ref, false)));
    best.oursScan = Math.min(best.oursScan, await timed(() => scanOurs(store, ref)));
    const peer = openPeer(join(folder, `peer${turn}.db`));
    best.peer = Math.min(best.peer, await timed(async () => writePeer(peer, store, ref)));
    best.peerScan = Math.min(best.peerScan, await timed(async () => scanPeer(peer, store, ref)));
    peer.close();
    if (turn === turns - 1) await rest(store);
    await database.close();
  }
  const line = (what: string, ours: number, peer: number) =>
    console.log(
      `${what}: ${number(ours)} points/s; bun:sqlite alone ${number(peer)}; ratio ${(ours / peer).toFixed(2)}`,
    );
  line(
    `write, value and time, durable commits of ${number(batch)}`,
    perSecond(points, best.ours),
    perSecond(points, best.peer),
  );
  line(
    "read all, columns merged (alone: rows undecoded)",
    perSecond(points, best.oursScan),
    perSecond(points, best.peerScan),
  );
  const python = process.env["MATYAN_BENCH_PYTHON"];
  const aim = python === undefined ? undefined : trackWithAim(python);
  if (python === undefined) console.log("MATYAN_BENCH_PYTHON is not set: no comparison with aim's Run.track");
  if (aim !== undefined)
    console.log(
      `aim Run.track: ${number(Math.round(aim))} points/s; ratio ${(perSecond(points, best.ours) / aim).toFixed(0)}`,
    );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** What needs one long sequence: samples of it, and its delete. */
async function rest(store: Store): Promise<void> {
  const withEpochs = { hash, contextId: 0, name: "with epochs" };
  const ms = await timed(() => writeOurs(store, withEpochs, true));
  console.log(`write, value, time and epoch: ${number(perSecond(points, ms))} points/s`);
  const sample = () => store.database.snapshot((tx) => sampleSequence(tx, store, withEpochs, 500));
  const [first, later] = [await timed(sample), await median(25, sample)];
  const values = await median(25, () =>
    store.database.snapshot((tx) => sampleSequence(tx, store, withEpochs, 500, { columns: [] })),
  );
  console.log(
    `500 points of ${number(points)} with times and epochs: first ${first.toFixed(2)} ms, median ${later.toFixed(2)} ms; values only ${values.toFixed(2)} ms`,
  );
  let keys = 0;
  const deletion = await timed(async () => {
    keys = (await deleteRun(store, hash, { now: 2 })).keys;
  });
  console.log(
    `delete a run of ${number(keys)} keys: ${Math.round(deletion)} ms, ${number(perSecond(keys, deletion))} keys/s`,
  );
}
