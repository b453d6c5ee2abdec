// Run search over a store: what it finds is what looking at every run finds, page by page, at the cost of a page.
import { beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import type { Value, ValueMap } from "../../formats/value.ts";
import { prepareQuery, QueryBudgetError, QueryEvaluator, type Scope } from "../query/index.ts";
import type { Store } from "../store/index.ts";
import { createRun, updateMeta } from "../store/runs.ts";
import { failureOf, memoryStore } from "../store/testing.ts";
import { parseSort, RunReader, type SortTerm, searchRuns, searchSequences } from "./index.ts";
import { countingReads, makeRun, pointsOf, type ReadCounts, type TestRun } from "./testing.ts";

const now = 10_000;

async function hashesOf(
  store: Store,
  text: string,
  options: { order?: readonly SortTerm[]; limit?: number; offset?: string } = {},
): Promise<string[]> {
  const query = prepareQuery(text, { scope: "run" });
  return Array.fromAsync(searchRuns(store, query, { now, ...options }, async ({ run }) => run.hash));
}

const params: readonly Value[] = [1n, 2n, 1, 0.5, -3n, "adam", "sgd", true, false, null, Number.NaN, 1e300];
let store: Store;
let runs: TestRun[];

beforeAll(async () => {
  store = await memoryStore();
  runs = Array.from({ length: 150 }, (_, i): TestRun => {
    const hparams: ValueMap = new Map();
    if (i % 7 !== 0) hparams.set("lr", params[i % params.length]!);
    if (i % 5 === 0) hparams.set("batch", BigInt(i));
    return {
      hash: `run-${String((i * 61) % 150).padStart(3, "0")}`,
      name: `name ${i % 7}`,
      description: i % 2 === 0 ? "even" : "",
      createdAt: 1_000 + Math.floor(i / 2),
      archived: i % 11 === 0,
      ...(i % 4 === 0 ? { finishedAt: 2_000 + i } : {}),
      ...(i % 6 === 0 ? { experiment: `exp ${i % 18}` } : {}),
      tags: i % 8 === 0 ? ["best", "blue"] : i % 9 === 0 ? ["blue"] : [],
      attrs: new Map([["hparams", hparams]]),
      sequences: i % 10 === 0 ? [{ name: "loss", points: pointsOf(i, i / 2) }] : [],
    };
  });
  for (const run of runs) await makeRun(store, run);
});

const queries = [
  "",
  "()",
  "run.hparams.lr < 1",
  "run.hparams.lr >= 1",
  "run.hparams.lr == 1",
  "run.hparams.lr == True",
  "run.hparams.lr == 'adam'",
  "run.hparams.lr != 1",
  "run.hparams.lr is None",
  "not run.hparams.lr == 1",
  "run.hparams.batch > 40 and run.hparams.lr <= 2",
  "run.archived",
  "run.archived or run.hparams.batch == 0",
  "not run.archived and 'best' in run.tags",
  "'best' in run.tags or run.experiment == 'exp 6'",
  "run.active == False",
  "run.active and 1010 <= run.created_at <= 1030",
  "run.created_at < 1005 or run.created_at > 1070",
  "run.hash == 'run-003'",
  "run.hash in ['run-003', 'run-007', 'nope']",
  "run.metrics['loss'].last > 20",
  "metric.name == 'loss'",
  "len(run.tags) == 2",
  "run.duration > 1000",
];

/** Every run, evaluated, without plan or index. */
async function slowly(text: string, scope: Scope = "run"): Promise<Set<string>> {
  const query = prepareQuery(text, { scope });
  const evaluator = new QueryEvaluator(query);
  const found = new Set<string>();
  await store.database.snapshot(async (tx) => {
    const reader = new RunReader(tx, store);
    for (const { hash } of runs) {
      const run = await reader.open(hash);
      if (run !== undefined && evaluator.matchesRun(await run.row(query.needs))) found.add(hash);
    }
  });
  return found;
}

test("what the indexes give is what looking at every run gives", async () => {
  for (const text of queries) {
    const expected = await slowly(text);
    expect([text, new Set(await hashesOf(store, text))]).toEqual([text, expected]);
    expect([text, (await hashesOf(store, text, { limit: 1000 })).length]).toEqual([text, expected.size]);
  }
});

test("numbers compare as numbers whatever their kind, and text is no number (W16)", async () => {
  const below = await slowly("run.hparams.lr < 0.75");
  expect(below.size).toBeGreaterThan(5);
  expect(new Set(await hashesOf(store, "run.hparams.lr < 0.75"))).toEqual(below);
  const ones = await hashesOf(store, "run.hparams.lr == 1");
  const kinds = new Set(runs.flatMap((run, i) => (ones.includes(run.hash) ? [typeof params[i % params.length]] : [])));
  expect(kinds).toEqual(new Set(["bigint", "number", "boolean"]));
});

test("runs come newest first; all orders are total, so that pages put together are the whole", async () => {
  const created = new Map(runs.map(({ hash, createdAt }) => [hash, createdAt!]));
  const times = (await hashesOf(store, "")).map((hash) => created.get(hash)!);
  expect(times).toEqual([...times].sort((a, b) => b - a));
  const term = fc.record({
    field: fc.constantFrom("run", "experiment", "hash", "date", "duration", "description", "creator"),
    order: fc.constantFrom("asc", "desc"),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(term, { maxLength: 3 }),
      fc.integer({ min: 1, max: 60 }),
      fc.constantFrom("", "run.active", "'blue' in run.tags", "run.archived or True"),
      async (terms, limit, text) => {
        const order = parseSort(JSON.stringify(terms));
        const whole = await hashesOf(store, text, { order });
        const pages: string[] = [];
        for (;;) {
          const offset = pages.at(-1);
          const page = await hashesOf(store, text, { order, limit, ...(offset === undefined ? {} : { offset }) });
          pages.push(...page);
          if (page.length < limit) break;
        }
        expect(pages).toEqual(whole);
        expect(new Set(pages).size).toBe(pages.length);
      },
    ),
    { numRuns: 40 },
  );
});

test("sorting by several fields puts the first before the second, missing values as empty", async () => {
  const order = parseSort('[{"field":"experiment","order":"desc"},{"field":"run"}]');
  const byHash = new Map(runs.map((run) => [run.hash, run]));
  const found = (await hashesOf(store, "", { order })).map((hash) => byHash.get(hash)!);
  const keys = found.map((run) => [run.experiment ?? "", run.name!] as const);
  const expected = [...keys].sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : x > y ? 1 : 0) : a < b ? 1 : -1));
  expect(keys).toEqual(expected);
});

