// Archives that other programs made go into the store and come out again with nothing lost, and the second time unchanged.
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { isMap, mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { indexDrift, reindexStore } from "../store/indexes.ts";
import { listRuns } from "../store/runs.ts";
import { collect, contentsOf, loadDump, readDump } from "../store/testing.ts";
import { storedId } from "./archivedEntity.ts";
import {
  type ArchiveContents,
  type ArchivedRunContents,
  backupOf,
  filesIn,
  fixtures,
  newStack,
  readWhole,
  removeFolders,
  restoreInto,
  type Stack,
  testNow,
} from "./testing.ts";

afterAll(removeFolders);

const backend = "example-archive-full";
const archives = [
  "example-archive/matyan-backup-20261122-104930",
  "example-archive/matyan-backup-20261122-104931.tar.gz",
  backend,
  "example-archive-client",
  "converted",
].map((name) => ({ name, path: join(fixtures, name) }));

async function throughStore(path: string): Promise<{ before: ArchiveContents; after: ArchiveContents }> {
  const stack = await newStack();
  const report = await restoreInto(stack, path);
  expect(report.failures).toEqual([]);
  return { before: await readWhole(path), after: await readWhole((await backupOf(stack)).path) };
}

/** The files of an archive but for what says when it was made. */
async function filesButTimes(path: string): Promise<Map<string, string>> {
  const files = await filesIn(path);
  files.delete("checksums.json");
  const manifest = Buffer.from(files.get("manifest.json")!, "hex").toString();
  return files.set("manifest.json", Buffer.from(manifest.replace(/"created_at": "[^"]*"/, "")).toString("hex"));
}

async function expectFixedPoint(stack: Stack): Promise<void> {
  const first = await backupOf(stack);
  const second = await newStack();
  expect((await restoreInto(second, first.path)).failures).toEqual([]);
  const again = await backupOf(second, { now: () => new Date((testNow + 1000) * 1000) });
  const [before, after] = [await filesButTimes(first.path), await filesButTimes(again.path)];
  expect([...after.keys()]).toEqual([...before.keys()]);
  for (const [file, hex] of before) expect(textOf(file, after.get(file)!)).toEqual(textOf(file, hex));
}

/** Lines, so that a difference is legible. */
function textOf(file: string, hex: string): string[] {
  return [file, ...Buffer.from(hex, "hex").toString("latin1").split("\n")];
}

for (const { name, path } of archives) {
  describe(name, () => {
    test("backup, restore, backup gives the same archive, byte for byte but for times of making", async () => {
      const stack = await newStack();
      await restoreInto(stack, path);
      await expectFixedPoint(stack);
    });

    test("a second restore changes nothing and says so", async () => {
      const stack = await newStack();
      const first = await restoreInto(stack, path);
      const contents = await contentsOf(stack.store);
      const second = await restoreInto(stack, path, { now: testNow + 5 });
      expect(await contentsOf(stack.store)).toEqual(contents);
      expect(second.runs).toEqual({
        create: 0,
        continue: 0,
        replace: 0,
        same: first.runs.create,
        keep: 0,
        nothing: 0,
        fail: 0,
      });
      expect(second.entities).toMatchObject({ create: 0, keep: 0, replace: 0 });
    });

    test("every index entry that a restored run needs is there, and no other", async () => {
      const stack = await newStack();
      await restoreInto(stack, path);
      const { store } = stack;
      for (const hash of (await readWhole(path)).runs.keys())
        expect(await store.database.snapshot((tx) => indexDrift(tx, store, hash))).toEqual({ missing: [], stale: [] });
    });
  });
}

test("the existing backend's archive comes back with every field as it was", async () => {
  const { before, after } = await throughStore(join(fixtures, backend));
  for (const [hash, run] of before.runs) {
    const { tags, ...rest } = after.runs.get(hash)!;
    const { tags: _, ...expected } = run;
    expect(rest).toEqual(expected);
    // That backup exports no tags of runs.
    expect(tags).toEqual([]);
  }
  expect(after.runs.size).toBe(before.runs.size);
  // Counts follow the links, and the links of tags are not in the archive.
  const expected = new Map([...before.entities].map(([key, data]) => [key, new Map(data)]));
  for (const [key, data] of expected) if (key.startsWith("tag ")) data.set("run_count", 0n);
  expect(after.entities).toEqual(expected);
});

test("the existing client's archive comes back in the store's terms, without the objects that it lost", async () => {
  const { before, after } = await throughStore(join(fixtures, "example-archive-client"));
  for (const [hash, run] of before.runs) {
    const result = after.runs.get(hash)!;
    const { hash: _, experiment_name: __, ...fields } = Object.fromEntries(run.meta);
    const end = fields["finalized_at"] ?? null;
    const meta = { experiment_id: null, client_start_ts: null, duration: null, ...fields, finalized_at: end };
    expect(Object.fromEntries(result.meta)).toEqual({ ...meta, updated_at: end ?? fields["created_at"]! });
    expect(result.attrs).toEqual(run.attrs);
    expect(result.contexts).toEqual(run.contexts);
    const objects = ["image", "text", "distribution", "audio", "figure"];
    for (const [key, trace] of run.traces) {
      const steps = [...run.records.values()].filter((each) => `${each.get("ctx_id")} ${each.get("name")}` === key);
      const last = steps.reduce<bigint>(
        (most, each) => ((each.get("step") as bigint) > most ? (each.get("step") as bigint) : most),
        0n,
      );
      const isObject = objects.includes(trace.get("dtype") as string);
      expect(result.traces.get(key)).toEqual(
        new Map<string, Value>([...trace, ["last", isObject ? 0 : trace.get("last")!], ["last_step", last]]),
      );
    }
    const kept = [...run.records].filter(([, each]) => typeof each.get("value") !== "bigint");
    expect([...result.records.keys()].sort()).toEqual(kept.map(([key]) => key).sort());
    for (const [key, record] of kept)
      if (!key.includes("__log_records")) expect(result.records.get(key)).toEqual(record);
  }
  const log = after.runs.get("0123456789abcdef0123456789abcdef")!.records.get("0 __log_records 0")!;
  expect(log.get("value")).toEqual(
    mapOf({
      message: "started",
      log_level: 20n,
      timestamp: 1767323045.5,
      args: mapOf({ k: 1n }),
      logger_info: [null, 12n],
    }),
  );
  const experiment = [...after.entities].find(([key]) => key.startsWith("experiment "))![1];
  expect(experiment.get("created_at")).toBe(1795344185.9805028);
  expect(experiment.get("is_archived")).toBe(false);
  expect(experiment.get("run_count")).toBe(1n);
});

test("the converter's archive comes back with its experiment linked and its histograms as numbers", async () => {
  const { before, after } = await throughStore(join(fixtures, "converted"));
  let histograms = 0;
  for (const [hash, run] of before.runs) {
    const result = after.runs.get(hash)!;
    const experiment = run.meta.get("experiment_id");
    const id = typeof experiment === "string" ? storedId("experiment", experiment) : null;
    expect(result.meta).toEqual(new Map<string, Value>(run.meta).set("experiment_id", id));
    expect(result.attrs).toEqual(run.attrs);
    expect(result.blobs).toEqual(run.blobs);
    expect([...result.records.keys()].sort()).toEqual([...run.records.keys()].sort());
    for (const [key, record] of run.records) {
      const value = record.get("value");
      const data = isMap(value) ? value.get("data") : undefined;
      if (isMap(value) && value.get("type") === "distribution" && typeof data === "string") {
        histograms++;
        const bytes = Buffer.from(data, "hex");
        const counts = Array.from({ length: bytes.length / 8 }, (_, index) => bytes.readDoubleLE(index * 8));
        expect(result.records.get(key)!.get("value")).toEqual(new Map(value).set("data", counts));
      } else expect(result.records.get(key)).toEqual(record);
    }
    expectTraces(run, result);
  }
  expect(histograms).toBe(4);
});

/** Of a name with two types the later entry counts; an object's missing last value stays missing. */
function expectTraces(run: ArchivedRunContents, result: ArchivedRunContents): void {
  const withoutNull = ([key, trace]: [string, ValueMap]): [string, ValueMap] => [
    key,
    new Map([...trace].filter(([, value]) => value !== null)),
  ];
  expect(result.traces).toEqual(new Map([...run.traces].map(withoutNull)));
}

test("a store that the existing backend filled is backed up and restored without change", async () => {
  const stack = await newStack();
  const dump = await readDump(join(fixtures, "../store/dump.jsonl.gz"));
  await loadDump(stack.store, dump);
  // The dump is a part of a store, and some of its runs are being deleted: links to runs that no backup holds go first.
  const listed = new Set(await collect(listRuns(stack.store)));
  const links = dump.filter(
    ({ dir, key: [kind, , hash] }) => dir === "system" && /_runs$/.test(String(kind)) && !listed.has(String(hash)),
  );
  await stack.store.database.transact(async (tx) => {
    for (const { khex } of links) tx.clear(Buffer.concat([stack.store.dirs.system, Buffer.from(khex, "hex")]));
  });
  await reindexStore(stack.store);
  const report = await backupOf(stack);
  expect(report.runs).toBeGreaterThan(15);
  await expectFixedPoint(stack);
});
