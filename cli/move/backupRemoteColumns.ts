// Metrics as searches tell them, for servers whose lists of points lack epochs, times, NaN and infinities.
import { contextId } from "../../formats/context.ts";
import { floatsOf, type StreamNode } from "../../formats/stream.ts";
import { isMap } from "../../formats/value.ts";
import { BrokenAnswer } from "../client/http.ts";
import { fieldsOf, listOf } from "../client/results.ts";
import { nodeValue, queryOf, type RemoteRun, type RemoteServer, type RemoteTrace } from "./backupRemoteServer.ts";

/** What a search of ours gives of one metric at most. */
const limit = 50_000n;
/** So many points are spread by position where there are few of them, and not by step, as more are (rest-api.md 4.7). */
const fewPoints = 127;

interface Columns {
  readonly steps: Float64Array;
  readonly values: Float64Array;
  /** Without elements where the server tells none; NaN where a point has none. */
  readonly epochs: Float64Array;
  readonly times: Float64Array;
}

/** What a search tells of a point. */
export interface Told {
  readonly value: number | undefined;
  readonly epoch: number | undefined;
  readonly time: number | undefined;
}

/** Whether servers tell epochs and times in searches, once it is known. The existing one does not (W9). */
const tellsTimes = new WeakMap<RemoteServer, boolean>();

/** Attempts at a search that may break each time. */
const attempts = 2;

/** One metric's name at a time is in memory. */
export class MetricColumns {
  readonly #server: RemoteServer;
  readonly #run: RemoteRun;
  #name: string | undefined;
  #columns: ReadonlyMap<number, readonly Columns[]> = new Map();

  constructor(server: RemoteServer, run: RemoteRun) {
    this.#server = server;
    this.#run = run;
  }

  /**
   * Undefined when a search would add nothing: `hasGaps` says whether values are missing, and not only epochs and times.
   * `most`: the most points that a metric of that name has. More are not asked for: the existing server looks for each.
   */
  async of(
    { name, contextId }: RemoteTrace,
    most: bigint,
    hasGaps: boolean,
  ): Promise<((step: bigint) => Told | undefined) | undefined> {
    if (this.#name !== name) {
      if (!hasGaps && tellsTimes.get(this.#server) === false) return undefined;
      this.#columns = await this.#searchAll(name, most);
      this.#name = name;
    }
    const columns = this.#columns.get(contextId) ?? [];
    return (step) => {
      for (const { steps, values, epochs, times } of columns) {
        const at = search(steps, Number(step));
        if (at !== undefined) return { value: values[at], epoch: epochs[at], time: times[at] };
      }
      return undefined;
    };
  }

  async #searchAll(name: string, most: bigint): Promise<Map<number, Columns[]>> {
    // With two more than there are steps, sampling leaves none out.
    if (most + 2n <= limit) return this.#search(name, Number(most) + 2);
    const all = await this.#search(name, Number(limit));
    for (const [context, columns] of await this.#search(name, fewPoints)) all.get(context)?.push(...columns);
    return all;
  }

  async #search(name: string, points: number): Promise<Map<number, Columns[]>> {
    const { hash, props } = this.#run;
    const q = `${queryOf(hash, props.archived)} and metric.name == ${JSON.stringify(name)}`;
    const found = await this.#found({ q, p: points });
    const columns = new Map<number, Columns[]>();
    if (found === undefined) return columns;
    for (const node of listOf(fieldsOf(found, "run").get("traces"))) {
      const trace = fieldsOf(node, "trace");
      const context = nodeValue(trace.get("context"));
      columns.set(contextId(isMap(context) ? context : null), [this.#columnsOf(trace)]);
    }
    return columns;
  }

  /**
   * The existing server breaks off where a metric of that name holds a missing value (null), as NaN does once it came through
   * its pipeline. Then nothing more is told of them: what is null in the list of points stays so.
   */
  async #found(query: { readonly q: string; readonly p: number }): Promise<StreamNode | undefined> {
    try {
      const [[, found] = []] = await this.#server.objects("runs/search/metric", query, true, attempts);
      return found;
    } catch (error) {
      if (!(error instanceof BrokenAnswer)) throw error;
      return undefined;
    }
  }

  #columnsOf(trace: ReadonlyMap<string | bigint, StreamNode>): Columns {
    const [steps, values, epochs, times] = ["iters", "values", "epochs", "timestamps"].map(
      (part) => floatsOf(trace.get(part)) ?? new Float64Array(0),
    ) as [Float64Array, Float64Array, Float64Array, Float64Array];
    if (steps.length > 0) tellsTimes.set(this.#server, times.length > 0);
    return { steps, values, epochs, times };
  }
}

function search(steps: Float64Array, wanted: number): number | undefined {
  let low = 0;
  for (let high = steps.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (steps[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return steps[low] === wanted ? low : undefined;
}
