// Run search: the runs that match a query, in order, from an offset on, up to a limit.
import { type Access, type PreparedQuery, QueryEvaluator } from "../query/index.ts";
import { countTerm, createdPosition } from "../store/indexPages.ts";
import { accessFor, candidateRuns, matchingRuns, type Walk } from "./matchRuns.ts";
import { RunCount } from "./runCount.ts";
import {
  compareBy,
  creationOrder,
  defaultOrder,
  Smallest,
  type SortKey,
  type SortTerm,
  sortKeyOf,
} from "./runOrder.ts";
import type { Run, RunReader } from "./runReader.ts";
import { rest, type Step } from "./snapshots.ts";

export interface FindRuns {
  readonly query: PreparedQuery;
  /** By default newest first. */
  readonly order?: readonly SortTerm[];
  /** At most this many; all when undefined or not positive. */
  readonly limit?: number | undefined;
  /** Hash of a run: only runs behind it are given, and none when it does not match itself. */
  readonly offset?: string | undefined;
  /** Seconds since the epoch. */
  readonly now: number;
  /** Told how the runs are got at. */
  readonly onAccess?: ((access: Access) => void) | undefined;
  /** Told how far the search is, while it finds nothing too. */
  readonly onProgress?: OnProgress | undefined;
}

/** `total` never falls, and is never less than `checked`. */
export type OnProgress = (checked: number, total: number) => void;

export interface FoundRun {
  readonly run: Run;
  /** With this run: how many were found of a limited or sorted search, else how many were looked at. */
  readonly checked: number;
  /** How many that will be at most. */
  readonly total: number;
}

/**
 * An unlimited search in order of creation walks the index, rather than sorting what matches, when there are more candidates
 * than this allows for (`chooseAccess` multiplies it).
 */
const walkFrom = 250;
/** Sorted runs are opened in groups of this size. */
const groupSize = 16;

/**
 * Reads through `reader`, whose snapshot may change at each rest. In order of creation a page costs its own size, or that of
 * what had to be looked at; in other orders every candidate is looked at, and the keys of those wanted are kept.
 * @throws QueryBudgetError
 */
export async function* findRuns(reader: RunReader, search: FindRuns): AsyncGenerator<Step<FoundRun>, void> {
  const { query, order = defaultOrder, now } = search;
  const limit = search.limit !== undefined && search.limit > 0 ? search.limit : undefined;
  const evaluator = new QueryEvaluator(query, { now: () => now });
  const offset = search.offset || undefined;
  let behind: Run | undefined;
  if (offset !== undefined) {
    behind = await reader.open(offset);
    if (behind === undefined || (await matchingRuns(evaluator, [behind])).length === 0) return;
  }
  const creation = order.length === 1 ? creationOrder(order) : undefined;
  const wanted = creation === undefined ? undefined : (limit ?? walkFrom);
  const access = await accessFor(query, reader.tx, reader.store, wanted);
  const walks = creation !== undefined && (access.kind === "walk" || (await walksSooner(reader, access, limit)));
  search.onAccess?.(walks ? { ...access, kind: "walk" } : access);
  if (walks) {
    const position = behind && createdPosition(reader.store, behind.createdAt, behind.hash);
    const walk: Walk = { newestFirst: creation.newestFirst, behind: position };
    const groups = candidateRuns(reader, { ...access, kind: "walk" }, walk);
    yield* limit === undefined
      ? walkAll(evaluator, groups, await RunCount.ofCreated(reader, access), search.onProgress)
      : walkUntil(evaluator, groups, limit);
    return;
  }

  const compare = compareBy(order);
  const from = behind && (await sortKeyOf(behind, order, now));
  const best = new Smallest<SortKey>(limit ?? Number.POSITIVE_INFINITY, compare);
  for await (const group of candidateRuns(reader, access, { newestFirst: true })) {
    for (const run of await matchingRuns(evaluator, group)) {
      const key = await sortKeyOf(run, order, now);
      if (from === undefined || compare(key, from) > 0) best.add(key);
    }
    yield rest;
  }
  const sorted = best.sorted();
  for (let at = 0; at < sorted.length; at += groupSize) {
    const group = sorted.slice(at, at + groupSize);
    const runs = await Promise.all(group.map(({ hash }) => reader.open(hash)));
    for (let i = 0; i < runs.length; i++) {
      const run = runs[i];
      if (run !== undefined) yield { run, checked: at + i + 1, total: sorted.length };
    }
    yield rest;
  }
}

async function* walkUntil(
  evaluator: QueryEvaluator,
  groups: AsyncGenerator<Run[], void>,
  limit: number,
): AsyncGenerator<Step<FoundRun>, void> {
  let found = 0;
  for await (const group of groups) {
    for (const run of await matchingRuns(evaluator, group)) {
      yield { run, checked: ++found, total: limit };
      if (found === limit) return;
    }
    yield rest;
  }
}

async function* walkAll(
  evaluator: QueryEvaluator,
  groups: AsyncGenerator<Run[], void>,
  count: RunCount,
  onProgress: OnProgress | undefined,
): AsyncGenerator<Step<FoundRun>, void> {
  let before = 0;
  for await (const group of groups) {
    const matching = new Set(await matchingRuns(evaluator, group));
    for (const [i, run] of group.entries()) {
      const checked = before + i + 1;
      if (matching.has(run)) yield { run, checked, total: count.atLeast(checked) };
    }
    before += group.length;
    await count.more();
    onProgress?.(before, count.atLeast(before));
    yield rest;
  }
}

/**
 * Whether `limit` matches are found sooner by walking through all runs than by looking at every candidate: when candidates
 * are so common that a walk meets enough of them.
 */
async function walksSooner({ tx, store }: RunReader, access: Access, limit: number | undefined): Promise<boolean> {
  const { kind, estimate } = access;
  if (kind !== "candidates" || estimate <= (limit ?? 0)) return false;
  const most = Math.floor(
    Math.min(2 * estimate, limit === undefined ? Number.POSITIVE_INFINITY : estimate ** 2 / limit),
  );
  return (await countTerm(tx, store, ["created_at"], most + 1)) <= most;
}
