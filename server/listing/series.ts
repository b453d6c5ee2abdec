// Metrics as series of numbers for charts and sparklines, at a cost that does not grow with their length.
import { MatyanError } from "../../formats/error.ts";
import { toNumber, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import type { Store } from "../store/index.ts";
import { sampleSequence } from "../store/sampling.ts";
import type { Point, SequenceRef } from "../store/sequences.ts";
import { type ContextTerm, contextText, matchesContext } from "./contextText.ts";
import { unknownMetric } from "./ranking.ts";
import { type MetricSummary, metricsOf, type NameCache, type RunSummary, readSummary } from "./summary.ts";

export type XAxis = "step" | "epoch" | "time";

export interface Series {
  readonly run: RunSummary;
  readonly metric: string;
  readonly context: ValueMap;
  /** Steps, epochs, or seconds since the run's first shown point; ascending. */
  readonly xs: readonly number[];
  /** NaN where the stored value is no number. */
  readonly ys: readonly number[];
  readonly lastStep: bigint | undefined;
}

export interface SeriesRequest {
  readonly hashes: readonly string[];
  readonly metric: string;
  readonly context: readonly ContextTerm[];
  readonly x: XAxis;
  /** Points per series at most. They lie evenly over the steps; a longer sequence may hide what is between them. */
  readonly samples: number;
}

/**
 * The series of a metric in some runs, one for each matching context: in the order of `hashes`, then of contexts.
 * `without` are runs that have none while others do.
 * @throws MatyanError `not_found` when a run does not exist, or no run has the metric, context or x axis: it says what
 * there is.
 */
export async function readSeries(
  store: Store,
  request: SeriesRequest,
  signal?: AbortSignal,
): Promise<{ readonly series: Series[]; readonly without: string[] }> {
  const names: NameCache = new Map();
  const series: Series[] = [];
  const without: string[] = [];
  const known = new Set<string>();
  const contexts = new Set<string>();
  for (const hash of request.hashes) {
    signal?.throwIfAborted();
    await store.database.snapshot(async (tx) => {
      const run = await readSummary(tx, store, hash, { names });
      if (run === undefined) throw new MatyanError("not_found", `there is no run '${hash}'`);
      for (const { name } of metricsOf(run)) known.add(name);
      const named = metricsOf(run).filter(({ name }) => name === request.metric);
      for (const { context } of named) contexts.add(contextText(context));
      const found = await seriesOfRun(tx, store, run, named, request);
      if (found.length === 0) without.push(hash);
      series.push(...found);
    });
  }
  if (series.length === 0) throw nothingToDraw(request, known, contexts);
  return { series, without };
}

/** Why there is no series. @param known names of metrics of the runs @param contexts those of the metric that was asked for */
export function nothingToDraw(
  request: SeriesRequest,
  known: ReadonlySet<string>,
  contexts: ReadonlySet<string>,
): MatyanError {
  if (!known.has(request.metric)) return unknownMetric(request.metric, known);
  if (contexts.size > 0 && request.context.length > 0) {
    const terms = request.context.map(([name, value]) => `${name}=${value}`).join(", ");
    const there = [...contexts].map((text) => text || "the empty one").sort();
    return new MatyanError("not_found", `'${request.metric}' has no context with ${terms}`, {
      hint: `Its contexts are: ${there.join("; ")}.`,
    });
  }
  return new MatyanError("not_found", `'${request.metric}' has no points with a ${request.x}`, {
    hint: request.x === "step" ? "Nothing has been logged to it yet." : "Use --x step: every point has a step.",
  });
}

async function seriesOfRun(
  tx: ReadTransaction,
  store: Store,
  run: RunSummary,
  metrics: readonly MetricSummary[],
  request: SeriesRequest,
): Promise<Series[]> {
  const wanted = metrics
    .filter(({ context }) => matchesContext(context, request.context))
    .sort((a, b) => (contextText(a.context) < contextText(b.context) ? -1 : 1));
  const columns = request.x === "step" ? [] : [request.x];
  const sampled: SampledPoints[] = [];
  for (const metric of wanted) {
    const ref = { hash: run.hash, contextId: metric.contextId, name: metric.name };
    sampled.push({ metric, points: await sampleSequence(tx, store, ref, request.samples, { columns }) });
  }
  return seriesFrom(run, sampled, request.x);
}

export interface SampledPoints {
  readonly metric: Pick<MetricSummary, "name" | "context">;
  readonly points: readonly Point[];
}

/** The series of one run's metrics; none of those without points that have an x. */
export function seriesFrom(run: RunSummary, sampled: readonly SampledPoints[], x: XAxis): Series[] {
  // Runs are laid over each other by the time since their own start, not by the calendar.
  const start = sampled.reduce(
    (least, { points }) => points.reduce((min, { time }) => Math.min(min, time ?? min), least),
    Infinity,
  );
  return sampled.flatMap(({ metric, points }) => {
    const pairs = points.flatMap((point) => {
      const at = xOf(point, x, start);
      return at === undefined ? [] : [[at, toNumber(point.value) ?? Number.NaN] as const];
    });
    if (pairs.length === 0) return [];
    if (x !== "step") pairs.sort(([a], [b]) => a - b);
    return [
      {
        run,
        metric: metric.name,
        context: metric.context,
        xs: pairs.map(([x]) => x),
        ys: pairs.map(([, y]) => y),
        lastStep: points.at(-1)?.step,
      },
    ];
  });
}

function xOf(point: Point, x: XAxis, start: number): number | undefined {
  if (x === "step") return Number(point.step);
  if (x === "epoch") return point.epoch === undefined ? undefined : Number(point.epoch);
  return point.time === undefined ? undefined : point.time - start;
}

/** The values of a sequence at about `count` evenly spread steps, for a sparkline. */
export async function readSpark(tx: ReadTransaction, store: Store, ref: SequenceRef, count: number): Promise<number[]> {
  const points = await sampleSequence(tx, store, ref, count, { columns: [] });
  return points.map(({ value }) => toNumber(value) ?? Number.NaN);
}
