// `/runs/:run_id/metric/get-batch`: points of some metrics of one run as JSON. Sampling: rest-api.md 4.7.
import { mapOf, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { sameValue } from "../search/contexts.ts";
import { isEmptyRange, stepsOf } from "../search/stepRange.ts";
import { readContexts } from "../store/contexts.ts";
import { sampleSequence } from "../store/sampling.ts";
import { isMetric, readTraces, type Trace } from "../store/traces.ts";
import { invalid } from "./errors.ts";
import type { RangeText } from "./request.ts";
import { json } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { requireRun } from "./runAccess.ts";
import { dictionary, list, object, readBody, text } from "./schema.ts";
import { schemas } from "./schemas.ts";

const wanted = list(object({ name: text, context: dictionary }));

/** What one request may ask for: pages ask for the metrics of one run. */
const mostTraces = 10_000;

export function metricBatchRoutes(context: ApiContext): Route[] {
  const { store } = context;

  const pointsOf = async (
    tx: ReadTransaction,
    hash: string,
    trace: Trace,
    range: RangeText,
    density: number,
  ): Promise<{ iters: Value[]; values: Value[] }> => {
    if (isEmptyRange(range)) return { iters: [], values: [] };
    const ref = { hash, contextId: trace.contextId, name: trace.name };
    const points = await sampleSequence(tx, store, ref, density, { ...stepsOf(range), columns: [] });
    return { iters: points.map(({ step }) => step), values: points.map(({ value }) => numberOrNull(value)) };
  };

  return [
    {
      method: "POST",
      path: "/runs/:run_id/metric/get-batch",
      summary: "Points of metrics of a run",
      query: {
        record_range: { type: "string", description: "Steps `start:stop`, stop excluded.", default: "" },
        record_density: { type: "integer", description: "Points per metric; 0 or less for all.", default: 50 },
      },
      body: wanted.schema,
      answer: {
        description: "In the order of the request; metrics that the run does not have are left out.",
        schema: schemas.metricBatch,
      },
      errors: [404],
      handle: async (request) => {
        const hash = request.param("run_id");
        const range = request.query.range("record_range");
        const density = request.query.int("record_density", 50);
        const asked = await readBody(request, wanted);
        if (asked.length > mostTraces) throw invalid(`List should have at most ${mostTraces} items`);
        const found = await store.database.snapshot(async (tx) => {
          const [, traces, contexts] = await Promise.all([
            requireRun(tx, store, hash),
            readTraces(tx, store, hash),
            readContexts(tx, store, hash),
          ]);
          const answers: Value[] = [];
          for (const one of asked) {
            const trace = findTrace(traces, contexts, one.name, one.context);
            if (trace === undefined) continue;
            const { iters, values } = await pointsOf(tx, hash, trace, range, density);
            answers.push(mapOf({ name: one.name, context: one.context, iters, values }));
          }
          return answers;
        });
        return json(found);
      },
    },
  ];
}

/** By name and equal context: the browser sends 1 for a stored 1.0, and members in any order. */
function findTrace(
  traces: readonly Trace[],
  contexts: ReadonlyMap<number, ValueMap>,
  name: string,
  context: ValueMap,
): Trace | undefined {
  return traces.find(
    (trace) => trace.name === name && isMetric(trace) && sameValue(contexts.get(trace.contextId) ?? new Map(), context),
  );
}

/** A point whose value is no number is a gap in the line. */
function numberOrNull(value: Value): number | bigint | null {
  if (typeof value === "bigint" || typeof value === "number") return value;
  return typeof value === "boolean" ? Number(value) : (toNumber(value) ?? null);
}
