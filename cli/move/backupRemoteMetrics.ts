// The points of a run's metrics from a live server: all of them, each with what the server tells of it.
import { contextId } from "../../formats/context.ts";
import { MatyanError } from "../../formats/error.ts";
import { isMap, mapOf, toNumber, type Value } from "../../formats/value.ts";
import type { PointLines } from "../../server/archive/backupLines.ts";
import type { Point } from "../../server/store/sequences.ts";
import { MetricColumns, type Told } from "./backupRemoteColumns.ts";
import { rangeText, type Stretch, stepPages } from "./backupRemotePages.ts";
import { type RemoteRun, type RemoteServer, type RemoteTrace, traceKey } from "./backupRemoteServer.ts";

/** Points that are asked for at a time: some 3 MB of JSON. */
const pagePoints = 50_000;
/** Sequences whose ends are asked for at a time, and whose points come together when they are few. */
const groupTraces = 500;

export interface MetricFacts {
  readonly dtype: string;
  /** The last of its points, in the order of steps; undefined when it has none. */
  readonly end: Point | undefined;
}

export interface MetricSink {
  readonly lines: PointLines;
  advance(count: number): void;
}

/** What is not known of some points. */
export interface MetricGaps {
  /** Points of which the server told neither epoch nor time. */
  points: number;
  /** Whether missing values could not be told from NaN and infinities. */
  isNullUnknown: boolean;
}

interface Ends {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Writes all points of the metrics. Sequences are read in the order in which they take few requests.
 * @returns what was learned of each, by `traceKey`
 * @throws MatyanError `corrupt` when a sequence ends before its known end
 */
export async function writeMetrics(
  server: RemoteServer,
  run: RemoteRun,
  sink: MetricSink,
): Promise<{ readonly facts: ReadonlyMap<string, MetricFacts>; readonly gaps: MetricGaps }> {
  const metrics = run.traces.filter(({ type }) => type === "metric");
  const reader = new MetricReader(server, run, sink);
  for (let at = 0; at < metrics.length; at += groupTraces) {
    const group = metrics.slice(at, at + groupTraces);
    const ends = await reader.ends(group);
    let together: RemoteTrace[] = [];
    let count = 0n;
    for (const trace of group) {
      const known = ends.get(traceKey(trace));
      const most = mostPoints(known);
      if (known !== undefined && most > BigInt(pagePoints)) {
        await reader.long(trace, known);
        continue;
      }
      if (count + most > BigInt(pagePoints)) {
        await reader.short(together, ends);
        together = [];
        count = 0n;
      }
      together.push(trace);
      count += most;
    }
    if (together.length > 0) await reader.short(together, ends);
  }
  return reader;
}

class MetricReader {
  readonly facts = new Map<string, MetricFacts>();
  readonly gaps: MetricGaps = { points: 0, isNullUnknown: false };
  readonly #server: RemoteServer;
  readonly #run: RemoteRun;
  readonly #sink: MetricSink;
  readonly #columns: MetricColumns;
  /** By name: the most points that a sequence of it can have. */
  readonly #most = new Map<string, bigint>();

  constructor(server: RemoteServer, run: RemoteRun, sink: MetricSink) {
    this.#server = server;
    this.#run = run;
    this.#sink = sink;
    this.#columns = new MetricColumns(server, run);
  }

  async ends(group: readonly RemoteTrace[]): Promise<Map<string, Ends>> {
    const ends = new Map<string, Ends>();
    const answer = await this.#ask(group, { record_density: 2 });
    for (const entry of answer) {
      const steps = listIn(entry, "iters").filter((step) => typeof step === "bigint");
      const [first, last = first] = steps;
      if (first !== undefined && last !== undefined) ends.set(keyOf(entry), { first, last });
    }
    for (const trace of group) {
      const most = mostPoints(ends.get(traceKey(trace)));
      if (most > (this.#most.get(trace.name) ?? 0n)) this.#most.set(trace.name, most);
    }
    return ends;
  }

  /** Sequences that are asked for together. */
  async short(traces: readonly RemoteTrace[], ends: ReadonlyMap<string, Ends>): Promise<void> {
    const pages = await this.#page(traces, { from: undefined, to: undefined });
    for (const trace of traces) {
      const page = pages.get(traceKey(trace));
      if (page !== undefined) await this.#write(trace, page);
      this.#check(trace, ends.get(traceKey(trace)));
    }
  }

  async long(trace: RemoteTrace, ends: Ends): Promise<void> {
    const read = async (stretch: Stretch) => {
      const page = (await this.#page([trace], stretch)).get(traceKey(trace));
      return { page, load: (page?.points.length ?? 0) / pagePoints };
    };
    for await (const { page } of stepPages(ends, BigInt(pagePoints), read))
      if (page !== undefined) await this.#write(trace, page);
    this.#check(trace, ends);
  }

  async #write(trace: RemoteTrace, { dtype, points: given, isDetailed }: Page): Promise<void> {
    const points = isDetailed ? given : await this.#completed(trace, given);
    this.#sink.lines.sequence(trace.contextId, trace.name);
    this.#sink.lines.write(points);
    this.#sink.advance(points.length);
    const before = this.facts.get(traceKey(trace));
    // Without a word on it, a sequence of nothing but integers is one of integers.
    const kind = dtype ?? (before?.dtype !== "float" && points.every(isInteger) && points.length > 0 ? "int" : "float");
    this.facts.set(traceKey(trace), { dtype: kind, end: points.at(-1) ?? before?.end });
  }

  /** Epochs and times, and NaN and infinities in place of null, as far as a search tells them. */
  async #completed(trace: RemoteTrace, points: readonly Point[]): Promise<readonly Point[]> {
    const hasGaps = points.some(({ value }) => value === null);
    const tell = await this.#columns.of(trace, this.#most.get(trace.name) ?? 1n, hasGaps);
    if (tell === undefined) {
      this.gaps.points += points.length;
      return points;
    }
    const filled = points.map((point) => completed(point, tell(point.step)));
    if (filled.some(({ value }) => value === null)) this.gaps.isNullUnknown = true;
    this.gaps.points += filled.filter(({ epoch, time }) => epoch === undefined && time === undefined).length;
    return filled;
  }

  #check(trace: RemoteTrace, ends: Ends | undefined): void {
    const end = this.facts.get(traceKey(trace))?.end;
    if (ends === undefined || (end !== undefined && end.step >= ends.last)) return;
    throw new MatyanError(
      "corrupt",
      `the metric '${trace.name}' of run ${this.#run.hash} goes up to step ${ends.last}, but the server gave it up to ${end?.step ?? "none"}`,
    );
  }

