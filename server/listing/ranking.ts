// The first runs of many in an order of their own, in bounded memory.
import { compareCodePoints } from "../../formats/context.ts";
import { MatyanError } from "../../formats/error.ts";
import { toNumber } from "../../formats/value.ts";
import { findMetric, type MetricRef } from "./metricName.ts";
import { byNearness } from "./nearest.ts";
import { metricsOf, type RunSummary } from "./summary.ts";

export interface SortKey {
  readonly by: "created" | "name" | "duration" | "experiment" | "metric";
  readonly metric?: MetricRef;
  readonly descending: boolean;
}

/** A run in its place. */
export interface RankedRun<T> {
  readonly hash: string;
  readonly createdAt: number | undefined;
  readonly keys: readonly (string | number | undefined)[];
  /** What is kept of it. */
  readonly kept: T;
}

/** Most sort keys that are held in memory, some 200 bytes each. */
const maxSorted = 5_000_000;

/** Names of metrics that are remembered for an error. */
const maxNames = 10_000;

/** Runs without a value come last, whichever the direction; equal ones by creation, the newest first. */
export class Ranking<T> {
  readonly #sort: readonly SortKey[];
  readonly #limit: number | undefined;
  readonly #behind: RankedRun<unknown> | undefined;
  #ranked: RankedRun<T>[] = [];
  readonly #metricNames = new Set<string>();
  #count = 0;

  /** @param behind only runs behind this one */
  constructor(sort: readonly SortKey[], limit: number | undefined, behind?: RankedRun<unknown>) {
    this.#sort = sort;
    this.#limit = limit;
    this.#behind = behind;
  }

  /** @throws MatyanError `too_large` for too many runs without a limit */
  add(run: RunSummary, kept: T): void {
    this.#count++;
    for (const { name } of metricsOf(run)) if (this.#metricNames.size < maxNames) this.#metricNames.add(name);
    const { hash, createdAt } = run;
    const ranked = { hash, createdAt, keys: this.#sort.map((key) => sortValue(run, key)), kept };
    if (this.#behind !== undefined && this.#compare(ranked, this.#behind) <= 0) return;
    this.#ranked.push(ranked);
    // With a limit, twice as many are enough to find the first ones.
    if (this.#limit !== undefined && this.#ranked.length > 2 * this.#limit + 1000) this.#trim();
    if (this.#ranked.length > maxSorted)
      throw new MatyanError("too_large", `more than ${maxSorted} runs cannot be sorted in memory`, {
        hint: "Narrow the list by --experiment or --tag, use --limit, or sort by created.",
      });
  }

  /** @throws MatyanError `not_found` for a metric that no run has */
  sorted(): readonly RankedRun<T>[] {
    for (const { metric } of this.#sort) {
      if (metric === undefined || this.#count === 0 || this.#metricNames.size >= maxNames) continue;
      if (!this.#metricNames.has(metric.name)) throw unknownMetric(metric.name, this.#metricNames);
    }
    this.#trim();
    return this.#ranked;
  }

  #trim(): void {
    this.#ranked.sort((a, b) => this.#compare(a, b));
    if (this.#limit !== undefined) this.#ranked.length = Math.min(this.#ranked.length, this.#limit);
  }

  #compare(a: RankedRun<unknown>, b: RankedRun<unknown>): number {
    for (const [index, { descending }] of this.#sort.entries()) {
      const order = compareValues(a.keys[index], b.keys[index], descending);
      if (order !== 0) return order;
    }
    return compareValues(a.createdAt, b.createdAt, true) || compareCodePoints(b.hash, a.hash);
  }
}

type KeyValue = string | number | undefined;

function compareValues(a: KeyValue, b: KeyValue, descending: boolean): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  const order = typeof a === "string" && typeof b === "string" ? compareCodePoints(a, b) : a < b ? -1 : 1;
  return descending ? -order : order;
}

function sortValue(run: RunSummary, key: SortKey): KeyValue {
  switch (key.by) {
    case "created":
      return run.createdAt;
    case "name":
      return run.name;
    case "experiment":
      return run.experiment;
    case "duration":
      return run.duration;
    case "metric": {
      const last = toNumber(findMetric(run, key.metric!)?.last);
      return last === undefined || Number.isNaN(last) ? undefined : last;
    }
  }
}

/** The error for a metric that no run has, with those that there are, nearest first. */
export function unknownMetric(name: string, known: Iterable<string>): MatyanError {
  const names = byNearness(name, known);
  const shown = names.slice(0, 10).join(", ");
  return new MatyanError("not_found", `none of these runs has a metric '${name}'`, {
    hint:
      names.length === 0
        ? "They have no metrics at all."
        : `There are: ${shown}${names.length > 10 ? ` and ${names.length - 10} more` : ""}.`,
  });
}
