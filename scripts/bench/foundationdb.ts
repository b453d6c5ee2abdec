// What the FoundationDB engine costs beside the embedded one and beside the official Python binding:
// `bun scripts/bench/foundationdb.ts CLUSTER_FILE LIBRARY [PYTHON]`; PYTHON is one that has the package foundationdb.
// Same keys, values and transactions for all, in turns in one run. Its keys are removed at the end.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openEmbedded } from "../../server/kv/embedded.ts";
import { openFoundationDb } from "../../server/kv/foundationdb/index.ts";
import { type Database, prefixRange } from "../../server/kv/index.ts";

const [clusterFile, library, python] = process.argv.slice(2);
if (clusterFile === undefined || library === undefined)
  throw new Error("usage: bun scripts/bench/foundationdb.ts CLUSTER_FILE LIBRARY [PYTHON]");

const works = { puts: 100_000, puts4: 100_000, scan: 100_000, gets: 10_000, single: 200 } as const;
type Work = keyof typeof works;
const titles: Record<Work, string> = {
  puts: "puts, 1,000 a transaction, one after another",
  puts4: "puts, 1,000 a transaction, 4 in flight",
  scan: "pairs scanned",
  gets: "gets, 32 in flight, a transaction each",
  single: "transactions of one put, one after another",
};

interface Spent {
  /** Wall clock. */
  readonly seconds: number;
  /** Of the client's process, all threads. */
  readonly cpu: number;
}

interface Contender {
  readonly name: string;
  run(work: Work): Promise<Spent>;
}

const prefix = Buffer.from("\x02matyan-bench\x00", "latin1");
const value = new Uint8Array(9).fill(0xcb);

function keyOf(index: number): Uint8Array {
  return Buffer.concat([prefix, Buffer.from(String(index).padStart(40, "0"))]);
}

/** Runs `work` for 0 to count - 1, in steps, at most `inFlight` at a time. */
async function each(count: number, step: number, inFlight: number, work: (begin: number) => Promise<void>) {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const begin = next;
      next += step;
      await work(begin);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

async function perform(database: Database, work: Work): Promise<void> {
  const count = works[work];
  const put = (begin: number) =>
    database.transact(async (tx) => {
      for (let index = begin; index < begin + 1000; index++) tx.set(keyOf(index), value);
    });
  const get = async (index: number) => {
    const found = await database.snapshot((tx) => tx.get(keyOf(index)));
    if (found === undefined) throw new Error(`key ${index} is missing`);
  };
  if (work === "puts") await each(count, 1000, 1, put);
  if (work === "puts4") await each(count, 1000, 4, put);
  if (work === "gets") await each(count, 1, 32, get);
  if (work === "single")
    await each(count, 1, 1, (index) => database.transact(async (tx) => tx.set(keyOf(index), value)));
  if (work === "scan") {
    let rows = 0;
    await database.snapshot(async (tx) => {
      for await (const batch of tx.range(prefixRange(prefix))) rows += batch.length;
    });
    if (rows !== count) throw new Error(`scanned ${rows} pairs, not ${count}`);
  }
}

function engine(name: string, database: Database): Contender {
  return {
    name,
    async run(work) {
      const before = process.cpuUsage();
      const begun = performance.now();
      await perform(database, work);
      const seconds = (performance.now() - begun) / 1000;
      const { user, system } = process.cpuUsage(before);
      return { seconds, cpu: (user + system) / 1e6 };
    },
  };
}

function peer(command: string): Contender {
  return {
    name: "Python binding",
    async run(work) {
      const child = Bun.spawn(
        [command, join(import.meta.dir, "foundationdb.peer.py"), clusterFile!, work, String(works[work])],
        { stdout: "pipe", stderr: "inherit", env: { LD_LIBRARY_PATH: dirname(library!) } },
      );
      return JSON.parse(await new Response(child.stdout).text()) as Spent;
    },
  };
}

const folder = mkdtempSync(join(tmpdir(), "matyan-bench-fdb-"));
const foundationdb = await openFoundationDb({ clusterFile, library });
const embedded = await openEmbedded({ path: join(folder, "store.db"), durability: "full" });
const contenders = [
  engine("foundationdb", foundationdb),
  engine("embedded", embedded),
  ...(python === undefined ? [] : [peer(python)]),
];
const rounds = 3;
try {
  for (const work of Object.keys(works) as Work[]) {
    const spent = new Map<string, Spent[]>(contenders.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++)
      for (const { name, run } of contenders) spent.get(name)!.push(await run(work));
    console.log(`${titles[work]}:`);
    for (const [name, all] of spent) {
      const best = all.reduce((a, b) => (a.seconds < b.seconds ? a : b));
      const rate = works[work] / best.seconds;
      const each = (1e6 * best.cpu) / works[work];
      console.log(
        `  ${name.padEnd(15)} ${rate.toFixed(0).padStart(8)}/s   ${each.toFixed(1)} us CPU of the client each`,
      );
    }
  }
  const before = process.cpuUsage();
  await Bun.sleep(10_000);
  const { user, system } = process.cpuUsage(before);
  console.log(`idle with both databases open: ${((user + system) / 1e5).toFixed(2)} % of a core`);
} finally {
  await foundationdb.transact(async (tx) => tx.clearRange(prefixRange(prefix)));
  await foundationdb.close();
  await embedded.close();
  rmSync(folder, { recursive: true });
}
