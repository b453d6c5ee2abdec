// Reads what `matyan top` shows from where it looks: figures and runs at each look, sparklines of what is on the screen.

import { formatJson } from "../../../formats/json.ts";
import { isMap, type Value } from "../../../formats/value.ts";
import type { MetricSummary, RunSummary } from "../../../server/listing/summary.ts";
import type { LiveSource, Spark } from "../../../server/live/source.ts";
import { logLines, pageSpark, shownMetricLines } from "./openedPage.ts";
import type { OpenedPage, TopState } from "./state.ts";
import { metricKey, newestMetrics, type Sample, shownMetrics, type Tracks } from "./track.ts";

/** Runs whose sparklines are read at the same time: from a server, each is a request. */
const atOnce = 4;

interface KnownSpark {
  readonly spark: Spark;
  readonly count: number;
  readonly metric: MetricSummary;
}

export class Sampler {
  readonly #source: LiveSource;
  readonly #limit: number;
  /** Of the runs that were on the screen last: what did not change is not read again. */
  #known = new Map<string, Map<string, KnownSpark>>();

  constructor(source: LiveSource, limit: number) {
    this.#source = source;
    this.#limit = limit;
  }

  /** Whether sparklines come with the time of their last point. */
  get tellsTimes(): boolean {
    return this.#source.tellsTimes;
  }

  async look(): Promise<Sample> {
    const [figures, active] = await Promise.all([this.#source.figures(), this.#source.activeRuns(this.#limit)]);
    return { figures, active };
  }

  /** Of each run the newest `metrics` metrics, `values` values each. */
  async sparks(
    runs: readonly RunSummary[],
    tracks: Tracks,
    { metrics, values }: { readonly metrics: number; readonly values: number },
  ): Promise<TopState["sparks"]> {
    const next = new Map<string, Map<string, KnownSpark>>();
    for (let at = 0; at < runs.length; at += atOnce)
      await Promise.all(
        runs.slice(at, at + atOnce).map(async (run) => {
          const newest = newestMetrics(run, tracks.get(run.hash)).slice(0, metrics);
          next.set(run.hash, await this.#sparksOf(run.hash, newest, values));
        }),
      );
    this.#known = next;
    return new Map([...next].map(([hash, known]) => [hash, plain(known)]));
  }

  async page(hash: string): Promise<OpenedPage> {
    const run = await this.#source.run(hash);
    if (run === undefined) return { run, sparks: new Map(), log: [] };
    const metrics = shownMetrics(run).slice(0, shownMetricLines);
    const sparks = await this.#source.sparks(hash, metrics, pageSpark);
    return {
      run,
      sparks: new Map(metrics.map((metric, i) => [metricKey(metric), sparks[i]!])),
      log: await this.#log(hash),
    };
  }

  async #sparksOf(hash: string, metrics: readonly MetricSummary[], count: number): Promise<Map<string, KnownSpark>> {
    const known = this.#known.get(hash);
    const isSame = (metric: MetricSummary) => {
      const old = known?.get(metricKey(metric));
      return old?.count === count && old.metric.lastStep === metric.lastStep && Object.is(old.metric.last, metric.last);
    };
    const changed = metrics.filter((metric) => !isSame(metric));
    const read = changed.length === 0 ? [] : await this.#source.sparks(hash, changed, count);
    const fresh = new Map(changed.map((metric, i) => [metricKey(metric), { spark: read[i]!, count, metric }]));
    return new Map(
      metrics.map((metric) => {
        const key = metricKey(metric);
        return [key, fresh.get(key) ?? known!.get(key)!];
      }),
    );
  }

  /** The last lines that the run printed, or what it logged where it printed nothing. */
  async #log(hash: string): Promise<string[]> {
    const run = this.#source.live(hash);
    const sequences = (await run.look())?.sequences ?? [];
    for (const kind of ["line", "record"] as const) {
      const logs = sequences.filter((sequence) => sequence.kind === kind);
      const [end] = logs.length === 0 ? [] : await run.readLast(logs.slice(0, 1), logLines);
      if (end !== undefined && end.points.length > 0) return end.points.map(({ value }) => lineOf(value));
    }
    return [];
  }
}

function lineOf(value: Value): string {
  const text = isMap(value) ? (value.get("message") ?? value) : value;
  return typeof text === "string" ? text : formatJson(text);
}

function plain(known: ReadonlyMap<string, KnownSpark>): ReadonlyMap<string, Spark> {
  return new Map([...known].map(([key, { spark }]) => [key, spark]));
}
