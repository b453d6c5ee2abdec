// Real event files by tensorboardX and TensorFlow, against what TensorBoard's own readers see in them (expected.json).
import { beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { LineRecord } from "../../../formats/archive/index.ts";
import { isMap, toNumber, type Value, type ValueMap } from "../../../formats/value.ts";
import { convertAndRead, pointsOf, type ReadRun } from "./readBack.ts";

const fixtures = join(import.meta.dir, "../../../fixtures/tensorboard");

type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };
interface ExpectedPoint {
  readonly step: number;
  readonly wall_time: number;
  readonly value?: number | string | (number | string)[];
  readonly bytes?: number;
  readonly sha256?: string;
  readonly width?: number;
  readonly height?: number;
  readonly sample_rate?: number;
  readonly buckets?: number;
  readonly min?: number;
  readonly max?: number;
  readonly counts_le_f64_sha256?: string;
  readonly dtype?: string;
  readonly shape?: number[];
  readonly sum?: number;
  readonly rows_left_right_count?: number[][];
}
interface ExpectedTag {
  readonly plugin: string | null;
  readonly [kind: string]: { readonly count: number; readonly points: ExpectedPoint[] } | string | null;
}
interface ExpectedFile {
  readonly bytes: number;
  readonly stopped_by: string;
  readonly readable_records: number;
  readonly tags: Record<string, ExpectedTag>;
  readonly hparams?: Record<string, { kind: string; value: Plain } | null>;
}
type Expected = Record<string, Record<string, ExpectedFile>>;

const expected: Expected = await Bun.file(join(fixtures, "expected.json")).json();
/** Runs whose restarts reach over tags or files; restart.test.ts compares them. */
const restarted = new Set(["restart/same_file", "restart/two_files", "restart/no_version"]);

describe.each(["logs", "logs-root", "logs-hard"])("%s", (tree) => {
  let runs: Map<string, ReadRun>;
  let skipped: Map<string, number>;
  beforeAll(async () => {
    const converted = await convertAndRead(join(fixtures, tree), { experiment: "golden" });
    runs = converted.runs;
    skipped = new Map(converted.report.runs.flatMap(({ files }) => files.map(({ path, losses }) => [path, losses])));
  });

  for (const [path, file] of Object.entries(expected[tree]!)) {
    const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : tree;
    test(`${path} holds the points that TensorBoard's readers see`, () => {
      const run = runs.get(folder)!;
      if (restarted.has(folder)) {
        expect(run.records.length).toBeGreaterThan(0);
        return;
      }
      for (const [tag, facts] of Object.entries(file.tags))
        checkTag(run, tag, facts, file.stopped_by === "end of file");
      expect(skipped.get(path)! > 0).toBe(file.stopped_by !== "end of file" || folder === "bad_proto");
    });
  }
});

function checkTag(run: ReadRun, tag: string, facts: ExpectedTag, whole: boolean): void {
  for (const [kind, list] of Object.entries(facts)) {
    if (list === null || typeof list === "string" || kind === "none") continue;
    if (facts.plugin === "hparams" || facts.plugin === "custom_scalars") continue;
    const name = facts.plugin === "text" ? nameOfText(run, tag) : tag;
    const points = pointsOf(run, name);
    // A damaged file gives at least what the readers see before the damage, in the same order.
    if (whole) expect(points.length).toBe(list.count);
    for (const [index, point] of list.points.entries()) checkPoint(run, points[index]!, kind, point, facts.plugin);
  }
}

function nameOfText(run: ReadRun, tag: string): string {
  const name = tag.replace(/\/text_summary$/, "");
  return run.traces.some((trace) => trace.get("name") === `${name} (text)`) ? `${name} (text)` : name;
}

function checkPoint(
  run: ReadRun,
  record: LineRecord,
  kind: string,
  point: ExpectedPoint,
  plugin: string | null,
): unknown {
  expect(record.step).toBe(BigInt(point.step));
  expect(record.time).toBe(point.wall_time);
  const value = record.value as ValueMap;
  switch (kind) {
    case "simple_value":
      return expect(record.value).toBe(Number(point.value));
    case "image":
    case "audio": {
      expect(sha256(blobOf(run, value))).toBe(point.sha256!);
      if (kind === "image") {
        expect([toNumber(value.get("width")), toNumber(value.get("height"))]).toEqual([point.width!, point.height!]);
      } else expect(toNumber(value.get("rate"))).toBe(point.sample_rate!);
      return;
    }
    case "histo": {
      const counts = value.get("data") as number[];
      const edges = value.get("edges") as number[];
      expect(counts.length).toBe(point.buckets!);
      expect(sha256(new Uint8Array(Float64Array.from(counts).buffer))).toBe(point.counts_le_f64_sha256!);
      expect(value.get("bin_count")).toBe(BigInt(point.buckets!));
      if (counts.length > 0) {
        expect(edges.length).toBe(counts.length + 1);
        expect([...edges].sort((a, b) => a - b)).toEqual(edges);
        expect(value.get("range")).toEqual([point.min!, point.max!]);
      }
      return;
    }
    case "tensor":
      return checkTensor(run, record, point, plugin);
    default:
      throw new Error(`unknown kind ${kind}`);
  }
}

