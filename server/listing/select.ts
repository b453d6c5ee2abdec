// Which runs a list shows, and in which order.
import { MatyanError } from "../../formats/error.ts";
import { toNumber } from "../../formats/value.ts";
import type { PreparedQuery } from "../query/index.ts";
import { searchRuns } from "../search/index.ts";
import { findExperimentByName, findTagByName, listEntities } from "../store/entities.ts";
import type { Store } from "../store/index.ts";
import { listRuns } from "../store/runs.ts";
import { findMetric, type MetricRef, parseMetric } from "./metricName.ts";
import { byNearness, nearestNames } from "./nearest.ts";
import { metricsOf, type NameCache, type RunSummary, readSummary } from "./summary.ts";

export interface RunSelection {
  /** Exact names. */
  readonly experiment?: string | undefined;
  readonly tag?: string | undefined;
  /** Only runs that have not been finished. */
  readonly active?: boolean | undefined;
  /** Only archived runs; else only those that are not. */
  readonly archived?: boolean | undefined;
  /** Only runs created at this time or later, seconds since the epoch. */
  readonly since?: number | undefined;
  /** Only runs for which this is true. It decides alone about archived runs, so `archived` must not be set. */
  readonly query?: PreparedQuery | undefined;
  readonly sort: readonly SortKey[];
  /** The runs that the caller means to use, so that sorting need not keep more; undefined: all. */
  readonly limit?: number | undefined;
}

export interface SortKey {
  readonly by: "created" | "name" | "duration" | "experiment" | "metric";
  readonly metric?: MetricRef;
  readonly descending: boolean;
}

export const sortNames = ["created", "name", "duration", "experiment"] as const;

/** `-created`, `name`, `metric:loss`; a leading minus means descending. @throws MatyanError `usage` naming what there is. */
export function parseSortKey(text: string): SortKey {
  const descending = text.startsWith("-");
  const name = descending ? text.slice(1) : text;
  if (name.startsWith("metric:") && name.length > 7)
    return { by: "metric", metric: parseMetric(name.slice(7)), descending };
  const by = sortNames.find((known) => known === name);
  if (by !== undefined) return { by, descending };
  const near = nearestNames(name, [...sortNames, "metric:NAME"], 1)[0];
  throw new MatyanError("usage", `runs cannot be sorted by '${name}'`, {
    hint: `${near === undefined ? "" : `Did you mean ${near}? `}Sort by ${sortNames.join(", ")} or metric:NAME; a minus before it reverses.`,
  });
}

/** Most runs that a sort other than by creation looks at: their keys are held in memory, some 200 bytes each. */
const maxSorted = 5_000_000;

/**
 * The hashes of the selected runs in order, in batches. By creation they come straight from the index, without end at
 * `limit`; any other order reads all selected runs and keeps their sort keys.
 * @throws MatyanError `not_found` for an unknown experiment or tag, or a metric that no selected run has.
 */
export async function* selectRuns(
  store: Store,
  selection: RunSelection,
  signal?: AbortSignal,
): AsyncGenerator<string[]> {
  if (selection.query !== undefined && selection.archived) throw queryAndArchived();
  await checkNames(store, selection);
  const [first, ...others] = selection.sort;
  if (first === undefined || (first.by === "created" && others.length === 0)) {
    const order = first !== undefined && !first.descending ? "created" : "-created";
    for await (const hashes of candidates(store, selection, order)) {
      signal?.throwIfAborted();
      yield hashes;
    }
    return;
  }
  const ranked = await rankRuns(store, selection, signal);
  for (let at = 0; at < ranked.length; at += 1000) yield ranked.slice(at, at + 1000).map(({ hash }) => hash);
}

export function queryAndArchived(): MatyanError {
  return new MatyanError("usage", "--archived and --query can't be used together", {
    hint: "A query says itself that it wants archived runs: '... and run.archived'.",
  });
}

