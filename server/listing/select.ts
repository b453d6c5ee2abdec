// Which runs a list shows, and in which order.
import { MatyanError } from "../../formats/error.ts";
import type { PreparedQuery } from "../query/index.ts";
import { searchRuns } from "../search/index.ts";
import { findExperimentByName, findTagByName, listEntities } from "../store/entities.ts";
import type { Store } from "../store/index.ts";
import { listRuns } from "../store/runs.ts";
import { parseMetric } from "./metricName.ts";
import { byNearness, nearestNames } from "./nearest.ts";
import { Ranking, type SortKey } from "./ranking.ts";
import { type NameCache, type RunSummary, readSummary } from "./summary.ts";

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
  for (let at = 0; at < ranked.length; at += 1000) yield ranked.slice(at, at + 1000);
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

async function rankRuns(store: Store, selection: RunSelection, signal?: AbortSignal): Promise<string[]> {
  const ranking = new Ranking<undefined>(selection.sort, selection.limit);
  const names: NameCache = new Map();
  for await (const hashes of candidates(store, selection, "-created")) {
    signal?.throwIfAborted();
    const runs = await store.database.snapshot((tx) =>
      Promise.all(hashes.map((hash) => readSummary(tx, store, hash, { names }))),
    );
    for (const run of runs) if (run !== undefined && run.status !== "deleting") ranking.add(run, undefined);
  }
  return ranking.sorted().map(({ hash }) => hash);
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
    throw unknownName(kind, name, names, "store");
  }
}

/** The error for a name that nothing of the kind has, with those that there are, nearest first. */
export function unknownName(
  kind: "experiment" | "tag",
  name: string,
  known: readonly string[],
  where: "store" | "server",
): MatyanError {
  const near = byNearness(name, known).slice(0, 8);
  return new MatyanError("not_found", `there is no ${kind} '${name}'`, {
    hint:
      near.length === 0
        ? `The ${where} has no ${kind}s.`
        : `There are: ${near.join(", ")}${known.length > 8 ? ", ..." : ""}.`,
  });
}