function checkTensor(run: ReadRun, record: LineRecord, point: ExpectedPoint, plugin: string | null): unknown {
  const value = record.value;
  if (typeof value === "number") return expect(value).toBe(Number([point.value].flat()[0] ?? 0));
  if (plugin === "images") {
    const strings = point.value as string[];
    const images = (Array.isArray(value) ? value : [value]) as ValueMap[];
    expect(images.map((image) => `sha256:${sha256(blobOf(run, image))}`)).toEqual(strings.slice(2));
    for (const image of images) {
      expect(toNumber(image.get("width"))).toBe(Number(strings[0]));
      expect(toNumber(image.get("height"))).toBe(Number(strings[1]));
    }
    return;
  }
  if (!isMap(value)) throw new Error("a tensor became neither a number nor an object");
  if (plugin === "audio") return expect(`sha256:${sha256(blobOf(run, value))}`).toBe((point.value as string[])[0]!);
  if (value.get("type") === "text") {
    const cells = (value.get("cells") as string[] | undefined) ?? [value.get("data") as string];
    return expect(cells).toEqual((point.value as string[]).map((text) => text.replaceAll(/\\x../g, "�")));
  }
  if (plugin === "histograms") {
    const edges = value.get("edges") as number[];
    const counts = value.get("data") as number[];
    return expect(counts.map((count, index) => [edges[index]!, edges[index + 1]!, count])).toEqual(
      point.rows_left_right_count!,
    );
  }
  const tensor = value.get("tensor") as ValueMap;
  expect((tensor.get("shape") as bigint[]).map(Number)).toEqual(point.shape!);
  expect(`DT_${(tensor.get("dtype") as string).toUpperCase().replace("32", "")}`).toBe(point.dtype!);
  const numbers = figureNumbers(value);
  if (point.value !== undefined) expect(numbers).toEqual((point.value as number[]).map(Number));
  else if (point.sum !== undefined) expect(numbers.reduce((sum, each) => sum + each, 0)).toBeCloseTo(point.sum, 5);
}

/** Every element of a figure's tensor, in no particular order; of a PR curve without the thresholds, which are not in the tensor. */
function figureNumbers(figure: ValueMap): number[] {
  const [trace] = (figure.get("data") as ValueMap).get("data") as ValueMap[];
  const flat = (value: Value | undefined): number[] =>
    Array.isArray(value) ? value.flatMap(flat) : value === undefined ? [] : [toNumber(value)!];
  const counts = ((trace!.get("customdata") ?? []) as Value[][]).map((row) => row.slice(0, 4));
  return [...flat(trace!.get("x")), ...flat(trace!.get("y")), ...flat(trace!.get("z")), ...flat(counts)];
}

