// GET /runs/search/metric: sampled metrics of the runs that match (rest-api.md 2.8, 4.7). The hot path of the web UI.
import { StreamEncoder, type StreamNode } from "../../formats/stream.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { type PreparedQuery, prepareQuery } from "../query/index.ts";
import { findSequences, isNumeric, type Run, RunReader, type RunTrace, rest, type Step } from "../search/index.ts";
import { type FloatColumns, floatsAt, sampleFloats } from "../store/floatColumns.ts";
import { drawnSlice, isBrowser } from "./drawnSlice.ts";
import type { ApiRequest } from "./request.ts";
import type { ApiContext, Route } from "./route.ts";
import { answerFrames } from "./streams/answer.ts";
import { countAccess } from "./streams/countAccess.ts";
import { queryParameters } from "./streams/parameters.ts";
import { Progress } from "./streams/progress.ts";
import { propsOf, treeOf } from "./streams/runParts.ts";

/** More points of one metric than any screen has columns. Bounds the memory of an answer. */
const mostPoints = 50_000;
/** Sequences read at one time. */
const groupSize = 8;
const partBytes = 1_000_000;

interface Sampling {
  readonly points: number;
  /** Name of the metric to use as x. */
  readonly xAxis: string | undefined;
  readonly skipSystem: boolean;
  /** Browsers are told in each slice how many points they asked for. */
  readonly isBrowser: boolean;
}

export function searchMetricRoutes(context: ApiContext): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/runs/search/metric",
      summary: "Search metrics",
      usesTimezone: true,
      query: {
        ...queryParameters,
        p: { type: "integer", description: "Points of each metric.", default: 50 },
        x_axis: { type: "string", description: "Name of the metric to read the x values from." },
        trace_chunk_size: { type: "integer", description: "Without effect.", default: 10 },
      },
      answer: { description: "A tree stream of runs by hash.", type: "application/octet-stream" },
      errors: [400],
      handle: (request) => handle(context, request),
    },
  ];
}

function handle(context: ApiContext, request: ApiRequest): Promise<Response> {
  const { query } = request;
  const prepared = prepareQuery(query.string("q", ""), { scope: "metric", timezoneOffset: request.timezoneOffset });
  query.int("trace_chunk_size", 10);
  const sampling: Sampling = {
    points: Math.min(query.int("p", 50), mostPoints),
    xAxis: query.string("x_axis"),
    skipSystem: query.bool("skip_system", true),
    isBrowser: isBrowser(request),
  };
  const progress = new Progress(query.bool("report_progress", true));
  return answerFrames(request, context.store, (tx) => frames(tx, context, prepared, sampling, progress), progress);
}

async function* frames(
  tx: ReadTransaction,
  { store, now, metrics }: ApiContext,
  query: PreparedQuery,
  sampling: Sampling,
  progress: Progress,
): AsyncGenerator<Step<Uint8Array>, void> {
  const reader = new RunReader(tx, store);
  const encoder = new StreamEncoder();
  let isFirst = true;
  const onAccess = countAccess(metrics, "metric_search");
  for await (const step of findSequences(reader, query, { now: now(), onAccess, onProgress: progress.note })) {
    if (step === rest) {
      yield rest;
      continue;
    }
    if (isFirst) yield progress.frame(0, step.total);
    isFirst = false;
    yield progress.changed(step.checked, step.total);
    yield* encodeRun(encoder, reader, step.run, step.traces, sampling);
  }
  yield progress.end();
}

/** One run, in one frame or, when it is large, in several. */
async function* encodeRun(
  encoder: StreamEncoder,
  reader: RunReader,
  run: Run,
  traces: readonly RunTrace[],
  { points, xAxis, skipSystem, isBrowser }: Sampling,
): AsyncGenerator<Uint8Array, void> {
  const { hash } = run;
  const { tx, store } = reader;
  encoder.entry([hash, "params"], await run.params(skipSystem)).entry([hash, "traces"], []);
  const xNames = xAxis === undefined ? [] : (await run.traces()).filter((t) => t.name === xAxis && isNumeric(t));
  for (let at = 0; at < traces.length; at += groupSize) {
    const group = traces.slice(at, at + groupSize);
    const read = await Promise.all(
      group.map(async ({ contextId, name }) => {
        const columns = await sampleFloats(tx, store, { hash, contextId, name }, points);
        if (xAxis === undefined) return { columns };
        const exists = xNames.some((x) => x.contextId === contextId);
        const ref = { hash, contextId, name: xAxis };
        return { columns, x: exists ? await xColumns(reader, ref, columns.steps) : noX };
      }),
    );
    for (let i = 0; i < group.length; i++) {
      encoder.entry([hash, "traces", BigInt(at + i)], traceTree(group[i]!, read[i]!, isBrowser ? points : undefined));
      if (encoder.length > partBytes) yield encoder.finish();
    }
  }
  yield encoder.entry([hash, "props"], await propsOf(run)).finish();
}

interface XColumns {
  readonly values: Float64Array;
  readonly steps: Float64Array;
}

const noX: XColumns = { values: new Float64Array(0), steps: new Float64Array(0) };

/** The x metric at those of the steps where it has a value (W15): what the UI pairs by step. */
async function xColumns(
  { tx, store }: RunReader,
  ref: { readonly hash: string; readonly contextId: number; readonly name: string },
  steps: Float64Array,
): Promise<XColumns> {
  const { values, found } = await floatsAt(tx, store, ref, steps);
  if (!found.includes(false)) return { values, steps };
  return { values: values.filter((_, i) => found[i] === true), steps: steps.filter((_, i) => found[i] === true) };
}

function traceTree(
  trace: RunTrace,
  { columns, x }: { readonly columns: FloatColumns; readonly x?: XColumns },
  points: number | undefined,
): StreamNode {
  return treeOf({
    name: trace.name,
    context: trace.context,
    slice: drawnSlice(columns.steps.at(-1), points),
    values: columns.values,
    iters: columns.steps,
    epochs: columns.epochs,
    timestamps: columns.times,
    ...(x === undefined ? {} : { x_axis_values: x.values, x_axis_iters: x.steps }),
  });
}
