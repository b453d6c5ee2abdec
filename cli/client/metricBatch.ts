// Points of metrics of a run from a server, some hundred metrics in a request.
import { mapOf, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import { sameValue } from "../../server/search/contexts.ts";
import type { Point } from "../../server/store/sequences.ts";
import type { Http } from "./http.ts";
import { fieldsOf, listOf } from "./results.ts";

export interface AskedMetric {
  readonly name: string;
  readonly context: ValueMap;
}

export interface BatchPoints {
  /** Integers and numbers as they came, of the same length; null for what is no number. */
  readonly steps: readonly Value[];
  readonly values: readonly Value[];
}

/** Metrics asked for in one request. */
const atOnce = 500;

/**
 * Of each metric at most `density` points, evenly spread over the steps of `range` (`start:stop`, stop excluded): all, when
 * they are fewer. None of a metric that the run does not have.
 */
export async function readMetricBatch(
  http: Http,
  hash: string,
  metrics: readonly AskedMetric[],
  { density, range }: { readonly density: number; readonly range?: string },
  signal?: AbortSignal,
): Promise<BatchPoints[]> {
  const read: BatchPoints[] = [];
  for (let at = 0; at < metrics.length; at += atOnce) {
    const asked = metrics.slice(at, at + atOnce);
    const answer = listOf(
      await http.json({
        method: "POST",
        path: `runs/${encodeURIComponent(hash)}/metric/get-batch`,
        query: { record_density: density, record_range: range },
        body: asked.map(({ name, context }) => mapOf({ name, context })),
        isRepeatable: true,
        signal,
      }),
    );
    // In the order of the request, those that are not there left out.
    let next = 0;
    for (const { name, context } of asked) {
      const found = next < answer.length ? fieldsOf(answer[next], "points of a metric") : undefined;
      const isIt = found?.get("name") === name && sameValue((found.get("context") ?? new Map()) as Value, context);
      if (isIt) next++;
      read.push(isIt ? { steps: valuesIn(found, "iters"), values: valuesIn(found, "values") } : none);
    }
  }
  return read;
}

/**
 * The points of a range of steps with their epochs and times. Undefined where the server does not tell them; ask for a range
 * that is known to be short.
 */
export async function readPointDetails(
  http: Http,
  hash: string,
  { name, context }: AskedMetric,
  { from, to }: { readonly from: bigint; readonly to: bigint },
  signal: AbortSignal,
): Promise<Point[] | undefined> {
  const [answer] = listOf(
    await http.json({
      method: "POST",
      path: `runs/${encodeURIComponent(hash)}/metric/get-batch`,
      // Those who don't know of details give the two ends.
      query: { point_details: true, record_density: 2, record_range: `${from}:${to + 1n}` },
      body: [mapOf({ name, context })],
      isRepeatable: true,
      signal,
    }),
  );
  const rows = answer === undefined ? undefined : fieldsOf(answer, "points of a metric").get("points");
  if (!Array.isArray(rows)) return undefined;
  return listOf(rows).map((row) => {
    const [step, value, epoch, time] = listOf(row) as readonly Value[];
    const [epochNumber, timeNumber] = [toNumber(epoch), toNumber(time)];
    return {
      // JSON has no words for NaN and infinities: they come as texts.
      ...{
        step: BigInt(Math.trunc(toNumber(step) ?? 0)),
        value: typeof value === "string" ? Number(value) : (value ?? null),
      },
      ...(epochNumber === undefined ? {} : { epoch: BigInt(Math.trunc(epochNumber)) }),
      ...(timeNumber === undefined ? {} : { time: timeNumber }),
    };
  });
}

const none: BatchPoints = { steps: [], values: [] };

function valuesIn(fields: ReturnType<typeof fieldsOf>, name: string): readonly Value[] {
  return listOf(fields.get(name)) as readonly Value[];
}
