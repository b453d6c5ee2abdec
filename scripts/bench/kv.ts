// What the key-value layer costs over bun:sqlite alone: `bun scripts/bench/kv.ts [POINTS] [FOLDER]`, default 300000 points.
// Same file settings, keys and transactions for both, in turns in one run; a ratio over 1 means that ours is faster.
import { Database as Sqlite } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TupleWriter } from "../../formats/tuple.ts";
import { openEmbedded } from "../../server/kv/embedded.ts";
import { type KeyRange, prefixRange } from "../../server/kv/index.ts";

const points = Number(process.argv[2] ?? 300_000);
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), "matyan-bench-kv-"));

/** Keys of a metric's sequence, as the store writes them: two for a point. */
const prefix = new TupleWriter().string("3f2a9c").string("seqs").integer(2326457826).string("loss").finish();
const value = new Uint8Array(9).fill(0xcb);

function keyOf(column: string, step: number): Uint8Array {
  return new TupleWriter().raw(prefix).string(column).integer(step).finish();
}

function* keys(begin: number, end: number): Generator<Uint8Array> {
  for (let step = begin; step < end; step++) {
    yield keyOf("time", step);
    yield keyOf("val", step);
  }
}

interface Store {
  readonly name: string;
  put(keys: Iterable<Uint8Array>): Promise<void>;
  scan(range: KeyRange): Promise<number>;
  seek(ranges: readonly KeyRange[]): Promise<number>;
  get(keys: readonly Uint8Array[]): Promise<number>;
  close(): Promise<void>;
}

async function ours(): Promise<Store> {
  const database = await openEmbedded({ path: join(folder, "ours.db"), durability: "full" });
  return {
    name: "server/kv",
    put: (keys) =>
      database.transact(async (tx) => {
        for (const key of keys) tx.set(key, value);
      }),
    scan: (range) =>
      database.snapshot(async (tx) => {
        let rows = 0;
        for await (const batch of tx.range(range)) rows += batch.length;
        return rows;
      }),
    seek: (ranges) =>
      database.snapshot(async (tx) => (await tx.firstOfEach(ranges)).filter((pair) => pair !== undefined).length),
    get: (keys) =>
      database.snapshot(async (tx) => (await tx.getMany(keys)).filter((found) => found !== undefined).length),
    close: () => database.close(),
  };
}

/** What one writes by hand: a prepared statement for each thing, a row a statement. */
function raw(): Store {
  const path = join(folder, "raw.db");
  const [writer, reader] = [new Sqlite(path, { create: true }), new Sqlite(path)];
  const settings = ["page_size = 4096", "journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"];
  for (const setting of [...settings, "wal_autocheckpoint = 8000"]) writer.run(`PRAGMA ${setting}`);
  writer.run("CREATE TABLE kv(k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID");
  reader.run("PRAGMA cache_size = -16384");
  const put = writer.prepare("REPLACE INTO kv(k, v) VALUES (?, ?)");
  const page = reader.prepare<unknown, (Uint8Array | number)[]>(
    "SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k LIMIT ?",
  );
  const first = reader.prepare<unknown, Uint8Array[]>("SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k LIMIT 1");
  const get = reader.prepare<unknown, Uint8Array[]>("SELECT v FROM kv WHERE k = ?");
  const inSnapshot = (read: () => number): number => {
    reader.run("BEGIN");
    const answer = read();
    reader.run("COMMIT");
    return answer;
  };
  return {
    name: "bun:sqlite",
    async put(keys) {
      writer.run("BEGIN IMMEDIATE");
      for (const key of keys) put.run(key, value);
      writer.run("COMMIT");
    },
    scan: async ({ begin, end }) =>
      inSnapshot(() => {
        let rows = 0;
        for (let from = begin; ; ) {
          const found = page.values(from, end, 1000) as [Uint8Array, Uint8Array][];
          rows += found.length;
          if (found.length < 1000) return rows;
          from = new Uint8Array([...found.at(-1)![0], 0]);
        }
      }),
    seek: async (ranges) =>
      inSnapshot(() => ranges.reduce((sum, { begin, end }) => sum + first.values(begin, end).length, 0)),
    get: async (keys) => inSnapshot(() => keys.reduce((sum, key) => sum + get.values(key).length, 0)),
    async close() {
      reader.close();
      writer.close();
    },
  };
}

