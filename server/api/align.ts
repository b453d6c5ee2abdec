// POST /runs/search/metric/align: another metric's values for the x axis (rest-api.md 2.8, storage.md 6.4).
import { StreamEncoder, type StreamNode } from "../../formats/stream.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { isNumeric, RunReader, type RunTrace, rest, type Step, sameValue } from "../search/index.ts";
import { floatsAt, noColumns, readFloats, sampleFloats } from "../store/floatColumns.ts";
import { drawnPoints, type Slice } from "./drawnSlice.ts";
import type { ApiContext, Route } from "./route.ts";
import { type BodyOf, dictionary, list, object, type Reader, readBody, text } from "./schema.ts";
import { answerFrames } from "./streams/answer.ts";
import { treeOf } from "./streams/runParts.ts";

/** Points of the x metric that are sent of one trace, spread over all of it: bounds the memory of an answer. */
const mostPoints = 50_000;

/** Exactly three integers. */
const slice: Reader<Slice> = {
  schema: { type: "array", prefixItems: [{ type: "integer" }, { type: "integer" }, { type: "integer" }], minItems: 3 },
  read: (value, faults) => {
    const items = list(integer).read(value, faults);
    if (items === undefined) return undefined;
    const [start, stop, step] = items;
    if (start === undefined || stop === undefined || step === undefined) faults.push("Field required");
    else if (items.length > 3) faults.push(`Tuple should have at most 3 items after validation, not ${items.length}`);
    else return [start, stop, step];
    return undefined;
  },
};

const integer: Reader<bigint> = {
  schema: { type: "integer" },
  read: (value, faults) => {
    if (typeof value === "bigint") return value;
    if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
    faults.push("Input should be a valid integer");
    return undefined;
  },
};

const alignBody = object({
  align_by: text,
  runs: list(object({ run_id: text, traces: list(object({ name: text, context: dictionary, slice })) })),
});
type AlignBody = BodyOf<typeof alignBody.fields>;
type AlignTrace = AlignBody["runs"][number]["traces"][number];

export function alignRoutes(context: ApiContext): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/runs/search/metric/align",
      summary: "Values of a metric for the x axis of others",
      body: alignBody.schema,
      answer: { description: "A tree stream of lists by run hash.", type: "application/octet-stream" },
      handle: async (request) => {
        const body = await readBody(request, alignBody);
        return answerFrames(request, context.store, (tx) => frames(tx, context, body));
      },
    },
  ];
}

/** Answers for every run and trace that was asked for, in order, since the UI pairs them by position (W15). */
async function* frames(
  tx: ReadTransaction,
  { store }: ApiContext,
  body: AlignBody,
): AsyncGenerator<Step<Uint8Array>, void> {
  const encoder = new StreamEncoder();
  const asked = new Map<string, AlignTrace[]>();
  // A run asked for twice has one answer: a path must not come twice in a row.
  for (const { run_id, traces } of body.runs) asked.set(run_id, [...(asked.get(run_id) ?? []), ...traces]);
  for (const [hash, traces] of asked) {
    const reader = new RunReader(tx, store);
    const stored = (await (await reader.open(hash))?.traces()) ?? [];
    encoder.entry([hash], []);
    for (let i = 0; i < traces.length; i++) {
      encoder.entry([hash, BigInt(i)], await alignTrace(reader, hash, stored, traces[i]!, body.align_by));
      if (encoder.length > 1_000_000) yield encoder.finish();
    }
    yield encoder.finish();
    yield rest;
  }
}

/**
 * The x metric at the steps of the trace up to the last that was drawn, at those points that were drawn where the slice tells;
 * null where there is no such metric.
 */
async function alignTrace(
  { tx, store }: RunReader,
  hash: string,
  stored: readonly RunTrace[],
  { name, context, slice }: AlignTrace,
  alignBy: string,
): Promise<StreamNode> {
  const find = (wanted: string) =>
    stored.find((trace) => trace.name === wanted && isNumeric(trace) && sameValue(trace.context, context));
  const trace = find(name);
  const x = find(alignBy);
  if (trace === undefined || x === undefined) return treeOf({ name, context, x_axis_values: null, x_axis_iters: null });
  const points = drawnPoints(slice, mostPoints);
  const to = points !== undefined || slice[1] > 0n ? slice[1] : undefined;
  const own = { hash, contextId: trace.contextId, name };
  const other = { hash, contextId: x.contextId, name: x.name };
  const all =
    points === undefined
      ? await readFloats(tx, store, other, to === undefined ? {} : { to }, mostPoints + 1)
      : noColumns;
  if (points === undefined && all.steps.length <= mostPoints) {
    const { found } = await floatsAt(tx, store, own, all.steps);
    const at = (_: number, i: number) => found[i] === true;
    return treeOf({ name, context, x_axis_values: all.values.filter(at), x_axis_iters: all.steps.filter(at) });
  }
  const { steps } = await sampleFloats(tx, store, own, points ?? mostPoints, to);
  const { values, found } = await floatsAt(tx, store, other, steps);
  const at = (_: number, i: number) => found[i] === true;
  return treeOf({ name, context, x_axis_values: values.filter(at), x_axis_iters: steps.filter(at) });
}
