// Which runs a backup holds, what goes along, what it says when something is missing, and that it leaves nothing when stopped.
import { afterAll, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { verifyArchive } from "../../formats/archive/index.ts";
import { MatyanError } from "../../formats/error.ts";
import { silentProgress } from "../../formats/progress.ts";
import { mapOf, Timestamp, type Value, type ValueMap } from "../../formats/value.ts";
import { FaultyDatabase } from "../kv/testing/faulty.ts";
import { addRunTag, setRunExperiment } from "../store/associations.ts";
import { setAttrs } from "../store/attrs.ts";
import { createExperiment, createTag } from "../store/entities.ts";
import { writeProjectSettings } from "../store/project.ts";
import { createRun, updateMeta } from "../store/runs.ts";
import { SequenceWriter, writePoint } from "../store/sequences.ts";
import { failureOf } from "../store/testing.ts";
import { writeTrace } from "../store/traces.ts";
import { backup } from "./backup.ts";
import {
  backupOf,
  filesIn,
  newFolder,
  newStack,
  readWhole,
  removeFolders,
  restoreInto,
  type Stack,
} from "./testing.ts";

afterAll(removeFolders);

const ids = ["aa11", "aa22", "bb33", "cc44"].map((start) => start.padEnd(32, "0"));
const [first, second, third, archived] = ids as [string, string, string, string];

/** Runs created a day apart from 2026-01-01T00:00Z, the first two in experiment "e1"; the last is archived. */
async function filled(): Promise<Stack> {
  const stack = await newStack();
  const { store } = stack;
  await store.database.transact(async (tx) => {
    const experiment = await createExperiment(tx, store, { name: "e1", description: "d" }, { now: 5 });
    const tag = await createTag(tx, store, { name: "best", color: "#fff" }, { now: 5 });
    for (const [index, hash] of ids.entries()) {
      const createdAt = Date.UTC(2026, 0, 1 + index) / 1000;
      await createRun(tx, store, hash, { createdAt });
      if (index < 2) await setRunExperiment(tx, store, hash, experiment);
      await writeTrace(tx, store, hash, { contextId: 0, name: "m", dtype: "float", last: index, lastStep: 0n });
      await writePoint(tx, store, { hash, contextId: 0, name: "m" }, { step: 0n, value: index, time: 5 });
    }
    await updateMeta(tx, store, archived, mapOf({ is_archived: true }), 7);
    await addRunTag(tx, store, third, tag);
    await writeProjectSettings(
      tx,
      store,
      mapOf({ name: "P", pinned_sequences: [mapOf({ name: "m", context: new Map() })] }),
    );
  });
  return stack;
}

async function runsIn(stack: Stack, filters: Parameters<typeof backupOf>[1]): Promise<string[]> {
  const { path } = await backupOf(stack, filters);
  const manifest = JSON.parse(await Bun.file(join(path, "manifest.json")).text()) as { run_hashes: string[] };
  return manifest.run_hashes;
}

describe("which runs", () => {
  test("all of them in order of creation, archived ones too", async () => {
    expect(await runsIn(await filled(), {})).toEqual(ids);
  });

  test("filters are given as typed, and a run must pass all of them", async () => {
    const stack = await filled();
    expect(await runsIn(stack, { runs: ["bb", "aa1"] })).toEqual([first, third]);
    expect(await runsIn(stack, { experiment: "e1" })).toEqual([first, second]);
    expect(await runsIn(stack, { since: "2026-01-02T00:00Z" })).toEqual([second, third, archived]);
    expect(await runsIn(stack, { since: "2026-01-02T00:00:00.001Z" })).toEqual([third, archived]);
    expect(
      await runsIn(stack, {
        since: "2026-01-02T00Z",
        experiment: "e1",
        runs: ["aa2", "bb"],
      }),
    ).toEqual([second]);
    const { path } = await backupOf(stack, { runs: ["bb"], since: "2026-01-01" });
    const manifest = JSON.parse(await Bun.file(join(path, "manifest.json")).text()) as { filters: object };
    expect(manifest.filters).toEqual({ runs: ["bb"], since: "2026-01-01" });
  });

  test("unknown or ambiguous names are errors, and nothing is written", async () => {
    const stack = await filled();
    const out = join(await newFolder(), "out");
    for (const [filters, message] of [
      [{ runs: ["dd"] }, "no run's hash starts with 'dd'"],
      [{ runs: ["bb", "aa"] }, "several runs start with 'aa'"],
      [{ experiment: "E1" }, "there is no experiment 'E1'"],
      [{ since: "soon" }, "'soon' is not a date"],
    ] as const)
      expect(String(await failureOf(backup({ ...stack, out, ...filters })))).toContain(message);
    expect(await readdir(out).catch(() => "absent")).toBe("absent");
  });

  test("filters that nothing passes write nothing; an empty store without filters gives an archive without runs", async () => {
    const stack = await filled();
    const out = join(await newFolder(), "out");
    const report = await backup({ ...stack, out, since: "2027-01-01" });
    expect(report).toMatchObject({ path: null, runs: 0 });
    expect(await readdir(out).catch(() => "absent")).toBe("absent");
    const empty = await backupOf(await newStack());
    expect((await verifyArchive(empty.path)).ok).toBe(true);
    expect((await restoreInto(await newStack(), empty.path)).failures).toEqual([]);
  });

  test("a run that is being deleted is left out", async () => {
    const stack = await filled();
    await stack.store.database.transact((tx) =>
      updateMeta(tx, stack.store, second, mapOf({ pending_deletion: true }), 7),
    );
    expect(await runsIn(stack, {})).toEqual([first, third, archived]);
  });
});

test("tags of runs and settings go along and come back, under the ids that the other store has", async () => {
  const source = await filled();
  const { path } = await backupOf(source);
  const target = await newStack();
  const { store } = target;
  const ours = await store.database.transact(async (tx) => {
    await writeProjectSettings(tx, store, mapOf({ name: "Q" }));
    return {
      experiment: await createExperiment(tx, store, { name: "e1" }, { now: 9 }),
      tag: await createTag(tx, store, { name: "best" }, { now: 9 }),
    };
  });
  const report = await restoreInto(target, path);
  expect(report.entities).toMatchObject({ map: 2, create: 0 });
  expect(report.settings).toEqual([
    { setting: "name", action: "keep" },
    { setting: "pinned_sequences", action: "create" },
  ]);
  const result = await readWhole((await backupOf(target)).path);
  expect(result.runs.get(first)?.meta.get("experiment_id")).toBe(ours.experiment);
  expect(result.runs.get(third)?.tags).toEqual([mapOf({ id: ours.tag, name: "best" })]);
  expect(result.entities.get(`experiment ${ours.experiment}`)?.get("run_count")).toBe(2n);
  expect(result.entities.get(`tag ${ours.tag}`)?.get("run_count")).toBe(1n);
  expect(result.project).toEqual(mapOf({ name: "Q", pinned_sequences: [mapOf({ name: "m", context: new Map() })] }));
  await restoreInto(target, path, { onConflict: "replace" });
  expect(((await readWhole((await backupOf(target)).path)).project as ValueMap).get("name")).toBe("P");
});

test("bytes become hex, distributions numbers, moments ISO text; integers, floats, NaN and null stay what they are", async () => {
  const stack = await newStack();
  const { store } = stack;
  const counts = Buffer.alloc(16);
  counts.writeDoubleLE(1.5, 0);
  counts.writeDoubleLE(-2, 8);
  const values: Value[] = [
    1n,
    1,
    -0,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    null,
    "ü\n",
    2n ** 63n,
    1e16,
    1e-5,
    true,
    mapOf({ type: "distribution", bin_count: 2n, range: [0, 1], data: new Uint8Array(counts) }),
    [mapOf({ type: "text", data: "a" })],
  ];
  await store.database.transact(async (tx) => {
    await createRun(tx, store, first, { createdAt: 5 });
    await setAttrs(tx, store, first, [], mapOf({ raw: Uint8Array.of(1, 255), at: new Timestamp(1_704_164_645) }));
    await writeTrace(tx, store, first, { contextId: 0, name: "v", dtype: "custom" });
    await new SequenceWriter(store, { hash: first, contextId: 0, name: "v" }).write(
      tx,
      values.map((value, index) => ({
        step: BigInt(index) - 1n,
        value,
        ...(index === 3 ? { epoch: 4n, time: 5.25 } : {}),
      })),
    );
  });
  const { path } = await backupOf(stack);
  const folder = join(path, "runs", first);
  expect(await Bun.file(join(folder, "attrs.json")).text()).toBe(
    '{"at": "2024-01-02T03:04:05+00:00", "raw": "01ff"}\n',
  );
  const texts = [
    "1",
    "1.0",
    "-0.0",
    "NaN",
    "-Infinity",
    "null",
    '"ü\\n"',
    "9223372036854775808",
    "1e+16",
    "1e-05",
    "true",
    '{"type": "distribution", "bin_count": 2, "range": [0.0, 1.0], "data": [1.5, -2.0]}',
    '[{"type": "text", "data": "a"}]',
  ];
  const line = (text: string, index: number) =>
    `{"ctx_id": 0, "name": "v", "step": ${index - 1}, "value": ${text}${index === 3 ? ', "epoch": 4, "time": 5.25' : ""}}\n`;
  expect(await Bun.file(join(folder, "sequences.jsonl")).text()).toBe(texts.map(line).join(""));
});

describe("blobs", () => {
  async function withBlobs(): Promise<Stack> {
    const stack = await filled();
    const { store, blobs } = stack;
    await blobs.put(`${first}/a.bin`, Buffer.from("12"));
    await blobs.put(`${first}/seq/i/0.png`, Buffer.from("345"));
    await store.database.transact(async (tx) => {
      const artifacts = {
        "a.bin": mapOf({ s3_key: `${first}/a.bin` }),
        "b/c.bin": mapOf({ s3_key: `${first}/b/c.bin` }),
      };
      await setAttrs(tx, store, first, ["__blobs__"], mapOf(artifacts));
      await writeTrace(tx, store, first, { contextId: 0, name: "i", dtype: "image" });
      const image = (key: string) => mapOf({ type: "image", s3_key: `${first}/seq/i/${key}` });
      await writePoint(
        tx,
        store,
        { hash: first, contextId: 0, name: "i" },
        { step: 0n, value: [image("0.png"), image("1.png")] },
      );
    });
    return stack;
  }

  test("go along, and those that runs refer to but nobody has are named", async () => {
    const report = await backupOf(await withBlobs());
    expect([...(await filesIn(join(report.path, "runs", first, "blobs"))).keys()]).toEqual(["a.bin", "seq/i/0.png"]);
    expect(report).toMatchObject({ blobs: 2, blobBytes: 5, warningCount: 2 });
    expect(report.warnings[0]).toContain(`'${first}/b/c.bin', which is not in the store`);
    expect(report.warnings[1]).toContain(`'${first}/seq/i/1.png', which is not in the store`);
  });

  test("stay behind when asked to, without warnings", async () => {
    const report = await backupOf(await withBlobs(), { includeBlobs: false });
    expect(report).toMatchObject({ blobs: 0, warningCount: 0 });
    const manifest = JSON.parse(await Bun.file(join(report.path, "manifest.json")).text()) as {
      include_blobs: boolean;
    };
    expect(manifest.include_blobs).toBe(false);
  });

  test("whose key can't be a file are named, and the backup goes on", async () => {
    const stack = await withBlobs();
    await stack.blobs.put(`${first}/x/../y`, Buffer.from("1"));
    const report = await backupOf(stack);
    expect(report.blobs).toBe(2);
    expect(report.warnings.at(-1)).toContain(`the blob '${first}/x/../y' is not in the backup`);
  });
});

describe("a backup that does not come to its end", () => {
  test("leaves nothing behind when it is stopped or the store fails", async () => {
    const stack = await filled();
    const out = join(await newFolder(), "out");
    const abort = new AbortController();
    let points = 0;
    const progress = {
      ...silentProgress,
      advance: () => void (++points === 2 && abort.abort(new MatyanError("interrupted", "stopped"))),
    };
    expect(String(await failureOf(backup({ ...stack, out, progress, signal: abort.signal })))).toContain("stopped");
    const dying = new FaultyDatabase(stack.store.database, {});
    let snapshots = 0;
    dying.snapshot = (body) => {
      if (++snapshots === 4) throw new Error("the disk is gone");
      return stack.store.database.snapshot(body);
    };
    const broken = { ...stack, store: { ...stack.store, database: dying } };
    expect(String(await failureOf(backup({ ...broken, out, compress: true })))).toContain("the disk is gone");
    expect(await readdir(out).catch(() => "absent")).toBe("absent");
  });
});

test("a run is read as it was at one moment, however much is written meanwhile", async () => {
  const stack = await newStack();
  const { store } = stack;
  const writers = ["a", "b"].map((name) => new SequenceWriter(store, { hash: first, contextId: 0, name }));
  const write = (from: number) =>
    store.database.transact(async (tx) => {
      const steps = Float64Array.from({ length: 2_000 }, (_, index) => from + index);
      for (const writer of writers) await writer.writeFloats(tx, { steps, values: steps });
      for (const name of ["a", "b"])
        await writeTrace(tx, store, first, {
          contextId: 0,
          name,
          dtype: "float",
          last: 0,
          lastStep: BigInt(from + 1_999),
        });
    });
  await store.database.transact((tx) => createRun(tx, store, first, { createdAt: 5 }));
  await write(0);
  let meanwhile: Promise<void> | undefined;
  const progress = {
    ...silentProgress,
    advance() {
      meanwhile ??= write(2_000);
    },
  };
  const { path } = await backupOf(stack, { progress });
  await meanwhile;
  const run = (await readWhole(path)).runs.get(first)!;
  expect(run.records.size).toBe(4_000);
  expect(run.traces.get("0 b")?.get("last_step")).toBe(1_999n);
  expect((await verifyArchive(path)).ok).toBe(true);
});
