// Runs put in order in several readings of them.
import { expect, test } from "bun:test";
import { silentProgress } from "../../../formats/progress.ts";
import type { RunSummary } from "../../../server/listing/summary.ts";
import { inOrder } from "./remoteOrder.ts";

const runs = Array.from({ length: 10_000 }, (_, i): RunSummary => {
  const status = { status: "active", archived: false, active: true, finishedAt: undefined } as const;
  const facts = { name: "", description: "", experiment: i % 3 === 0 ? undefined : `e${i % 7}`, tags: [] };
  const hash = String(i).padStart(5, "0");
  return { hash, ...facts, ...status, createdAt: i >> 1, duration: i % 11, sequences: [], attrs: undefined };
}).reverse();

async function ordered(limit: number | undefined, heldRuns: number) {
  let readings = 0;
  const read = async function* () {
    readings++;
    yield* runs;
  };
  const progress = { ...silentProgress, async stop() {} };
  const sort = [
    { by: "experiment", descending: true },
    { by: "duration", descending: false },
  ] as const;
  const hashes: string[] = [];
  for await (const block of inOrder(read, { sort, limit, progress, heldRuns }))
    hashes.push(...block.map(({ hash }) => hash));
  return { hashes, readings };
}

test("a long list is put together from several readings, each of which holds few runs", async () => {
  const whole = await ordered(undefined, 20_000);
  expect([whole.readings, new Set(whole.hashes).size]).toEqual([1, runs.length]);
  expect(await ordered(undefined, 3_000)).toEqual({ hashes: whole.hashes, readings: 4 });
  expect(await ordered(5_000, 2_500)).toEqual({ hashes: whole.hashes.slice(0, 5_000), readings: 2 });
  expect(await ordered(7, 3_000)).toEqual({ hashes: whole.hashes.slice(0, 7), readings: 1 });
});
