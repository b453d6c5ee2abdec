// TensorBoard's restart rule over all files of a run: what TensorBoard shows is what the archive holds.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { convertAndRead, pointsOf } from "./readBack.ts";

const fixtures = join(import.meta.dir, "../../../fixtures/tensorboard");

/** Run -> tag -> points (step, wall time and, for scalars, value) that TensorBoard's accumulator keeps of a whole folder. */
const shown: Record<string, Record<string, number[][]>> = await Bun.file(join(fixtures, "restarts.json")).json();
const converted = await convertAndRead(join(fixtures, "restarts"));

describe.each(Object.keys(shown))("%s", (name) => {
  const run = converted.runs.get(name)!;

  test("holds exactly the points that TensorBoard keeps, in its order", () => {
    const tags = Object.entries(shown[name]!);
    for (const [tag, points] of tags) {
      const held = pointsOf(run, tag).map(({ step, time, value }) =>
        tag === "h" ? [Number(step), time] : [Number(step), time, value],
      );
      expect(held as number[][]).toEqual(points);
    }
    const names = new Set(run.records.map((record) => record.name));
    expect(names).toEqual(new Set(tags.filter(([, points]) => points.length > 0).map(([tag]) => tag)));
  });
});

test("tensors are dropped like all else, as TensorBoard's data server does", async () => {
  const { runs, report } = await convertAndRead(join(fixtures, "logs/restart"));
  const steps = (run: string, tag: string) => pointsOf(runs.get(run)!, tag).map(({ step }) => Number(step));
  // Recorded from TensorBoard 2.21's data server over the same folder
  expect(steps("same_file", "loss")).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(steps("same_file", "tloss")).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(steps("two_files", "loss")).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(steps("no_version", "loss")).toEqual([0, 1, 2, 6]);
  expect(steps("no_version", "other")).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(pointsOf(runs.get("two_files")!, "loss").map(({ value }) => value)).toEqual([
    0, 1, 2, 3, 104, 105, 106, 107, 108, 109,
  ]);
  const dropped = new Map(report.runs.map((run) => [run.name, run.dropped]));
  expect(dropped.get("same_file")).toEqual({ restart: 10, tags: { loss: 5, tloss: 5 } });
  expect(dropped.get("two_files")).toEqual({ restart: 2, tags: { loss: 2 } });
  expect(dropped.get("no_version")).toEqual({ restart: 4, tags: { loss: 4 } });
});

test("what was kept and what was dropped is all there was", () => {
  for (const run of converted.report.runs) {
    const values = run.files.reduce((sum, { records }) => sum + records, 0);
    expect(run.records + run.dropped.restart).toBeGreaterThanOrEqual(values - run.files.length * 4);
  }
});
