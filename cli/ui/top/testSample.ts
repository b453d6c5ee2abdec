// Test support: a system as `matyan top` sees it, the same at every time and on every machine.
import type { Value, ValueMap } from "../../../formats/value.ts";
import type { MetricSummary, RunSummary } from "../../../server/listing/summary.ts";
import type { LiveFigures } from "../../../server/live/figures.ts";
import type { Spark } from "../../../server/live/source.ts";
import type { Screen } from "./screen.ts";
import { type Action, listed, reduce, startState, type TopState } from "./state.ts";
import { metricKey, newestMetrics, type Sample, shownMetrics } from "./track.ts";

/** 2026-11-24 18:00:00 UTC. */
export const sampleTime = Date.UTC(2026, 10, 24, 18) / 1_000;

export const sampleFigures: LiveFigures = {
  at: sampleTime,
  received: { points: 1_000_000, messages: 1_010_000 },
  applied: { points: 999_000, messages: 1_009_000 },
  queue: { messages: 1_200, bytes: 345_678 },
  store: { bytes: 12_345_678_901 },
  blobs: { files: 1_234, bytes: 9_876_543_210, whole: true, at: sampleTime - 60 },
  runs: { active: 14, more: false },
  connections: { open: 12 },
  memory: { bytes: 234_567_890 },
  slow: {
    seconds: 900,
    queries: [
      { at: sampleTime - 40, seconds: 2.34, route: "GET /api/v1/rest/runs/search/metric/", text: "metric.last < 0.1" },
      { at: sampleTime - 400, seconds: 0.412, route: "GET /api/v1/rest/runs/search/run/", text: '"実験" in run.name' },
      { at: sampleTime - 2, seconds: 0.031, route: "POST /api/v1/rest/runs/{run_id}/metric/get-batch/", text: "" },
    ],
  },
  errors: {
    seconds: 900,
    count: 3,
    recent: [
      { at: sampleTime - 5, where: "frontier", text: "log_metric: 'value': Field required" },
      { at: sampleTime - 300, where: "GET /api/v1/rest/runs/search/run/", text: "the disk is full" },
    ],
  },
  missing: { lag: "there is no Kafka", letters: "there is no Kafka" },
};

const runNames = [
  "resnet50 baseline",
  "実験の長い名前をもつトレーニング、二番目の試み",
  "transformer-large-with-a-name-that-does-not-fit-into-any-column-of-a-table-however-wide-it-is",
  "👩‍🔬 ablation without dropout",
  "gan \u001b[2Jthat clears the screen",
];

function metric(name: string, context: ValueMap, last: Value, lastStep: bigint): MetricSummary {
  return {
    name,
    context,
    contextId: context.size === 0 ? 0 : context.get("subset") === "val" ? 2 : 1,
    dtype: "float",
    last,
    lastStep,
  };
}

export function sampleRun(index: number, step: bigint): RunSummary {
  const train = new Map([["subset", "train"]]);
  return {
    hash: (0x3f9c1a20 + index * 0x01010101).toString(16).repeat(4),
    name: index < runNames.length ? runNames[index]! : `sweep ${index}`,
    description: "",
    experiment: index % 3 === 2 ? undefined : ["baseline", "sweep of learning rates"][index % 2],
    tags: index === 0 ? ["best", "paper"] : [],
    status: "active",
    archived: false,
    active: true,
    createdAt: sampleTime - 3_600 * (index + 1),
    finishedAt: undefined,
    duration: undefined,
    sequences: [
      metric("loss", train, 1 / Number(step + 1n), step),
      metric("loss", new Map([["subset", "val"]]), 2 / Number(step + 1n), (step / 20n) * 20n),
      metric("accuracy", train, 1 - 1 / Number(step + 2n), step),
      metric("__system__cpu", new Map(), 12.5, step),
    ],
    attrs: new Map<string, Value>([
      [
        "hparams",
        new Map<string, Value>([
          ["lr", 0.001],
          ["layers", [64n, 128n]],
          ["optimizer", "adam"],
        ]),
      ],
      ["dataset", "imagenet/実験"],
    ]),
  };
}

export function sampleSpark(seed: number, count: number): Spark {
  return {
    values: Array.from({ length: count }, (_, i) => Math.exp(-i / (seed + 2)) + ((i * 7 + seed) % 5) / 40),
    lastTime: undefined,
  };
}

/** A look `seconds` after `sampleTime`: every run but the last ones is 25 steps further per second. */
export function sampleAt(seconds: number, runs = 14): Sample {
  const more = Math.round(seconds * 900 + seconds * seconds * 60);
  return {
    figures: {
      ...sampleFigures,
      at: sampleTime + seconds,
      received: { points: 1_000_000 + more, messages: 1_010_000 + more },
      applied: { points: 999_000 + more, messages: 1_009_000 + more },
    },
    active: {
      runs: Array.from({ length: runs }, (_, i) =>
        sampleRun(i, BigInt(Math.round(1_000 + (i < runs - 2 ? seconds * 25 : 0) - i))),
      ),
      more: false,
    },
  };
}

export function sampleState(actions: readonly Action[] = []): TopState {
  let state = startState({});
  for (const seconds of [0, 1, 2, 3, 4]) state = reduce(state, { kind: "looked", sample: sampleAt(seconds) });
  const sparks = new Map(
    listed(state).map((run, i) => [
      run.hash,
      new Map(
        newestMetrics(run, state.tracks.get(run.hash)).map((each, j) => [metricKey(each), sampleSpark(i + j, 12)]),
      ),
    ]),
  );
  return [{ kind: "sparks", sparks } as const, ...actions].reduce<TopState>(reduce, state);
}

export function key(name: string): Action {
  return { kind: "key", key: name, page: 10, furthest: 100 };
}

/** The page of the run at a place of the list, with `lines` log lines. */
export function samplePage(index: number, lines = 20): Action {
  const run = sampleRun(index, 1_100n);
  const sparks = new Map(shownMetrics(run).map((each, j) => [metricKey(each), sampleSpark(j, 24)]));
  const log = Array.from({ length: lines }, (_, i) => `epoch ${i}: loss ${(1 / (i + 1)).toFixed(4)} 損失`);
  return { kind: "page", hash: run.hash, page: { run, sparks, log } };
}

export function sampleScreen(columns: number, rows: number, style: Screen["style"]): Screen {
  return { columns, rows, style, now: sampleTime + 5, place: "http://metrics.example:53800", interval: 2 };
}

/** The pages that are approved. */
export const samplePages: readonly { readonly page: string; readonly state: () => TopState }[] = [
  { page: "runs", state: () => sampleState([key("down"), key("down")]) },
  { page: "run", state: () => sampleState([key("down"), key("enter"), samplePage(1)]) },
  { page: "help", state: () => sampleState([key("?")]) },
];
