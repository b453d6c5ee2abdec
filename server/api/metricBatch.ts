// `/runs/:run_id/metric/get-batch`: points of some metrics of one run as JSON. Sampling: rest-api.md 4.7.
import { mapOf, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { sameValue } from "../search/contexts.ts";
import { inSnapshots, type Step } from "../search/snapshots.ts";
import { isEmptyRange, stepsOf } from "../search/stepRange.ts";
import { readContexts } from "../store/contexts.ts";
import { sampleSequence } from "../store/sampling.ts";
import type { StepRange } from "../store/sequences.ts";
import { isMetric, readTraces, type Trace } from "../store/traces.ts";
import { invalid } from "./errors.ts";
import { type AskedMetric, batchPieces, detailPieces } from "./metricBatchStream.ts";
import type { ApiRequest } from "./request.ts";
import { json, streamOf } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { requireRun } from "./runAccess.ts";
import { dictionary, list, object, readBody, text } from "./schema.ts";
import { schemas } from "./schemas.ts";

const wanted = list(object({ name: text, context: dictionary }));

/** What one request may ask for: pages ask for the metrics of one run. */
const mostTraces = 10_000;

/** Points that an answer may have in memory; larger ones are written while they are read. */
const heldPoints = 500_000;

const noSteps: StepRange = { from: 1n, to: 0n };

export function metricBatchRoutes(context: ApiContext): Route[] {
  const { store } = context;

  const held = (metrics: readonly AskedMetric[], range: StepRange, density: number): Promise<Value[]> =>
    store.database.snapshot(async (tx) => {
      const answers: Value[] = [];
      for (const { label, context, ref } of metrics) {
        const points = await sampleSequence(tx, store, ref, density, { ...range, columns: [] });
        const [iters, values] = [points.map(({ step }) => step), points.map(({ value }) => numberOrNull(value))];
        answers.push(mapOf({ name: label, context, iters, values }));
      }
      return answers;
    });

  const stream = (request: ApiRequest, write: (tx: ReadTransaction) => AsyncGenerator<Step<Uint8Array>, void>) => {
    const pieces = inSnapshots(store.database, write, { sizeOf: (piece) => piece.length });
    return new Response(streamOf(flat(pieces), request), { headers: { "content-type": "application/json" } });
  };

  return [
    {
      method: "POST",
      path: "/runs/:run_id/metric/get-batch",
      summary: "Points of metrics of a run",
      query: {
        record_range: { type: "string", description: "Steps `start:stop`, stop excluded.", default: "" },
        record_density: { type: "integer", description: "Points per metric; 0 or less for all.", default: 50 },
        point_details: {
          type: "boolean",
          description: "All that is stored of every point, as `points`: rows of step, value, epoch and time.",
          default: false,
        },
      },
      body: wanted.schema,
      answer: {
        description:
          "In the order of the request; metrics that the run does not have are left out. With `point_details`, `dtype` and `points` stand in place of `iters` and `values`.",
        schema: schemas.metricBatch,
      },
      errors: [404],
      handle: async (request) => {
        const hash = request.param("run_id");
        const range = request.query.range("record_range");
        const density = request.query.int("record_density", 50);
        const withDetails = request.query.bool("point_details", false);
        const asked = await readBody(request, wanted);
        if (asked.length > mostTraces) throw invalid(`List should have at most ${mostTraces} items`);
        const metrics = await store.database.snapshot(async (tx) => {
          const [, traces, contexts] = await Promise.all([
            requireRun(tx, store, hash),
            readTraces(tx, store, hash),
            readContexts(tx, store, hash),
          ]);
          return asked.flatMap(({ name, context }): AskedMetric[] => {
            const trace = findTrace(traces, contexts, name, context);
            return trace === undefined
              ? []
              : [{ label: name, context, dtype: trace.dtype, ref: { hash, contextId: trace.contextId, name } }];
          });
        });
        const isEmpty = isEmptyRange(range);
        if (isEmpty && !withDetails)
          return json(metrics.map(({ label, context }) => mapOf({ name: label, context, iters: [], values: [] })));
        const steps = isEmpty ? noSteps : stepsOf(range);
        if (withDetails) return stream(request, (tx) => detailPieces(tx, store, metrics, steps));
        if (density > 0 && density * metrics.length <= heldPoints) return json(await held(metrics, steps, density));
        return stream(request, (tx) => batchPieces(tx, store, metrics, steps, density, numberOrNull));
      },
    },
  ];
}

async function* flat(groups: AsyncIterable<readonly Uint8Array[]>): AsyncGenerator<Uint8Array, void> {
  for await (const group of groups) yield* group;
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
