// What a restore does with runs that are there, with damage, with other producers' habits, and what a dry run says.
import { afterAll, describe, expect, test } from "bun:test";
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mapOf, type Value } from "../../formats/value.ts";
import { readAttrs } from "../store/attrs.ts";
import { deleteRun, listRuns, readMeta, readTombstone } from "../store/runs.ts";
import { readExtremes, rebuildStats, statsKey } from "../store/sequenceStats.ts";
import { readSequence, writePoint } from "../store/sequences.ts";
import { collect, contentsOf, failureOf } from "../store/testing.ts";
import { isMetric, readTraces } from "../store/traces.ts";
import type { RunOutcome } from "./restore.ts";
import type { EntityOutcome } from "./restoreEntities.ts";
import {
  backupOf,
  copyOf,
  filesIn,
  fixtures,
  makeArchive,
  newFolder,
  newStack,
  readWhole,
  removeFolders,
  restoreInto,
  type Stack,
} from "./testing.ts";

afterAll(removeFolders);

const one = "1".repeat(32);
const two = "2".repeat(32);
const three = "3".repeat(32);

async function listed(stack: Stack): Promise<string[]> {
  return (await collect(listRuns(stack.store))).sort();
}

function metaOf({ store }: Stack, hash: string) {
  return store.database.snapshot((tx) => readMeta(tx, store, hash));
}

async function valuesOf({ store }: Stack, hash: string, name: string): Promise<Value[]> {
  return store.database.snapshot(async (tx) =>
    (await collect(readSequence(tx, store, { hash, contextId: 0, name }))).map(({ value }) => value),
  );
}

describe("a run that the store has already", () => {
  async function withOther(): Promise<{ stack: Stack; newer: string }> {
    const stack = await newStack();
    await restoreInto(stack, await makeArchive([{ hash: one, points: 20, meta: { name: "older" } }]));
    return { stack, newer: await makeArchive([{ hash: one, points: 5, meta: { name: "newer" } }, { hash: two }]) };
  }

  test("is kept by default, and the others are restored", async () => {
    const { stack, newer } = await withOther();
    const report = await restoreInto(stack, newer);
    expect(report.runs).toMatchObject({ keep: 1, create: 1 });
    expect((await metaOf(stack, one))?.get("name")).toBe("older");
    expect((await valuesOf(stack, one, "loss")).length).toBe(20);
  });

  test("is replaced whole when asked to", async () => {
    const { stack, newer } = await withOther();
    const report = await restoreInto(stack, newer, { onConflict: "replace" });
    expect(report.runs).toMatchObject({ replace: 1, create: 1 });
    const clean = await newStack();
    await restoreInto(clean, newer);
    expect(await contentsOf(stack.store)).toEqual(await contentsOf(clean.store));
  });

  test("stops a restore that shall fail before anything is written", async () => {
    const { stack, newer } = await withOther();
    const before = await contentsOf(stack.store);
    const error = await failureOf(restoreInto(stack, newer, { onConflict: "fail" }));
    expect(String(error)).toContain(`the store has 1 of the archive's runs already: ${one}`);
    expect(await contentsOf(stack.store)).toEqual(before);
  });

  test("is not given up for one that is damaged in the archive", async () => {
    const { stack, newer } = await withOther();
    const damaged = await copyOf(newer);
    await appendFile(join(damaged, "runs", one, "sequences.jsonl"), "{broken\n");
    const before = (await backupOf(stack, { runs: [one] })).path;
    const report = await restoreInto(stack, damaged, { onConflict: "replace" });
    expect(report.runs).toMatchObject({ fail: 1, create: 1 });
    const after = (await backupOf(stack, { runs: [one] })).path;
    expect((await readWhole(after)).runs).toEqual((await readWhole(before)).runs);
  });

  test("had been deleted: it comes back, and its deletion marker goes", async () => {
    const { stack } = await withOther();
    await deleteRun(stack.store, one, { now: 5 });
    const path = await makeArchive([{ hash: one, points: 5 }]);
    const outcomes: RunOutcome[] = [];
    await restoreInto(stack, path, { onRun: (outcome) => outcomes.push(outcome) });
    expect(outcomes[0]).toMatchObject({ action: "create", notes: ["it had been deleted: its deletion marker goes"] });
    expect(await stack.store.database.snapshot((tx) => readTombstone(tx, stack.store, one))).toBeUndefined();
    expect(await listed(stack)).toEqual([one]);
  });

  test("has only points, its creation being on its way: they stay beside the archive's", async () => {
    const stack = await newStack();
    const ref = { hash: one, contextId: 0, name: "loss" };
    await stack.store.database.transact((tx) => writePoint(tx, stack.store, ref, { step: 1_000n, value: 7 }));
    await restoreInto(stack, await makeArchive([{ hash: one, points: 5 }]));
    expect((await valuesOf(stack, one, "loss")).length).toBe(6);
  });
});

