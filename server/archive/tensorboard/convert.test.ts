// Conversion as a whole: identity of runs, documents, damage, workers, the existing converter, interruption.
import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyArchive } from "../../../formats/archive/index.ts";
import { MatyanError } from "../../../formats/error.ts";
import { silentProgress } from "../../../formats/progress.ts";
import type { ValueMap } from "../../../formats/value.ts";
import { EventLogWriter, eventBytes, writeImageLog, writeScalarLog } from "../../../scripts/bench/eventLog.ts";
import { convertTensorboard } from "./convert.ts";
import { convertAndRead, pointsOf, readRuns } from "./readBack.ts";

const fixtures = join(import.meta.dir, "../../../fixtures");
const logs = join(fixtures, "tensorboard/logs");
const work = mkdtempSync(join(tmpdir(), "matyan-convert-test-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const options = { durable: false, progress: silentProgress, signal: new AbortController().signal };
const fresh = (name: string) => {
  const folder = join(work, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
};
const failure = async (work: Promise<unknown>): Promise<MatyanError> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof MatyanError) return error;
    throw error;
  }
  throw new Error("it did not fail");
};

describe("a run's hash", () => {
  const hashes = async (logdir: string, experiment?: string) =>
    new Map([...(await convertAndRead(logdir, { experiment })).runs].map(([name, { hash }]) => [name, hash]));

  test("is the same for the same logs under another path, and after they grew", async () => {
    const before = await hashes(logs);
    const moved = join(fresh("moved"), "elsewhere");
    cpSync(logs, moved, { recursive: true });
    expect(await hashes(moved)).toEqual(before);
    const file = join(moved, "parent/events.out.tfevents.1700001100.samplehost.14.0");
    appendFileSync(
      file,
      await Bun.file(join(moved, "parent/child/events.out.tfevents.1700001150.samplehost.14.0")).bytes(),
    );
    writeFileSync(join(moved, "parent/events.out.tfevents.1800000000.later"), "");
    expect(await hashes(moved)).toEqual(before);
    for (const hash of before.values()) expect(hash).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(before.values()).size).toBe(before.size);
  });

  test("of the folder itself does not depend on how the folder is called", async () => {
    const moved = fresh("renamed");
    cpSync(join(fixtures, "tensorboard/logs-root"), moved, { recursive: true });
    const before = await hashes(join(fixtures, "tensorboard/logs-root"));
    const after = await hashes(`${moved}/../renamed/.`);
    expect([...after.values()]).toEqual([...before.values()]);
    expect([...after.keys()]).toEqual(["renamed", "sub"]);
  });

  test("differs between trees, and between experiments", async () => {
    const other = fresh("other");
    mkdirSync(join(other, "parent"));
    writeScalarLog(join(other, "parent/events.out.tfevents.1700001100.samplehost.14.0"), 3, 1);
    const before = await hashes(logs);
    expect((await hashes(other)).get("parent")).not.toBe(before.get("parent")!);
    expect((await hashes(logs, "an experiment")).get("parent")).not.toBe(before.get("parent")!);
  });
});

test("documents say when the run was, and which experiment it belongs to by id and name", async () => {
  const { runs } = await convertAndRead(join(logs, "experiment_b"), { experiment: "größe" });
  const { meta, traces } = runs.get("tf2/train")!;
  const experimentId = meta.get("experiment_id") as string;
  expect(experimentId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Object.fromEntries(meta)).toEqual({
    name: "tf2/train",
    description: "Imported from TensorBoard",
    created_at: 1700003000.25,
    updated_at: 1700003005.25,
    finalized_at: 1700003005.25,
    is_archived: false,
    active: false,
    experiment_id: experimentId,
    experiment_name: "größe",
    client_start_ts: 1700003000.25,
    duration: 5,
  });
  const again = await convertAndRead(join(logs, "experiment_b"), { experiment: "größe" });
  expect(again.runs.get("tf2/train")!.meta.get("experiment_id")).toBe(experimentId);
  expect(traces.map((trace) => [trace.get("name"), trace.get("dtype"), trace.get("last_step")])).toEqual([
    ["epoch_loss", "float", 9n],
    ["epoch_accuracy", "float", 9n],
    ["comment", "text", 0n],
  ]);
});

test("archives are valid to the last checksum, as a folder and as a tar", async () => {
  for (const compress of [false, true]) {
    const out = fresh("valid");
    const { archive, totals } = await convertTensorboard({ ...options, logdir: logs, out, compress, experiment: "e" });
    const verified = await verifyArchive(archive);
    expect(verified.faults).toEqual([]);
    expect(verified.records).toBe(totals.records);
    expect(verified.blobs).toBe(11);
  }
});

