// A run of a server that is looked at again and again: `LiveRun` through the API, at a bounded cost for each look.
import type { Value } from "../../formats/value.ts";
import type { LastPoints, LiveRun, LiveSequence, PointsRead, PointsRequest } from "../../server/listing/liveRun.ts";
import type { Point } from "../../server/store/sequences.ts";
import { foundSummary } from "./foundSummary.ts";
import type { Http } from "./http.ts";
import { readMetricBatch } from "./metricBatch.ts";
import { runQuery, searchRuns } from "./searches.ts";
import { readObjects } from "./searchStream.ts";

const logOf = (kind: "line" | "record", name: string): LiveSequence => ({
  ...{ kind, name, context: new Map(), contextId: 0, newest: undefined },
});
/** The API does not tell which logs a run has, or how far they go. */
const logs = [logOf("line", "logs"), logOf("record", "__log_records")];

/** @param hash whole: servers know no beginnings */
export function remoteLiveRun(http: Http, hash: string, signal: AbortSignal): LiveRun {
  return new RemoteLiveRun(http, hash, signal);
}

class RemoteLiveRun implements LiveRun {
  readonly hash: string;
  readonly #http: Http;
  readonly #signal: AbortSignal;

  constructor(http: Http, hash: string, signal: AbortSignal) {
    this.hash = hash;
    this.#http = http;
    this.#signal = signal;
  }