describe("damage", () => {
  const damages: [string, (folder: string) => Promise<void>, RegExp][] = [
    ["a line that is no JSON", (f) => appendFile(join(f, "sequences.jsonl"), "{broken\n"), /sequences\.jsonl/],
    ["a cut last line", (f) => cut(join(f, "sequences.jsonl"), -20), /sequences\.jsonl(:20: | has )/],
    ["a lost last line", (f) => cutLine(join(f, "sequences.jsonl")), /sequences\.jsonl has \d+ bytes, not the \d+/],
    [
      "a changed digit",
      (f) => change(join(f, "sequences.jsonl"), '"step": 3,', '"step": 4,'),
      /sequences\.jsonl has changed/,
    ],
    ["a changed document", (f) => change(join(f, "run.json"), "name of", "gnome f"), /run\.json has changed/],
    ["a lost document", (f) => rm(join(f, "attrs.json")), /attrs\.json is missing/],
    ["lost points", (f) => rm(join(f, "sequences.jsonl")), /sequences\.jsonl is missing/],
    ["a changed blob", (f) => writeFile(join(f, "blobs/a.bin"), "1234567x"), /blobs\/a\.bin has changed/],
    ["a lost blob", (f) => rm(join(f, "blobs/a.bin")), /blobs\/a\.bin is missing/],
    ["lost tags", (f) => rm(join(f, "tags.json")), /tags\.json is missing/],
  ];
  for (const [what, damage, message] of damages)
    test(`${what} leaves the run out as a whole, and the others go on`, async () => {
      const write = async (run: Parameters<NonNullable<Parameters<typeof makeArchive>[0][number]["write"]>>[0]) => {
        await run.blob("a.bin", Buffer.from("12345678"));
        await run.extra("tags.json", []);
      };
      const path = await copyOf(await makeArchive([{ hash: one }, { hash: two, write }, { hash: three }]));
      await damage(join(path, "runs", two));
      const dry = await restoreInto(await newStack(), path, { dryRun: true });
      expect(dry.failures.map(({ hash }) => hash)).toEqual([two]);
      const stack = await newStack();
      const report = await restoreInto(stack, path);
      expect(report.runs).toMatchObject({ create: 2, fail: 1 });
      expect(report.failures[0]?.hash).toBe(two);
      expect(report.failures[0]?.reason).toMatch(message);
      expect(await listed(stack)).toEqual([one, three]);
      const left = [...(await contentsOf(stack.store)).keys()].filter((key) =>
        key.includes(Buffer.from(two).toString("hex")),
      );
      expect(left).toEqual([]);
      expect(await Array.fromAsync(stack.blobs.list(`${two}/`))).toEqual([]);
    });

  async function cut(path: string, at: number): Promise<void> {
    await writeFile(path, (await readFile(path)).subarray(0, at));
  }

  async function cutLine(path: string): Promise<void> {
    const text = await readFile(path, "utf8");
    await writeFile(path, text.slice(0, text.trimEnd().lastIndexOf("\n") + 1));
  }

  async function change(path: string, from: string, to: string): Promise<void> {
    const text = await readFile(path, "utf8");
    expect(text).toContain(from);
    await writeFile(path, text.replace(from, to));
  }

  test("a damaged line is named by file and line where there are no checksums", async () => {
    const path = await copyOf(await makeArchive([{ hash: one }]));
    await rm(join(path, "checksums.json"));
    const file = join(path, "runs", one, "sequences.jsonl");
    const lines = (await readFile(file, "utf8")).split("\n");
    lines[6] = lines[6]!.replace("0, ", "zero, ");
    await writeFile(file, lines.join("\n"));
    const report = await restoreInto(await newStack(), path);
    expect(report.failures[0]?.reason).toContain(`runs/${one}/sequences.jsonl:7: `);
  });

  test("paths that lead out of the archive never leave it", async () => {
    const path = await copyOf(await makeArchive([{ hash: one }]));
    await rm(join(path, "checksums.json"));
    const manifest = (await readFile(join(path, "manifest.json"), "utf8")).replace(one, "../../outside");
    await writeFile(join(path, "manifest.json"), manifest);
    const stack = await newStack();
    expect(String(await failureOf(restoreInto(stack, path)))).toContain("run_hashes");
    expect(await listed(stack)).toEqual([]);
  });
});