/** The selected runs by creation. */
async function* candidates(
  store: Store,
  { experiment, tag, active, archived, since, query }: RunSelection,
  order: "created" | "-created",
): AsyncGenerator<string[]> {
  if (query === undefined) {
    yield* listRuns(store, {
      ...(experiment === undefined ? {} : { experiment }),
      ...(tag === undefined ? {} : { tag }),
      ...(active ? { active: true } : {}),
      archived: archived ?? false,
      since,
      order,
    });
    return;
  }
  const now = Date.now() / 1_000;
  const byCreation = [{ field: "date", descending: order === "-created" }] as const;
  const isSelected = (run: RunSummary) =>
    (experiment === undefined || run.experiment === experiment) &&
    (tag === undefined || run.tags.includes(tag)) &&
    (!active || run.active) &&
    (since === undefined || (run.createdAt !== undefined && run.createdAt >= since));
  const isFiltered = experiment !== undefined || tag !== undefined || active === true || since !== undefined;
  const names: NameCache = new Map();
  const found = searchRuns(store, query, { order: byCreation, now }, async ({ run: { hash } }, { tx }) => {
    const run = isFiltered ? await readSummary(tx, store, hash, { names }) : undefined;
    return isFiltered && (run === undefined || !isSelected(run)) ? undefined : hash;
  });
  for await (const hash of found) if (hash !== undefined) yield [hash];
}

interface RankedRun {
  readonly hash: string;
  readonly keys: readonly (string | number | undefined)[];
}

async function rankRuns(store: Store, selection: RunSelection, signal?: AbortSignal): Promise<RankedRun[]> {
  const { sort, limit } = selection;
  const compare = (a: RankedRun, b: RankedRun) => compareKeys(a.keys, b.keys, sort);
  let ranked: RankedRun[] = [];
  const names: NameCache = new Map();
  const metricNames = new Set<string>();
  let count = 0;
  for await (const hashes of candidates(store, selection, "-created")) {
    signal?.throwIfAborted();
    const runs = await store.database.snapshot((tx) =>
      Promise.all(hashes.map((hash) => readSummary(tx, store, hash, { names }))),
    );
    for (const run of runs) {
      if (run === undefined || run.status === "deleting") continue;
      for (const { name } of metricsOf(run)) if (metricNames.size < 10_000) metricNames.add(name);
      ranked.push({ hash: run.hash, keys: sort.map((key) => sortValue(run, key)) });
      count++;
    }
    // With a limit, twice as many are enough to find the first ones.
    if (limit !== undefined && ranked.length > 2 * limit + 1000) ranked = ranked.sort(compare).slice(0, limit);
    if (ranked.length > maxSorted)
      throw new MatyanError("too_large", `more than ${maxSorted} runs cannot be sorted in memory`, {
        hint: "Narrow the list by --experiment or --tag, use --limit, or sort by created.",
      });
  }
  checkSortMetrics(sort, metricNames, count);
  ranked.sort(compare);
  return limit === undefined ? ranked : ranked.slice(0, limit);
}

function checkSortMetrics(sort: readonly SortKey[], metricNames: ReadonlySet<string>, count: number): void {
  for (const { metric } of sort) {
    if (metric === undefined || count === 0 || metricNames.size >= 10_000 || metricNames.has(metric.name)) continue;
    throw unknownMetric(metric.name, metricNames);
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

function sortValue(run: RunSummary, key: SortKey): string | number | undefined {
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

/** Runs without a value come last, whichever the direction. Equal ones stay newest first. */
function compareKeys(a: RankedRun["keys"], b: RankedRun["keys"], sort: readonly SortKey[]): number {
  for (let index = 0; index < sort.length; index++) {
    const [left, right] = [a[index], b[index]];
    if (left === right) continue;
    if (left === undefined) return 1;
    if (right === undefined) return -1;
    const order = left < right ? -1 : 1;
    return sort[index]!.descending ? -order : order;
  }
  return 0;
}

/** Names that filter runs must be those of something. @throws MatyanError `not_found` naming what there is */
export async function checkNames(
  store: Store,
  { experiment, tag }: Pick<RunSelection, "experiment" | "tag">,
): Promise<void> {
  for (const [kind, name, find] of [
    ["experiment", experiment, findExperimentByName],
    ["tag", tag, findTagByName],
  ] as const) {
    if (name === undefined) continue;
    if ((await store.database.snapshot((tx) => find(tx, store, name))) !== undefined) continue;
    const names: string[] = [];
    for await (const entity of listEntities(store, kind)) names.push(String(entity.fields.get("name") ?? ""));
    const near = byNearness(name, names).slice(0, 8);
    throw new MatyanError("not_found", `there is no ${kind} '${name}'`, {
      hint:
        near.length === 0
          ? `The store has no ${kind}s.`
          : `There are: ${near.join(", ")}${names.length > 8 ? ", ..." : ""}.`,
    });
  }
}
