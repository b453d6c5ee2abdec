// From a query to the runs that match it: candidates of the plan, group by group, each evaluated.
import type { ReadTransaction } from "../kv/index.ts";
import {
  type Access,
  candidateHashes,
  chooseAccess,
  type PreparedQuery,
  planQuery,
  type QueryEvaluator,
} from "../query/index.ts";
import { pageOfCreated } from "../store/indexPages.ts";
import type { StoreKeys } from "../store/keys.ts";
import { storeSources } from "./planSources.ts";
import { type Run, type RunReader, type RunTrace, sequenceRow } from "./runReader.ts";

/** Runs are opened in groups: small ones first, so that the first result is soon there. */
const firstGroup = 4;
const largestGroup = 32;

/** What an index says of a run: with `createdAt` the entry of the index of creation times that named it. */
interface Candidate {
  readonly hash: string;
  readonly createdAt?: number;
}

/** The direction of a walk by creation time, and the position (`createdPosition`) that it goes on behind. */
export interface Walk {
  readonly newestFirst: boolean;
  readonly behind?: Uint8Array | undefined;
}

/** How to get at the runs of a query; `limit` is the number of runs wanted in order of creation, undefined when all are. */
export function accessFor(
  query: PreparedQuery,
  tx: ReadTransaction,
  store: StoreKeys,
  limit: number | undefined,
): Promise<Access> {
  return chooseAccess(planQuery(query), storeSources(tx, store), limit);
}

/** Groups of existing runs to evaluate: by hash for `candidates`, by time of creation for `walk`. */
export async function* candidateRuns(reader: RunReader, access: Access, walk: Walk): AsyncGenerator<Run[], void> {
  const groups = access.kind === "walk" ? walkGroups(reader, access, walk) : hashGroups(reader, access);
  for await (const group of groups) {
    const runs = await Promise.all(group.map(({ hash }) => reader.open(hash)));
    // A run that was created anew by the old system has entries of both times: only the true one counts.
    const isTrue = (run: Run, { createdAt }: Candidate) => createdAt === undefined || createdAt === run.createdAt;
    yield runs.filter((run, i): run is Run => run !== undefined && isTrue(run, group[i]!));
  }
}

async function* walkGroups(
  { tx, store }: RunReader,
  { from, to }: Access,
  { newestFirst, behind }: Walk,
): AsyncGenerator<readonly Candidate[], void> {
  let position = behind;
  for (let size = firstGroup; ; size = Math.min(largestGroup, size * 2)) {
    const page = await pageOfCreated(tx, store, { from, to, reverse: newestFirst }, position, size);
    if (page.entries.length > 0) yield page.entries;
    if (page.next === undefined) return;
    position = page.next;
  }
}

async function* hashGroups(
  { tx, store }: RunReader,
  { kind, plan }: Access,
): AsyncGenerator<readonly Candidate[], void> {
  if (kind === "none") return;
  let size = firstGroup;
  for await (const batch of candidateHashes(plan, storeSources(tx, store)))
    for (let at = 0; at < batch.length; ) {
      const group = batch.slice(at, at + size);
      yield group.map((hash) => ({ hash }));
      at += group.length;
      size = Math.min(largestGroup, size * 2);
    }
}

/** Of the runs those for which the query is true, in their order. @throws QueryBudgetError */
export async function matchingRuns(evaluator: QueryEvaluator, runs: readonly Run[]): Promise<Run[]> {
  const rows = await Promise.all(runs.map((run) => run.row(evaluator.query.needs)));
  return runs.filter((_, i) => evaluator.matchesRun(rows[i]!));
}

/**
 * The sequences of a run for which the query is true, of those that `accept` takes; in their order.
 * @throws QueryBudgetError
 */
export async function matchingSequences(
  evaluator: QueryEvaluator,
  run: Run,
  accept: (trace: RunTrace) => boolean,
): Promise<readonly RunTrace[]> {
  const row = await run.row(evaluator.query.needs);
  if (!evaluator.query.usesSequence && !evaluator.matchesRun(row)) return [];
  const traces = (await run.traces()).filter(accept);
  if (!evaluator.query.usesSequence) return traces;
  return traces.filter((trace) => evaluator.matchesSequence(row, sequenceRow(trace)));
}