function blobOf(run: ReadRun, value: ValueMap): Uint8Array {
  const key = value.get("s3_key") as string;
  expect(key.startsWith(`${run.hash}/seq/`)).toBe(true);
  return run.blobs.get(key.slice(run.hash.length + 1))!;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("particular cases", () => {
  test("damaged files give what lies beyond the damage too", async () => {
    const { runs, report } = await convertAndRead(join(fixtures, "logs/damaged"));
    const steps = (name: string) => runs.get(name)!.records.map(({ step }) => Number(step));
    expect(steps("crc_data")).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9]);
    expect(steps("crc_payload")).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9]);
    expect(steps("crc_length")).toEqual([0, 1, 2, 3, 4, 5, 6, 8, 9]);
    expect(steps("truncated")).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const losses = report.runs.flatMap(({ files }) => files.flatMap(({ skipped }) => skipped));
    expect(losses.map(({ offset, bytes }) => [offset, bytes])).toEqual([
      [248, 42],
      [332, 42],
      [164, 42],
      [416, 33],
    ]);
    expect(losses[3]!.reason).toStartWith("truncated");
  });

  test("a run holds its own folder's events, not its children's", async () => {
    const { runs } = await convertAndRead(join(fixtures, "logs"));
    expect(runs.get("parent")!.records.map(({ value }) => value)).toEqual([0, 1, 2]);
    expect(runs.get("parent/child")!.records.map(({ value }) => value)).toEqual([100, 101, 102]);
  });

  test("two kinds under one name stay two sequences", async () => {
    const { runs } = await convertAndRead(join(fixtures, "logs/experiment_a"));
    const names = runs.get("run1")!.traces.map((trace) => [trace.get("name"), trace.get("dtype")]);
    expect(names).toContainEqual(["mixed", "float"]);
    expect(names).toContainEqual(["mixed (text)", "text"]);
  });

  test("tags that clean up to one path keep separate blobs", async () => {
    const { runs } = await convertAndRead(join(fixtures, "logs/misc"));
    const run = runs.get("misc")!;
    expect(run.blobs.size).toBe(5);
    expect(pointsOf(run, "img/a").length + pointsOf(run, "img_a").length).toBe(2);
  });

  test("an animated GIF is kept whole", async () => {
    const { runs } = await convertAndRead(join(fixtures, "logs-hard/gif_animated"));
    const [record] = runs.get("gif_animated")!.records;
    expect((record!.value as ValueMap).get("format")).toBe("gif");
  });

  test("several texts of one step are a table, and each of its cells", async () => {
    const { runs } = await convertAndRead(join(fixtures, "logs-hard/tf2_text_many"));
    const value = runs.get("tf2_text_many")!.records[0]!.value as ValueMap;
    expect(value.get("data")).toBe("|  |  |\n| --- | --- |\n| a | b |\n| c | d |");
    expect(value.get("shape")).toEqual([2n, 2n]);
  });

  test("bytes that are no image, and text that is no UTF-8, are kept as far as possible and noted", async () => {
    const image = await convertAndRead(join(fixtures, "logs-hard/image_garbage"));
    expect([...image.runs.get("image_garbage")!.blobs.keys()][0]).toEndWith(".bin");
    expect(Object.values(image.report.runs[0]!.notes)).toEqual([1]);
    const text = await convertAndRead(join(fixtures, "logs-hard/text_not_utf8"));
    expect(Object.values(text.report.runs[0]!.notes)).toEqual([1]);
  });

  test("layouts become attributes", async () => {
    const { runs } = await convertAndRead(join(fixtures, "logs-hard/custom_scalars"));
    const own = runs.get("custom_scalars")!.attrs.get("tensorboard") as ValueMap;
    const layout = (own.get("custom_scalars") as ValueMap[])[0]!;
    const category = (layout.get("category") as ValueMap[])[0]!;
    expect(category.get("title")).toBe("cat");
    const chart = (category.get("chart") as ValueMap[])[0]!;
    expect((chart.get("multiline") as ValueMap).get("tag")).toEqual(["a"]);
  });

  test("what has no place in an archive is counted", async () => {
    const { report } = await convertAndRead(join(fixtures, "logs/misc"));
    expect(report.runs[0]!.unconverted).toEqual({ graph: 1, "run metadata": 1, "log message": 1 });
  });
});

describe("hyperparameters", () => {
  test.each([
    [
      "logs/hparams_tbx/trial_1",
      {
        batch: 32,
        lr: 0.01,
        layers: [64n, "relu", null],
        cfg: { a: [1n, true] },
        note: "[broken",
        opt: { betas: [0.9, 0.999], name: "adam" },
        use_bn: true,
      },
    ],
    ["logs/experiment_b/hp_tf2", { bias: false, dropout: 0.1, num_units: 16, optimizer: "sgd" }],
    ["logs-hard/hparam_unset", { lr: 0.5, unset: null }],
    ["logs-hard/hparam_null", { lr: 0.5, nul: null }],
    ["logs-hard/hparam_list", { lr: 0.5, lst: [1, "x"] }],
    ["logs-hard/hparam_bools", { b1: true, b2: false }],
    ["logs-hard/hparam_prefix", { a: { "": 1, b: 2 }, c: { "": 4, d: 3 }, e: { "": { f: 5 } } }],
  ] as const)("%s", async (folder, parameters) => {
    const { runs } = await convertAndRead(join(fixtures, folder));
    const [run] = runs.values();
    expect(plain(run!.attrs.get("hparams"))).toEqual(parameters as unknown as Plain);
  });

  test("session, status and declarations are kept beside them", async () => {
    const { runs } = await convertAndRead(join(fixtures, "logs/hparams_tbx/trial_1"));
    const own = runs.get("trial_1")!.attrs.get("tensorboard") as ValueMap;
    const session = own.get("hparams") as ValueMap;
    expect(session.get("status")).toBe("success");
    expect(((session.get("experiment") as ValueMap).get("hparams") as Value[]).length).toBe(8);
  });
});

/** Maps as plain objects; integers stay bigints. */
function plain(value: Value | undefined): unknown {
  if (Array.isArray(value)) return value.map(plain);
  return isMap(value) ? Object.fromEntries([...value].map(([key, item]) => [key, plain(item)])) : value;
}