  async #page(traces: readonly RemoteTrace[], stretch: Stretch): Promise<Map<string, Page>> {
    const range = rangeText(stretch);
    const answer = await this.#ask(traces, {
      record_density: 0,
      record_range: range || undefined,
      point_details: true,
    });
    return new Map(answer.map((entry) => [keyOf(entry), pageOf(entry)]));
  }

  async #ask(traces: readonly RemoteTrace[], query: Record<string, string | number | boolean | undefined>) {
    const path = `runs/${encodeURIComponent(this.#run.hash)}/metric/get-batch`;
    const body = traces.map(({ name, context }) => mapOf({ name, context }));
    const answer = await this.#server.ask(path, body, query);
    if (Array.isArray(answer)) return answer;
    throw new MatyanError("corrupt", `the server answers ${path} with something else than a list`);
  }
}

interface Page {
  /** Told by servers that know `point_details`. */
  readonly dtype: string | undefined;
  readonly points: readonly Point[];
  /** Whether all is told that the server has of the points. */
  readonly isDetailed: boolean;
}

/** A sequence can't have more points than steps. */
function mostPoints(ends: Ends | undefined): bigint {
  return ends === undefined ? 1n : ends.last - ends.first + 1n;
}

function keyOf(entry: Value): string {
  const context = isMap(entry) ? entry.get("context") : undefined;
  return isMap(entry)
    ? traceKey({ name: String(entry.get("name")), contextId: contextId(isMap(context) ? context : null) })
    : "";
}

function listIn(entry: Value, name: string): readonly Value[] {
  const list = isMap(entry) ? entry.get(name) : undefined;
  if (Array.isArray(list)) return list;
  throw new MatyanError("corrupt", `the server's answer has a metric without '${name}'`);
}

function pageOf(entry: Value): Page {
  const dtype = isMap(entry) ? entry.get("dtype") : undefined;
  if (isMap(entry) && entry.has("points"))
    return {
      dtype: typeof dtype === "string" ? dtype : undefined,
      points: listIn(entry, "points").map(rowPoint),
      isDetailed: true,
    };
  const steps = listIn(entry, "iters");
  const values = listIn(entry, "values");
  if (steps.length !== values.length)
    throw new MatyanError("corrupt", `the server's answer has ${steps.length} steps and ${values.length} values`);
  const points = steps.map((step, i) => ({ step: stepOf(step), value: values[i]! }));
  return { dtype: undefined, points, isDetailed: false };
}

function rowPoint(row: Value): Point {
  const [step, value, epoch, time] = Array.isArray(row) ? row : [];
  if (value === undefined) throw new MatyanError("corrupt", "the server's answer has a point without a value");
  const seconds = toNumber(time);
  return {
    step: stepOf(step),
    value: typeof value === "string" ? Number(value) : value,
    ...(typeof epoch === "bigint" ? { epoch } : {}),
    ...(seconds === undefined ? {} : { time: seconds }),
  };
}

function stepOf(step: Value | undefined): bigint {
  if (typeof step === "bigint") return step;
  throw new MatyanError("corrupt", `the server's answer has a step that is no integer: ${String(step)}`);
}

function isInteger({ value }: Point): boolean {
  return typeof value === "bigint";
}

function completed(point: Point, told: Told | undefined): Point {
  if (told === undefined) return point;
  const { value, epoch, time } = told;
  return {
    step: point.step,
    value: point.value === null && value !== undefined && !Number.isFinite(value) ? value : point.value,
    ...(epoch === undefined || !Number.isSafeInteger(epoch) ? {} : { epoch: BigInt(epoch) }),
    ...(time === undefined || Number.isNaN(time) ? {} : { time }),
  };
}
