// The existing Python services themselves, where a machine runs them: their addresses are named by the environment.
import { afterAll, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { createArchive, openArchive, verifyArchive } from "../../formats/archive/index.ts";
import { mapOf } from "../../formats/value.ts";
import { fixtures, newFolder, readWhole, removeFolders } from "../../server/archive/testing.ts";
import { runMatyan } from "../testing.ts";
import { backupRemote } from "./backupRemote.ts";
import { oddArchive } from "./oddArchive.ts";
import { restoreRemote } from "./restoreRemote.ts";

const url = process.env["MATYAN_TEST_EXISTING_API"];
const frontier = process.env["MATYAN_TEST_EXISTING_FRONTIER"];
const missing = url === undefined ? " (skipped: MATYAN_TEST_EXISTING_API names no server)" : "";

afterAll(removeFolders);

test.skipIf(url === undefined).each([
  ["a backup of theirs", async () => join(fixtures, "example-archive-full")],
  ["converted TensorBoard logs", async () => join(fixtures, "converted")],
  ["values of all kinds", oddArchive],
])(
  `the existing services take %s, and have it then${missing}`,
  async (_, make) => {
    await using archive = await openArchive(await make());
    const report = await restoreRemote({ archive, url: url!, frontier });
    expect(report.failures).toEqual([]);
    const again = await restoreRemote({ archive, url: url!, frontier });
    expect(again.runs.same).toBe(archive.runHashes.length);
    expect(again.entities.create).toBe(0);
  },
  300_000,
);

/** A finished run with a metric, and one of which every second value is NaN, which is stored there as a missing value. */
async function runWithGaps(hash: string): Promise<string> {
  await using archive = await createArchive({ out: await newFolder(), kind: "backup", durable: false });
  const run = await archive.run(hash);
  await run.json("run.json", mapOf({ name: "with gaps", created_at: 1_700_000_000, finalized_at: 1_700_000_100 }));
  await run.json("attrs.json", mapOf({ hparams: mapOf({ lr: 0.5, n: 1n }) }));
  await run.json("contexts.json", new Map([["0", new Map()]]));
  const records = run.records();
  const traces = ["whole", "gaps"].map((name) => {
    for (let step = 0n; step < 20n; step++) {
      const value = name === "gaps" && step % 2n === 0n ? Number.NaN : Number(step) / 3;
      records.write({ contextId: 0, name, step, value, time: 1_700_000_000 });
    }
    return mapOf({ name, context_id: 0n, dtype: "float", last: 19 / 3, last_step: 19n });
  });
  await run.json("traces.json", traces);
  await run.close();
  return (await archive.finish({})).path;
}

test.skipIf(url === undefined)(
  `what the existing services were given is in a backup made through their API, and in what the commands show${missing}`,
  async () => {
    const hash = randomUUID().replaceAll("-", "");
    await using archive = await openArchive(await runWithGaps(hash));
    expect((await restoreRemote({ archive, url: url!, frontier })).failures).toEqual([]);

    const report = await backupRemote({ url: url!, out: await newFolder(), runs: [hash], durable: false });
    expect(report).toMatchObject({ failures: [], runs: 1, points: 40 });
    expect(report.notGiven.join()).toContain("which of the missing values");
    expect((await verifyArchive(report.path!)).ok).toBe(true);
    const run = (await readWhole(report.path!)).runs.get(hash)!;
    expect(run.attrs).toEqual(mapOf({ hparams: mapOf({ lr: 0.5, n: 1n }) }));
    const values = (name: string) =>
      [...run.records.values()].filter((record) => record.get("name") === name).map((record) => record.get("value"));
    const steps = Array.from({ length: 20 }, (_, step) => step);
    expect(values("whole")).toEqual(steps.map((step) => step / 3));
    expect(values("gaps")).toEqual(steps.map((step) => (step % 2 === 0 ? null : step / 3)));

    const cwd = await newFolder();
    const matyan = (...args: string[]) => runMatyan([...args, "--json", "--url", url!], { cwd });
    const records = async (...args: string[]) =>
      (await matyan(...args)).out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    expect(await records("query", `run.hash == "${hash}"`)).toEqual([expect.objectContaining({ hash })]);
    expect(await records("runs", "show", hash)).toEqual([expect.objectContaining({ name: "with gaps" })]);
    const [plotted] = await records("runs", "plot", hash, "--metric", "gaps");
    expect([plotted.x, plotted.y[1]]).toEqual([steps, 1 / 3]);
    const tailed = await records("runs", "tail", hash, "--metric", "whole", "--no-follow", "-n", "1");
    expect(tailed[0]).toMatchObject({ type: "metric", step: 19, value: 19 / 3 });
    const metrics = await matyan("query", "--metrics", `run.hash == "${hash}"`);
    expect([metrics.code, metrics.err]).toEqual([
      1,
      expect.stringContaining(`breaks off at metrics of the runs ${hash}`),
    ]);
    const [looked] = await records("top", "--once");
    expect(looked).toMatchObject({ runs: expect.any(Array), figures: { received: null } });
  },
  120_000,
);

test.skipIf(url === undefined)(
  `runs of the existing services are edited through their API, and a second time nothing changes${missing}`,
  async () => {
    const hash = randomUUID().replaceAll("-", "");
    await using archive = await openArchive(await runWithGaps(hash));
    expect((await restoreRemote({ archive, url: url!, frontier })).failures).toEqual([]);
    const cwd = await newFolder();
    const records = async (...args: string[]) => {
      const ended = await runMatyan(["runs", ...args, "--yes", "--json", "--url", url!], { cwd });
      return ended.out.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
    };
    const tag = `tag of ${hash}`;
    for (const edit of [["rename", "other"], ["tag", tag], ["untag", tag], ["archive"], ["unarchive"]])
      for (const changed of [true, false])
        expect(await records(...edit, hash.slice(0, 20))).toContainEqual({
          ...{ type: "run", run: hash, action: edit[0], changed },
        });
    expect(await records("delete", hash)).toContainEqual(expect.objectContaining({ run: hash, changed: true }));
    while ((await fetch(`${url}/api/v1/rest/runs/${hash}/info/`)).status !== 404) await Bun.sleep(100);
  },
  60_000,
);
