// Some values of metrics of a run from a server, for sparklines.
import { mapOf, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { Http } from "./http.ts";
import { fieldsOf, listOf } from "./results.ts";

export interface SampledMetric {
  /** Steps and values of the same length, evenly spread, the first and the last among them; NaN for what is no number. */
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

/** Metrics asked for in one request. */
const atOnce = 500;

/** Of each metric about `count` points; none of a metric that the run does not have. */
export async function sampleMetrics(
  http: Http,
  hash: string,
  metrics: readonly { readonly name: string; readonly context: ValueMap }[],
  count: number,
  signal?: AbortSignal,
): Promise<SampledMetric[]> {
  const sampled: SampledMetric[] = [];
  for (let at = 0; at < metrics.length; at += atOnce) {
    const asked = metrics.slice(at, at + atOnce);
    const answer = listOf(
      await http.json({
        method: "POST",
        path: `runs/${encodeURIComponent(hash)}/metric/get-batch`,
        query: { record_density: count },
        body: asked.map(({ name, context }) => mapOf({ name, context })),
        isRepeatable: true,
        signal,
      }),
    );
    // In the order of the request, those that are not there left out.
    let next = 0;
    for (const { name, context } of asked) {
      const found = next < answer.length ? fieldsOf(answer[next], "points of a metric") : undefined;
      const isIt = found?.get("name") === name && Bun.deepEquals(found.get("context"), context);
      if (isIt) next++;
      sampled.push(isIt ? { steps: numbersOf(found.get("iters")), values: numbersOf(found.get("values")) } : none);
    }
  }
  return sampled;
}

const none: SampledMetric = { steps: [], values: [] };

function numbersOf(node: Parameters<typeof listOf>[0]): number[] {
  return listOf(node).map((item) => toNumber(item as Value) ?? Number.NaN);
}