test("agrees with the existing converter wherever that one is right", async () => {
  const converted = join(fixtures, "archives/converted");
  const peer = await readRuns(join(converted, readdirSync(converted)[0]!));
  const { runs } = await convertAndRead(logs);
  expect([...runs.keys()].sort()).toEqual([...peer.keys()].sort());
  let compared = 0;
  for (const [name, theirs] of peer) {
    const ours = runs.get(name)!;
    // It repeats children in their parents, stops at damage and does not carry restarts over files and tensors.
    if (/^(damaged|restart|parent$|hparams_tbx$)/.test(name)) continue;
    expect(ours.attrs.get("hparams")).toEqual(theirs.attrs.get("hparams")!);
    for (const record of theirs.records) {
      const isFloat = typeof record.value === "number";
      const isText = !isFloat && (record.value as ValueMap).get("type") === "text";
      if (!isFloat && !isText) continue;
      const wanted = isText && record.name === "mixed" ? "mixed (text)" : record.name;
      const mine = pointsOf(ours, wanted).filter(({ step, time }) => step === record.step && time === record.time);
      expect(mine.map(({ value }) => value)).toEqual([record.value]);
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(100);
});

describe("workers", () => {
  const lines = async (logdir: string, workers: number) => {
    const out = fresh(`workers-${workers}`);
    const { archive, runs, totals } = await convertTensorboard({ ...options, logdir, out, workers });
    const content = new Map<string, string>();
    for (const file of readdirSync(archive, { recursive: true, encoding: "utf8" }))
      if (!/manifest|checksums/.test(file) && (await Bun.file(join(archive, file)).exists()))
        content.set(
          file,
          createHash("sha256")
            .update(await Bun.file(join(archive, file)).bytes())
            .digest("hex"),
        );
    return { content, runs, totals };
  };

  test("give the same archive as one thread, byte for byte: many runs", async () => {
    expect(await lines(logs, 3)).toEqual(await lines(logs, 1));
  });

  test("give the same archive as one thread, byte for byte: one file of 10 MB, restarts and images in it", async () => {
    const logdir = fresh("big");
    writeScalarLog(join(logdir, "a.tfevents.1"), 120_000, 7);
    writeImageLog(join(logdir, "a.tfevents.2"), 4, 900_000);
    const log = new EventLogWriter(join(logdir, "a.tfevents.3"));
    log.record(eventBytes(1.7e9, 15_000, Buffer.from([0x3a, 2, 8, 1]))); // SessionLog.START
    log.close();
    const serial = await lines(logdir, 1);
    expect(serial.totals).toMatchObject({ records: 105_000 + 4, dropped: 15_000, blobs: 4 });
    expect(await lines(logdir, 2)).toEqual(serial);
  }, 30_000);
});

describe("damage", () => {
  test("--strict fails with the list, and leaves nothing", async () => {
    const out = join(work, "strict");
    const error = await failure(convertTensorboard({ ...options, logdir: join(logs, "damaged"), out, strict: true }));
    expect(error.code).toBe("corrupt");
    expect(error.message).toContain("crc_data/events.out.tfevents.1700000600.samplehost.8.0 at byte 248");
    expect(existsSync(out)).toBe(false);
  });

  test("a file that cannot be read loses itself, not the tree", async () => {
    const logdir = fresh("unreadable");
    cpSync(join(logs, "parent"), logdir, { recursive: true });
    symlinkSync("/nowhere/at/all", join(logdir, "child/dangling.tfevents"));
    const { report } = await convertAndRead(logdir);
    expect(report.unreadable.map(({ path }) => path)).toEqual([join(logdir, "child/dangling.tfevents")]);
    expect(report.totals.records).toBe(6);
  });

  test("links to folders are not followed", async () => {
    const logdir = fresh("loop");
    cpSync(join(logs, "parent"), logdir, { recursive: true });
    symlinkSync(logdir, join(logdir, "again"));
    const { report } = await convertAndRead(logdir);
    expect(report.runs.map(({ name }) => name)).toEqual(["loop", "child"]);
  });
});

test("a folder without event files, or none at all, is an error that says what to name", async () => {
  const empty = fresh("empty");
  writeFileSync(join(empty, "a.tfevents.profile-empty"), "");
  const out = join(work, "nothing");
  const nothing = await failure(convertTensorboard({ ...options, logdir: empty, out }));
  expect([nothing.code, nothing.message]).toEqual(["not_found", `${empty} holds no TensorBoard event files`]);
  const missing = await failure(convertTensorboard({ ...options, logdir: join(work, "missing"), out }));
  expect(missing.code).toBe("not_found");
  expect(existsSync(out)).toBe(false);
});

test.each([1, 2])("stopped in the middle nothing half-written remains (%p workers)", async (workers) => {
  const logdir = fresh("stop");
  writeScalarLog(join(logdir, "a.tfevents"), 200_000, 3);
  const out = join(work, "stopped");
  const abort = new AbortController();
  let advanced = 0;
  const progress = {
    ...silentProgress,
    advance: () => {
      if (++advanced === 6) abort.abort(new MatyanError("interrupted", "stopped"));
    },
  };
  const error = await failure(convertTensorboard({ ...options, logdir, out, workers, progress, signal: abort.signal }));
  expect(error.code).toBe("interrupted");
  expect(existsSync(out)).toBe(false);
});