test("an offset that does not match, or does not exist, gives nothing", async () => {
  expect(await hashesOf(store, "run.active", { offset: runs[0]!.hash })).toEqual([]);
  expect(await hashesOf(store, "", { offset: "nope" })).toEqual([]);
});

test("sort texts that make no sense are refused in the words of the existing API", () => {
  const messageOf = (text: string) => {
    try {
      return String(parseSort(text).length);
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
  };
  expect(messageOf('[{"field":"size"}]')).toBe("Unknown sort field: 'size'");
  expect(messageOf('[{"field":"run","order":"up"}]')).toBe("Invalid sort order: 'up'");
  expect(messageOf("[1]")).toStartWith("Invalid sort JSON: ");
  expect(messageOf("[{")).toStartWith("Invalid sort JSON: ");
  for (const text of ["", "[]", "null", "{}", "5"]) expect(messageOf(text)).toBe("1");
});

test("a run that is about to be deleted is found no more, nor one that was never created", async () => {
  const own = await memoryStore();
  for (const hash of ["a", "b"]) await makeRun(own, { hash, sequences: [{ name: "loss", points: pointsOf(1) }] });
  await own.database.transact((tx) => updateMeta(tx, own, "a", new Map([["pending_deletion", true]]), now));
  expect(await hashesOf(own, "run.hash == 'a' or run.hash == 'ghost' or metric.name == 'loss'")).toEqual(["b"]);
  expect(await hashesOf(own, "")).toEqual(["b"]);
});

test("the newest page of many runs costs its size: not the runs behind it, nor those before its offset", async () => {
  const large = await memoryStore();
  for (let at = 0; at < 4_000; at += 500)
    await large.database.transact(async (tx) => {
      for (let i = at; i < at + 500; i++) await createRun(tx, large, `r${i}`, { createdAt: i + 1 });
    });
  const counts: ReadCounts = { snapshots: 0, open: 0, keys: 0 };
  const counted: Store = { ...large, database: countingReads(large.database, counts) };
  expect(await hashesOf(counted, "", { limit: 20 })).toEqual(Array.from({ length: 20 }, (_, i) => `r${3_999 - i}`));
  expect(counts.keys).toBeLessThan(2_000 + 1_500);
  counts.keys = 0;
  expect(await hashesOf(counted, "", { limit: 2, offset: "r100" })).toEqual(["r99", "r98"]);
  expect(counts.keys).toBeLessThan(2_000 + 500);
  expect(counts.open).toBe(0);
});

test("candidates over many pages of an index, from many snapshots, are all found, each once", async () => {
  const large = await memoryStore();
  for (let at = 0; at < 2_500; at += 500)
    await large.database.transact(async (tx) => {
      for (let i = at; i < at + 500; i++) await createRun(tx, large, `r${i}`, { createdAt: 1 });
    });
  const counts: ReadCounts = { snapshots: 0, open: 0, keys: 0 };
  const counted: Store = { ...large, database: countingReads(large.database, counts) };
  const found = await hashesOf(counted, "run.active == True", { order: parseSort('[{"field":"hash"}]') });
  expect(found).toEqual(Array.from({ length: 2_500 }, (_, i) => `r${i}`).sort());
  expect(counts.snapshots).toBeGreaterThan(2);
  expect((await hashesOf(large, "")).length).toBe(2_500);
});

test("stopping early ends the search: no snapshot stays open and no more is read", async () => {
  const counts: ReadCounts = { snapshots: 0, open: 0, keys: 0 };
  const counted: Store = { ...store, database: countingReads(store.database, counts) };
  const found = searchRuns(counted, prepareQuery("", { scope: "run" }), { now }, async ({ run }) => run.hash);
  await found.next();
  const { keys } = counts;
  expect(counts.open).toBe(0);
  await Bun.sleep(20);
  await found.return();
  expect(counts).toMatchObject({ open: 0, keys });
});

test("a query that costs too much ends with an error that names its budget", async () => {
  const failure = await failureOf(
    hashesOf(store, "sum([x * y for x in range(999) for y in range(999) for z in range(9)]) > 0"),
  );
  expect(failure).toBeInstanceOf(QueryBudgetError);
});

test("sequence searches give the sequences that match, run by run", async () => {
  const query = prepareQuery("metric.name == 'loss' and metric.last > 20 and run.active", { scope: "metric" });
  const found = await Array.fromAsync(
    searchSequences(store, query, { now }, async ({ run, traces }) => [run.hash, traces.map(({ name }) => name)]),
  );
  const expected = runs.filter((_, i) => i % 10 === 0 && i / 2 > 20 && i % 4 !== 0 && i % 11 !== 0);
  expect(found.map(([hash]) => hash).sort()).toEqual(expected.map(({ hash }) => hash).sort());
  for (const [, names] of found) expect(names).toEqual(["loss"]);
});
