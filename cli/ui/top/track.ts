// What two looks at a system tell together: rates, and which runs and metrics move.
import type { MetricSummary, RunSummary } from "../../../server/listing/summary.ts";
import { metricsOf } from "../../../server/listing/summary.ts";
import type { LiveFigures, Totals } from "../../../server/live/figures.ts";
import type { ActiveRuns } from "../../../server/live/source.ts";

/** One look. */
export interface Sample {
  readonly figures: LiveFigures;
  readonly active: ActiveRuns;
}

/** Per second; undefined where it can't be told. */
export interface Rates {
  readonly received: Totals;
  readonly applied: Totals;
}

export const noRates: Rates = { received: {}, applied: {} };

/** A counter that went back began anew with its process, and tells nothing of the time between. */
export function ratesBetween(before: LiveFigures, after: LiveFigures): Rates {
  const seconds = after.at - before.at;
  const rate = (from: number | undefined, to: number | undefined) =>
    from === undefined || to === undefined || to < from || seconds <= 0 ? undefined : (to - from) / seconds;
  const rates = (from: Totals | undefined, to: Totals | undefined): Totals => ({
    points: rate(from?.points, to?.points),
    messages: rate(from?.messages, to?.messages),
  });
  return { received: rates(before.received, after.received), applied: rates(before.applied, after.applied) };
}

/** What is known of a run from looking at it more than once. */
export interface RunTrack {
  /** When a metric of it was last seen to change, seconds since the epoch. */
  readonly heard: number | undefined;
  /** The highest of the last steps of its metrics. */
  readonly step: bigint | undefined;
  /** Steps per second since the look before. */
  readonly speed: number | undefined;
  /** When each metric that did so was last seen to change, by `metricKey`. */
  readonly changed: ReadonlyMap<string, number>;
}

export function metricKey({ name, contextId }: Pick<MetricSummary, "name" | "contextId">): string {
  return `${contextId}\0${name}`;
}

/** Metrics of numbers; those of the machine only where there are no others. */
export function shownMetrics(run: RunSummary): MetricSummary[] {
  const metrics = metricsOf(run).filter(({ dtype }) => dtype !== "custom");
  const own = metrics.filter(({ name }) => !name.startsWith("__"));
  return own.length > 0 ? own : metrics;
}

export type Tracks = ReadonlyMap<string, RunTrack>;

/** The tracks of `after`; runs that are not in it any more are forgotten. */
export function trackRuns(before: Sample | undefined, tracks: Tracks, after: Sample): Tracks {
  const earlier = new Map(before?.active.runs.map((run) => [run.hash, run]));
  const seconds = before === undefined ? 0 : after.figures.at - before.figures.at;
  return new Map(
    after.active.runs.map((run) => [
      run.hash,
      trackRun(run, earlier.get(run.hash), tracks.get(run.hash), after.figures.at, seconds),
    ]),
  );
}

function trackRun(
  run: RunSummary,
  earlier: RunSummary | undefined,
  track: RunTrack | undefined,
  at: number,
  seconds: number,
): RunTrack {
  const step = lastStep(run);
  if (earlier === undefined) return { heard: undefined, step, speed: undefined, changed: new Map() };
  const known = new Map(earlier.sequences.map((metric) => [metricKey(metric), metric]));
  const changed = new Map(track?.changed);
  let heard = track?.heard;
  for (const metric of metricsOf(run)) {
    const key = metricKey(metric);
    const other = known.get(key);
    if (other !== undefined && other.lastStep === metric.lastStep && Object.is(other.last, metric.last)) continue;
    changed.set(key, at);
    heard = at;
  }
  const from = lastStep(earlier);
  const speed =
    step === undefined || from === undefined || seconds <= 0 || step < from ? undefined : Number(step - from) / seconds;
  return { heard, step, speed, changed };
}

function lastStep(run: RunSummary): bigint | undefined {
  let highest: bigint | undefined;
  for (const { lastStep } of shownMetrics(run))
    if (lastStep !== undefined && (highest === undefined || lastStep > highest)) highest = lastStep;
  return highest;
}

/** Metrics that moved last, the newest first; equal ones by step, then by name. */
export function newestMetrics(run: RunSummary, track: RunTrack | undefined): MetricSummary[] {
  const when = (metric: MetricSummary) => track?.changed.get(metricKey(metric)) ?? 0;
  const stepOf = ({ lastStep }: MetricSummary) => lastStep ?? -1n;
  return shownMetrics(run).sort(
    (a, b) =>
      when(b) - when(a) ||
      (stepOf(a) === stepOf(b) ? 0 : stepOf(a) < stepOf(b) ? 1 : -1) ||
      (metricKey(a) < metricKey(b) ? -1 : 1),
  );
}
