// Some values of metrics of a run from a server, for sparklines.
import { toNumber } from "../../formats/value.ts";
import type { Http } from "./http.ts";
import { type AskedMetric, readMetricBatch } from "./metricBatch.ts";

export interface SampledMetric {
  /** Steps and values of the same length, evenly spread, the first and the last among them; NaN for what is no number. */
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

/** Of each metric about `count` points; none of a metric that the run does not have. */
export async function sampleMetrics(
  http: Http,
  hash: string,
  metrics: readonly AskedMetric[],
  count: number,
  signal?: AbortSignal,
): Promise<SampledMetric[]> {
  const sampled = await readMetricBatch(http, hash, metrics, { density: count }, signal);
  return sampled.map(({ steps, values }) => ({ steps: steps.map(numberOrNaN), values: values.map(numberOrNaN) }));
}

function numberOrNaN(value: Parameters<typeof toNumber>[0]): number {
  return toNumber(value) ?? Number.NaN;
}
