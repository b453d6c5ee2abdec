// Runs that a server found, in the form in which this machine's own are listed.
import { contextId } from "../../formats/context.ts";
import { floatsOf, type StreamNode } from "../../formats/stream.ts";
import { toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { RunSummary } from "../../server/listing/summary.ts";
import { fieldsOf, listOf, readProps } from "./results.ts";

export function foundSummary(hash: string, node: StreamNode): RunSummary {
  const run = fieldsOf(node, "run");
  const { createdAt, endedAt, archived, active, ...props } = readProps(run.get("props"));
  const finishedAt = endedAt ?? undefined;
  return {
    hash,
    name: props.name,
    description: props.description,
    experiment: props.experiment?.name,
    tags: props.tags.map(({ name }) => name).sort(),
    status: archived ? "archived" : active ? "active" : "finished",
    archived,
    active,
    createdAt,
    finishedAt,
    duration: finishedAt === undefined ? undefined : Math.max(0, finishedAt - createdAt),
    sequences: listOf(fieldsOf(run.get("traces"), "traces").get("metric")).map((item) => {
      const trace = fieldsOf(item, "trace");
      const values = fieldsOf(trace.get("values"), "values of a trace");
      const context = mapIn(trace.get("context"));
      const lastStep = toNumber(values.get("last_step") as Value | undefined);
      return {
        name: String(trace.get("name")),
        context,
        contextId: contextId(context),
        dtype: "float",
        last: (values.get("last") ?? null) as Value,
        ...(lastStep === undefined ? {} : { lastStep: BigInt(Math.trunc(lastStep)) }),
      };
    }),
    attrs: mapIn(run.get("params")),
  };
}

/** A metric that a search found, with its last point. */
export interface FoundPoint {
  readonly hash: string;
  readonly run: string;
  readonly metric: string;
  readonly context: ValueMap;
  readonly last: Value;
  readonly lastStep: bigint | undefined;
}

/** The metrics of a run of `search/metric`; the last of their points is the last of the metric whenever it has two or more. */
export function foundPoints(hash: string, node: StreamNode): FoundPoint[] {
  const run = fieldsOf(node, "run");
  const { name } = readProps(run.get("props"));
  return listOf(run.get("traces")).map((item) => {
    const trace = fieldsOf(item, "trace");
    const lastOf = (part: string) => floatsIn(trace.get(part)).at(-1);
    const step = lastOf("iters");
    return {
      hash,
      run: name,
      metric: String(trace.get("name")),
      context: mapIn(trace.get("context")),
      last: lastOf("values") ?? null,
      lastStep: step === undefined ? undefined : BigInt(Math.trunc(step)),
    };
  });
}

function floatsIn(node: StreamNode | undefined): Float64Array {
  return floatsOf(node) ?? new Float64Array(0);
}

function mapIn(node: StreamNode | undefined): ValueMap {
  return node instanceof Map ? (node as ValueMap) : new Map();
}