describe("a dry run", () => {
  test("says what the restore then does, run by run and entity by entity, and writes nothing", async () => {
    const stack = await newStack();
    const path = join(fixtures, "example-archive-full");
    await restoreInto(stack, join(fixtures, "example-archive/matyan-backup-20261122-104930"));
    const before = await contentsOf(stack.store);
    const collected = async (dryRun: boolean) => {
      const said: (RunOutcome | EntityOutcome)[] = [];
      const report = await restoreInto(stack, path, {
        dryRun,
        onRun: (outcome) => said.push(outcome),
        onEntity: (outcome) => said.push(outcome),
      });
      return { said, report: { ...report, dryRun: true } };
    };
    const dry = await collected(true);
    expect(await contentsOf(stack.store)).toEqual(before);
    expect((await Array.fromAsync(stack.blobs.list(""))).length).toBe(1);
    expect(dry.report.runs).toMatchObject({ create: 1, keep: 1 });
    // The experiment and the tag of the other archive have the same names.
    expect(dry.report.entities).toEqual({ create: 5, same: 0, keep: 0, replace: 0, map: 2 });
    expect(await collected(false)).toEqual(dry);
  });
});

describe("what other programs put into archives", () => {
  async function handMade(files: Record<string, string>): Promise<string> {
    const path = await newFolder();
    const manifest = { format_version: 1, run_hashes: [one] };
    const all = { "run.json": "{}", "attrs.json": "{}", "traces.json": "[]", "contexts.json": '{"0": {}}', ...files };
    await Bun.write(join(path, "manifest.json"), JSON.stringify(manifest));
    for (const [name, text] of Object.entries(all)) await Bun.write(join(path, "runs", one, name), text);
    return path;
  }

  test("a hash that was not in their store makes no run", async () => {
    const stack = await newStack();
    const report = await restoreInto(stack, await handMade({}));
    expect(report.runs).toMatchObject({ nothing: 1, create: 0 });
    expect(await listed(stack)).toEqual([]);
  });

  test("a run that was being deleted comes back as a run like any other", async () => {
    const stack = await newStack();
    const outcomes: RunOutcome[] = [];
    const path = await handMade({
      "run.json": '{"name": "x", "created_at": 5, "pending_deletion": true, "archived": true}',
    });
    await restoreInto(stack, path, { onRun: (outcome) => outcomes.push(outcome) });
    const meta = await metaOf(stack, one);
    expect(meta?.has("pending_deletion")).toBe(false);
    expect(meta?.get("created_at")).toBe(5);
    expect(meta?.get("is_archived")).toBe(true);
    expect(outcomes[0]?.notes.join()).toContain("its deletion had been asked for");
  });

  test("plural types, 64-bit steps, bare NaN, and a later line for the same step", async () => {
    const stack = await newStack();
    const record = (name: string, step: string, value: string) =>
      `{"ctx_id": 0, "name": "${name}", "step": ${step}, "value": ${value}}\n`;
    const path = await handMade({
      "run.json": '{"name": "x", "created_at": 5.5}',
      "traces.json":
        '[{"name": "t", "context_id": 0, "dtype": "texts"}, {"name": "m", "context_id": 0, "dtype": "float", "last": NaN, "last_step": 9}]',
      "sequences.jsonl": [
        record("t", "1", '{"type": "text", "data": "a"}'),
        record("t", "2", "0"),
        record("m", "9223372036854775807", "1.5"),
        record("m", "-9223372036854775808", "-Infinity"),
        record("m", "3", "1"),
        record("m", "3", "NaN"),
        record("unlisted", "4", "2.5"),
      ].join(""),
    });
    const outcomes: RunOutcome[] = [];
    await restoreInto(stack, path, { onRun: (outcome) => outcomes.push(outcome) });
    expect(await valuesOf(stack, one, "m")).toEqual([Number.NEGATIVE_INFINITY, Number.NaN, 1.5]);
    expect(await valuesOf(stack, one, "t")).toEqual([mapOf({ type: "text", data: "a" })]);
    const traces = await stack.store.database.snapshot((tx) => readTraces(tx, stack.store, one));
    expect(traces.map(({ name, dtype, lastStep }) => [name, dtype, lastStep])).toEqual([
      ["m", "float", 9n],
      ["t", "text", 2n],
      ["unlisted", "float", 4n],
    ]);
    expect(outcomes[0]?.notes).toHaveLength(2);
  });

  test("attributes, values and sequences beyond what a transaction holds", async () => {
    const stack = await newStack();
    const long = "z".repeat(11_000_000);
    const many = Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`key${index}`, "v".repeat(100)]));
    const names = Array.from({ length: 4_000 }, (_, index) => ({
      name: `metric ${index}`,
      context_id: 0,
      dtype: "float",
    }));
    const path = await handMade({
      "run.json": '{"name": "x", "created_at": 5.5}',
      "attrs.json": JSON.stringify({
        long,
        many,
        hparams: { lr: 0.1, ...Object.fromEntries(names.map(({ name }) => [name, 1.5])) },
      }),
      "traces.json": JSON.stringify(names),
      "sequences.jsonl": `{"ctx_id": 0, "name": "metric 0", "step": 1, "value": {"type": "figure", "data": {"x": "${long}"}}}\n`,
    });
    expect((await restoreInto(stack, path)).failures).toEqual([]);
    const attrs = await stack.store.database.snapshot((tx) => readAttrs(tx, stack.store, one));
    expect((attrs as Map<string, Value>).get("long")).toBe(long);
    expect(((attrs as Map<string, Value>).get("many") as Map<string, Value>).size).toBe(30_000);
    const [figure] = await valuesOf(stack, one, "metric 0");
    expect(((figure as Map<string, Value>).get("data") as Map<string, Value>).get("x")).toBe(long);
    expect(await listed(stack)).toEqual([one]);
    const { indexDrift } = await import("../store/indexes.ts");
    expect(await stack.store.database.snapshot((tx) => indexDrift(tx, stack.store, one))).toEqual({
      missing: [],
      stale: [],
    });
  }, 30_000);
});

