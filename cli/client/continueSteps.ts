// Where the steps of a run that goes on begin: behind those that are stored, so that nothing is overwritten (pipeline.md W23).
import { contextId } from "../../formats/context.ts";
import type { StreamNode } from "../../formats/stream.ts";
import { toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { Http } from "./http.ts";
import { fieldsOf, listOf } from "./results.ts";
import { runQuery, searchRuns, searchSequences } from "./searches.ts";

/** What tells a sequence from others of its run; `id` is that of its context (storage.md 2.4). */
export function sequenceKey(name: string, id: number): string {
  return `${id} ${name}`;
}

const objectKinds = ["images", "texts", "distributions", "audios", "figures"] as const;

/**
 * The first free step of each sequence of a run. Of objects it is that of all objects of their kind: the API tells no more.
 * Empty for a run that does not exist. @throws MatyanError
 */
export async function nextSteps(http: Http, hash: string, signal?: AbortSignal): Promise<Map<string, bigint>> {
  const query = runQuery(hash);
  const steps = new Map<string, bigint>();
  for await (const [, node] of searchRuns(http, { query, limit: 1, withoutParams: true, signal }))
    for (const item of listOf(fieldsOf(fieldsOf(node, "run").get("traces"), "traces").get("metric"))) {
      const trace = fieldsOf(item, "trace");
      const last = toNumber(fieldsOf(trace.get("values"), "values").get("last_step") as Value | undefined);
      if (last !== undefined) steps.set(keyOf(trace), BigInt(Math.trunc(last)) + 1n);
    }
  const parameters = { record_density: 1, index_density: 1 };
  await Promise.all(
    objectKinds.map(async (kind) => {
      for await (const [, node] of searchSequences(http, kind, { query, parameters, signal })) {
        const run = fieldsOf(node, "run");
        const end = toNumber(
          listOf(fieldsOf(run.get("ranges"), "ranges").get("record_range_total"))[1] as Value | undefined,
        );
        for (const trace of listOf(run.get("traces")))
          if (end !== undefined) steps.set(keyOf(fieldsOf(trace, "trace")), BigInt(Math.trunc(end)));
      }
    }),
  );
  return steps;
}

function keyOf(trace: ReadonlyMap<unknown, StreamNode>): string {
  const context = trace.get("context");
  return sequenceKey(String(trace.get("name")), contextId(context instanceof Map ? (context as ValueMap) : null));
}