/** Seconds for `work`; its answer must be `expected`. */
async function time(expected: number, work: () => Promise<number>): Promise<number> {
  const begin = performance.now();
  const answer = await work();
  if (answer !== expected) throw new Error(`expected ${expected}, got ${answer}`);
  return (performance.now() - begin) / 1000;
}

const stores = [await ours(), raw()];

/** Runs it on each store in turns, and prints the best of the rounds for each, and the median of the rounds' ratios. */
async function compare(
  what: string,
  unit: string,
  amount: number,
  rounds: number,
  run: (store: Store, round: number) => Promise<number>,
) {
  const seconds: number[][] = stores.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const index of round % 2 === 0 ? [0, 1] : [1, 0])
      seconds[index]!.push(await time(amount, () => run(stores[index]!, round)));
  const best = seconds.map((all) => Math.min(...all));
  const ratios = seconds[0]!.map((own, round) => seconds[1]![round]! / own).sort((a, b) => a - b);
  const rates = stores.map(({ name }, index) => `${name} ${rate(amount / best[index]!)}`).join(", ");
  console.log(`${what}: ${rates} ${unit}/s; ratio ${ratios[rounds >> 1]!.toFixed(2)}`);
}

function rate(perSecond: number): string {
  return perSecond >= 10_000 ? `${(perSecond / 1000).toFixed(0)}k` : perSecond.toFixed(0);
}

async function putPoints(store: Store, begin: number, count: number, pointsPerTransaction: number): Promise<number> {
  for (let step = begin; step < begin + count; step += pointsPerTransaction)
    await store.put(keys(step, Math.min(step + pointsPerTransaction, begin + count)));
  return 2 * count;
}

try {
  const rounds = 6;
  const share = Math.floor(points / rounds / 1000) * 1000;
  for (const [index, perTransaction] of [500, 1000].entries())
    await compare(`${2 * perTransaction} puts a durable transaction`, "puts", 2 * share, rounds, (store, round) =>
      putPoints(store, (index * rounds + round) * share, share, perTransaction),
    );
  const stored = 2 * rounds * share;
  await compare("one put a durable transaction", "transactions", 200, 4, async (store, round) => {
    for (let count = 0; count < 200; count++) await store.put([keyOf("single", round * 200 + count)]);
    return 200;
  });
  await compare("scan", "pairs", stored, 4, (store) =>
    store.scan({ begin: keyOf("val", 0), end: keyOf("val", stored) }),
  );
  const steps = Array.from({ length: 500 }, (_, index) => Math.floor((index * stored) / 500));
  const ranges = steps.map((step) => ({ begin: keyOf("val", step), end: prefixRange(prefix).end }));
  const seeks = 20;
  const repeat = async (work: () => Promise<number>) => {
    let sum = 0;
    for (let count = 0; count < seeks; count++) sum += await work();
    return sum;
  };
  await compare(`500 seeks over ${stored} points`, "seeks", 500 * seeks, 6, (store) =>
    repeat(() => store.seek(ranges)),
  );
  const wanted = steps.map((step) => keyOf("val", step));
  await compare("500 gets", "gets", 500 * seeks, 6, (store) => repeat(() => store.get(wanted)));
  await compare("one get a snapshot", "snapshots", 5000, 6, async (store) => {
    let sum = 0;
    for (let count = 0; count < 5000; count++) sum += await store.get([wanted[count % 500]!]);
    return sum;
  });
  console.log(`peak memory ${(process.resourceUsage().maxRSS / 1e3).toFixed(0)} MB`);
} finally {
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true });
}