  async look() {
    const search = { query: runQuery(this.hash), limit: 1, withoutParams: true, signal: this.#signal };
    for await (const [hash, node] of searchRuns(this.#http, search)) {
      const { name, active, sequences } = foundSummary(hash, node);
      const metrics = sequences.map(({ name, context, contextId, lastStep }) => ({
        ...{ kind: "metric" as const, name, context, contextId, newest: lastStep },
      }));
      return { name, isActive: active, sequences: [...logs, ...metrics] };
    }
    return undefined;
  }

  async readLast(sequences: readonly LiveSequence[], count: number): Promise<readonly LastPoints[]> {
    const metrics = sequences.filter(({ kind }) => kind === "metric");
    const ends = new Map<LiveSequence, LastPoints>();
    for (const sequence of sequences)
      if (sequence.kind !== "metric") ends.set(sequence, await this.#lastOfLog(sequence.kind, count));
    const points = await this.#lastOfMetrics(count === 0 ? [] : metrics, count);
    for (const sequence of metrics) {
      const read = points.get(sequence) ?? [];
      ends.set(sequence, { points: read, end: read.at(-1) });
    }
    return sequences.map((sequence) => ends.get(sequence)!);
  }

  async read(requests: readonly PointsRequest[], limit: number): Promise<readonly PointsRead[]> {
    const read = new Map<PointsRequest, PointsRead>();
    for (const request of requests) {
      const { kind } = request.sequence;
      if (kind === "metric") continue;
      const points = await this.#logFrom(kind, `${request.from ?? 0n}:`, limit);
      read.set(request, { points, hasMore: points.length >= limit });
    }
    const metrics = requests.filter(({ sequence }) => sequence.kind === "metric");
    for (const group of groupsBy(metrics, ({ from, to }) => `${from} ${to}`)) {
      const sequences = group.map(({ sequence }) => sequence);
      const { from, to } = group[0]!;
      const sampled = await this.#sample(sequences, from, to, limit);
      for (const [i, request] of group.entries()) read.set(request, await this.#firstOf(request, sampled[i]!, limit));
    }
    return requests.map((request) => read.get(request)!);
  }

  /** At most `density` points of each metric, all of them if they are fewer. */
  async #sample(
    sequences: readonly LiveSequence[],
    from: bigint | undefined,
    to: bigint | undefined,
    density: number,
  ): Promise<Point[][]> {
    const range = `${from ?? ""}:${to === undefined ? "" : to + 1n}`;
    const read = await readMetricBatch(this.#http, this.hash, sequences, { density, range }, this.#signal);
    return read.map(({ steps, values }) => steps.map((step, i) => ({ step: asStep(step), value: values[i] ?? null })));
  }

  /** As many points as were asked for may be a sample: a half of their steps is asked for until all of it came. */
  async #firstOf({ sequence }: PointsRequest, sampled: readonly Point[], limit: number): Promise<PointsRead> {
    let points = sampled;
    while (points.length >= limit && !isGapless(points)) {
      const [first, last] = [points[0]!.step, points[points.length - 1]!.step];
      const [half] = await this.#sample([sequence], first, first + (last - first) / 2n, limit);
      points = half!;
    }
    return { points, hasMore: sampled.length >= limit };
  }

  /** By how many steps from the end hold `count` points: as many for a metric of every step, more for others. */
  async #lastOfMetrics(
    sequences: readonly LiveSequence[],
    count: number,
  ): Promise<Map<LiveSequence, readonly Point[]>> {
    const found = new Map<LiveSequence, readonly Point[]>();
    const density = Math.max(1_000, 4 * count);
    /** Of steps that hold too few points, and that hold too many to be told apart. */
    const bounds = new Map(sequences.map((sequence) => [sequence, { few: 0n, many: undefined as bigint | undefined }]));
    const widthOf = (sequence: LiveSequence): bigint => {
      const { few, many } = bounds.get(sequence)!;
      return many === undefined ? (few === 0n ? BigInt(count) : few * 4n) : (few + many) / 2n;
    };
    while (bounds.size > 0) {
      for (const group of groupsBy([...bounds.keys()], (sequence) => `${sequence.newest} ${widthOf(sequence)}`)) {
        const width = widthOf(group[0]!);
        const newest = group[0]!.newest ?? 0n;
        const sampled = await this.#sample(group, newest - width + 1n, newest, density);
        for (const [i, sequence] of group.entries()) {
          const points = sampled[i]!;
          const bound = bounds.get(sequence)!;
          const isSample = points.length >= density && !isGapless(points);
          if (isSample && width > bound.few + 1n) bound.many = width;
          else if (points.length < count && width <= newest && width !== bound.many) bound.few = width;
          else {
            found.set(sequence, points.slice(-count));
            bounds.delete(sequence);
          }
        }
      }
    }
    return found;
  }

  async #lastOfLog(kind: "line" | "record", count: number): Promise<LastPoints> {
    // Servers give the last 200 steps unless asked for others.
    let points = await this.#logFrom(kind, "", 200);
    const end = points.at(-1);
    if (end !== undefined && count > points.length)
      points = await this.#logFrom(kind, `${end.step - BigInt(count) + 1n}:${end.step + 1n}`, count);
    return { points: count === 0 ? [] : points.slice(-count), end };
  }

  /** The first `limit` lines or records of a range. The rest of the answer is not read. */
  async #logFrom(kind: "line" | "record", range: string, limit: number): Promise<Point[]> {
    const points: Point[] = [];
    const path = `runs/${encodeURIComponent(this.hash)}/${kind === "line" ? "logs" : "log-records"}`;
    const call = { path, query: { record_range: range === "" ? undefined : range }, signal: this.#signal };
    for await (const [step, node] of readObjects(this.#http.bytes(call), { isSearch: false })) {
      // The count of records comes first, under a name.
      if (typeof step !== "bigint") continue;
      points.push({ step, value: node as Value });
      if (points.length >= limit) break;
    }
    return points;
  }
}

function asStep(value: Value): bigint {
  return typeof value === "bigint" ? value : BigInt(Math.trunc(Number(value)));
}

/** Whether nothing can lie between the points. */
function isGapless(points: readonly Point[]): boolean {
  return points.length === 0 || points[points.length - 1]!.step - points[0]!.step < BigInt(points.length);
}

function groupsBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  return [...Map.groupBy(items, keyOf).values()];
}
