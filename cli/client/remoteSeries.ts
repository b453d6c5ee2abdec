// Series of a metric from a server, for charts: `readSeries` through the API.
import type { StreamNode } from "../../formats/stream.ts";
import { floatsOf } from "../../formats/stream.ts";
import { toNumber, type ValueMap } from "../../formats/value.ts";
import { contextText, matchesContext } from "../../server/listing/contextText.ts";
import { nothingToDraw, type Series, type SeriesRequest, seriesFrom } from "../../server/listing/series.ts";
import { metricsOf, type RunSummary } from "../../server/listing/summary.ts";
import type { Point } from "../../server/store/sequences.ts";
import type { Http } from "./http.ts";
import { type AskedMetric, readMetricBatch } from "./metricBatch.ts";
import { readRemoteRun } from "./remoteRun.ts";
import { fieldsOf, listOf } from "./results.ts";
import { isCutOff, quoted, runQuery, searchSequences } from "./searches.ts";

/** As `readSeries`. Servers of the existing services tell neither times nor epochs. @throws MatyanError `not_found` */
export async function readRemoteSeries(
  http: Http,
  request: SeriesRequest,
  signal: AbortSignal,
): Promise<{ readonly series: Series[]; readonly without: string[] }> {
  const series: Series[] = [];
  const without: string[] = [];
  const known = new Set<string>();
  const contexts = new Set<string>();
  for (const hash of request.hashes) {
    const run = await readRemoteRun(http, hash, signal);
    for (const { name } of metricsOf(run)) known.add(name);
    const sampled = await sample(http, run, request, signal);
    for (const { metric } of sampled) contexts.add(contextText(metric.context));
    const wanted = sampled.filter(({ metric }) => matchesContext(metric.context, request.context));
    wanted.sort((a, b) => (contextText(a.metric.context) < contextText(b.metric.context) ? -1 : 1));
    const found = seriesFrom(run, wanted, request.x);
    if (found.length === 0) without.push(hash);
    series.push(...found);
  }
  if (series.length === 0) throw nothingToDraw(request, known, contexts);
  return { series, without };
}

interface Sampled {
  readonly metric: AskedMetric;
  readonly points: Point[];
}

/** The metric in all of its contexts. */
async function sample(
  http: Http,
  run: RunSummary,
  { metric, samples }: SeriesRequest,
  signal: AbortSignal,
): Promise<Sampled[]> {
  const query = `${runQuery(run.hash)} and metric.name == ${quoted(metric)}`;
  const sampled: Sampled[] = [];
  try {
    for await (const [, node] of searchSequences(http, "metric", { query, parameters: { p: samples }, signal }))
      for (const item of listOf(fieldsOf(node, "run").get("traces"))) {
        const trace = fieldsOf(item, "trace");
        const context = trace.get("context");
        const place = { name: metric, context: context instanceof Map ? (context as ValueMap) : new Map() };
        sampled.push({ metric: place, points: pointsOf(trace) });
      }
    return sampled;
  } catch (error) {
    if (!isCutOff(error)) throw error;
  }
  // The existing services break off at a metric with missing values; their lists of points, without epochs and times, hold.
  const asked = metricsOf(run).filter(({ name }) => name === metric);
  const lists = await readMetricBatch(http, run.hash, asked, { density: samples }, signal);
  return lists.map(({ steps, values }, i) => ({
    metric: asked[i]!,
    points: steps.map((step, at) => ({ step: BigInt(Math.trunc(toNumber(step) ?? 0)), value: values[at] ?? null })),
  }));
}

function pointsOf(trace: ReadonlyMap<unknown, StreamNode>): Point[] {
  const column = (name: string) => floatsOf(trace.get(name)) ?? new Float64Array(0);
  const [steps, values, epochs, times] = ["iters", "values", "epochs", "timestamps"].map(column);
  return Array.from(steps!, (step, i) => {
    const [epoch, time] = [epochs![i], times![i]];
    return {
      ...{ step: BigInt(Math.trunc(step)), value: values![i] ?? null },
      ...(epoch === undefined || !Number.isFinite(epoch) ? {} : { epoch: BigInt(Math.trunc(epoch)) }),
      ...(time === undefined || !Number.isFinite(time) ? {} : { time }),
    };
  });
}
