// Series of a metric from a server, for charts: `readSeries` through the API.
import type { StreamNode } from "../../formats/stream.ts";
import { floatsOf } from "../../formats/stream.ts";
import { contextText, matchesContext } from "../../server/listing/contextText.ts";
import { nothingToDraw, type Series, type SeriesRequest, seriesFrom } from "../../server/listing/series.ts";
import { metricsOf } from "../../server/listing/summary.ts";
import type { Point } from "../../server/store/sequences.ts";
import type { Http } from "./http.ts";
import { readRemoteRun } from "./remoteRun.ts";
import { fieldsOf, listOf } from "./results.ts";
import { quoted, runQuery, searchSequences } from "./searches.ts";

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
    const query = `${runQuery(hash)} and metric.name == ${quoted(request.metric)}`;
    const found: Series[] = [];
    for await (const [, node] of searchSequences(http, "metric", {
      query,
      parameters: { p: request.samples },
      signal,
    })) {
      const traces = listOf(fieldsOf(node, "run").get("traces")).map((item) => fieldsOf(item, "trace"));
      const sampled = traces.map((trace) => {
        const context = trace.get("context");
        return {
          metric: { name: request.metric, context: context instanceof Map ? context : new Map() },
          points: pointsOf(trace),
        };
      });
      for (const { metric } of sampled) contexts.add(contextText(metric.context));
      const wanted = sampled.filter(({ metric }) => matchesContext(metric.context, request.context));
      wanted.sort((a, b) => (contextText(a.metric.context) < contextText(b.metric.context) ? -1 : 1));
      found.push(...seriesFrom(run, wanted, request.x));
    }
    if (found.length === 0) without.push(hash);
    series.push(...found);
  }
  if (series.length === 0) throw nothingToDraw(request, known, contexts);
  return { series, without };
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
