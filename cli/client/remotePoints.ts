// The points of a server's metrics as rows, for exports: page by page, as `pointRows` gives those of a store.
import { toNumber, type Value } from "../../formats/value.ts";
import { contextText } from "../../server/listing/contextText.ts";
import { type MetricRef, metricMatches } from "../../server/listing/metricName.ts";
import type { PointRow } from "../../server/listing/points.ts";
import { metricsOf, type RunSummary } from "../../server/listing/summary.ts";
import type { Http } from "./http.ts";
import { remoteLiveRun } from "./liveRun.ts";
import { readPointDetails } from "./metricBatch.ts";

const pageSize = 5_000;

/** All points of the metrics of a run, or of those that are asked for. Servers of the existing services tell no epochs and times. */
export async function* remotePointRows(
  http: Http,
  run: RunSummary,
  wanted: readonly MetricRef[],
  signal: AbortSignal,
): AsyncGenerator<readonly PointRow[], void> {
  const live = remoteLiveRun(http, run.hash, signal);
  for (const metric of metricsOf(run)) {
    if (wanted.length > 0 && !wanted.some((ref) => metricMatches(ref, metric))) continue;
    const { name, context, contextId } = metric;
    const sequence = { kind: "metric", name, context, contextId, newest: undefined } as const;
    const common = { run: run.hash, metric: name, context: contextText(context) };
    for (let from: bigint | undefined; ; ) {
      const [page] = await live.read([{ sequence, from }], pageSize);
      const { points, hasMore } = page!;
      const [first, last] = [points[0]?.step, points.at(-1)?.step];
      if (first === undefined || last === undefined) break;
      const detailed = await readPointDetails(http, run.hash, metric, { from: first, to: last }, signal);
      yield (detailed ?? points).map(({ step, value, epoch, time }) => ({
        ...{ ...common, step, epoch, time, value: numberOf(value) },
      }));
      if (!hasMore) break;
      from = last + 1n;
    }
  }
}

function numberOf(value: Value): number | bigint | undefined {
  return typeof value === "bigint" || typeof value === "number" ? value : toNumber(value);
}