test("a number that comes later for the step of a large value leaves nothing of that behind", async () => {
  const stack = await newStack();
  const point = (step: bigint, value: Value) => ({ contextId: 0, name: "m", step, value });
  const path = await makeArchive([
    {
      hash: one,
      points: 0,
      async write(run) {
        const sink = run.records();
        sink.write(point(2n, "z".repeat(1_100_000)));
        for (let step = 10n; step < 9_000n; step++) sink.write(point(step, 1.5));
        for (let step = 0n; step < 4n; step++) sink.write(point(step, 2.5));
      },
    },
  ]);
  await restoreInto(stack, path);
  expect((await valuesOf(stack, one, "m")).slice(0, 5)).toEqual([2.5, 2.5, 2.5, 2.5, 1.5]);
  const large = Buffer.from("_large").toString("hex");
  expect([...(await contentsOf(stack.store)).keys()].filter((key) => key.includes(large))).toEqual([]);
});

test("restored without blobs or entities, a run has neither, and keeps the id of its experiment", async () => {
  const stack = await newStack();
  const outcomes: RunOutcome[] = [];
  const report = await restoreInto(stack, join(fixtures, "example-archive-full"), {
    skipBlobs: true,
    skipEntities: true,
    onRun: (outcome) => outcomes.push(outcome),
  });
  expect(report).toMatchObject({ blobs: 0, entities: { create: 0, map: 0 } });
  expect(await Array.fromAsync(stack.blobs.list(""))).toEqual([]);
  expect(outcomes[0]?.notes).toEqual(["its experiment 'bac87378-7e2c-4466-ab0b-65fd385af7ba' is not in the store"]);
  const backedUp = await readWhole((await backupOf(stack)).path);
  expect(backedUp.entities.size).toBe(0);
  const [, run] = [...backedUp.runs][0]!;
  expect(run.meta.get("experiment_id")).toBe("bac87378-7e2c-4466-ab0b-65fd385af7ba");
});

test("an archive with entries that nobody knows is restored without them", async () => {
  const path = await copyOf(await makeArchive([{ hash: one }]));
  await appendFile(join(path, "entities.jsonl"), '{"entity_type": "planet", "data": {"id": "x"}}\n');
  expect((await filesIn(path)).has("checksums.json")).toBe(true);
  expect((await restoreInto(await newStack(), path)).runs).toMatchObject({ create: 1 });
});

test("the extremes of restored metrics are kept", async () => {
  const stack = await newStack();
  await restoreInto(stack, await makeArchive([{ hash: one, points: 20 }]));
  const { store } = stack;
  const isKept = (name: string) =>
    store.database.snapshot(
      async (tx) => (await tx.get(statsKey(store, { hash: one, contextId: 0, name }))) !== undefined,
    );
  expect(await isKept("loss")).toBe(true);
  const told = await store.database.snapshot(async (tx) =>
    readExtremes(tx, store, one, (await readTraces(tx, store, one)).filter(isMetric)),
  );
  const values = (await valuesOf(stack, one, "loss")).filter((value) => typeof value === "number");
  expect([told[0]?.min, told[0]?.max]).toEqual([Math.min(...values), Math.max(...values)]);
  expect(await rebuildStats(store, one)).toBe(0);
});

test("a line of checksums.json that is damaged is a fault of the archive, not of the program", async () => {
  const path = await copyOf(await makeArchive([{ hash: one }]));
  const file = join(path, "checksums.json");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(`"runs/${one}/run.json"`, `"runs/\\q${one.slice(2)}/run.json"`));
  const failure = await failureOf(restoreInto(await newStack(), path));
  expect(failure).toMatchObject({ code: "corrupt", message: expect.stringContaining("checksums.json") });
});
