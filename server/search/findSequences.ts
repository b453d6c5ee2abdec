// Searches over sequences: runs with those of their sequences that match.
import { type Access, type PreparedQuery, planQuery, QueryEvaluator, type Scope } from "../query/index.ts";
import type { OnProgress } from "./findRuns.ts";
import { accessFor, candidateRuns, matchingSequences } from "./matchRuns.ts";
import { termOf, unlimited } from "./planSources.ts";
import { RunCount } from "./runCount.ts";
import { isNumeric, type Run, type RunReader, type RunTrace } from "./runReader.ts";
import { rest, type Step } from "./snapshots.ts";

/** The scopes of searches over sequences. */
export type SequenceScope = Exclude<Scope, "run">;

export interface FoundSequences {
  readonly run: Run;
  /** At least one. */
  readonly traces: readonly RunTrace[];
  /** Runs looked at before this one. */
  readonly checked: number;
  /** Runs that will be looked at, at most; it never falls. */
  readonly total: number;
}

export interface FindSequencesOptions {
  /** Seconds since the epoch. */
  readonly now: number;
  /** Told how the runs are got at. */
  readonly onAccess?: ((access: Access) => void) | undefined;
  /** Told how far the search is, while it finds nothing too. */
  readonly onProgress?: OnProgress | undefined;
}

const storedTypes: Readonly<Record<Exclude<SequenceScope, "metric">, string>> = {
  images: "image",
  texts: "text",
  distributions: "distribution",
  audios: "audio",
  figures: "figure",
};

/** Whether a sequence is of the kind that a scope is over. */
export function isOfScope(scope: SequenceScope, trace: RunTrace): boolean {
  return scope === "metric" ? isNumeric(trace) : trace.dtype === storedTypes[scope];
}

/**
 * In the order of hashes when an index helps, else newest first. Rests between groups of runs.
 * @throws QueryBudgetError
 */
export async function* findSequences(
  reader: RunReader,
  query: PreparedQuery,
  { now, onAccess, onProgress }: FindSequencesOptions,
): AsyncGenerator<Step<FoundSequences>, void> {
  const { scope } = query;
  if (scope === "run") return;
  const evaluator = new QueryEvaluator(query, { now: () => now });
  const names = planQuery(query).sequenceNames;
  const accept = (trace: RunTrace) => isOfScope(scope, trace) && (names === undefined || names.has(trace.name));
  const access = await accessFor(query, reader.tx, reader.store, undefined);
  onAccess?.(access);
  const count = await countOf(reader, access);
  let checked = 0;
  for await (const group of candidateRuns(reader, access, { newestFirst: true })) {
    for (const run of group) {
      const traces = await matchingSequences(evaluator, run, accept);
      if (traces.length > 0) yield { run, traces, checked, total: count.atLeast(checked + 1) };
      checked++;
    }
    await count.more();
    onProgress?.(checked, count.atLeast(checked));
    yield rest;
  }
}

/** The candidates, or those of an index that has them all among others. */
async function countOf(reader: RunReader, access: Access): Promise<Pick<RunCount, "more" | "atLeast">> {
  const { kind, plan, estimate } = access;
  if (kind === "walk") return RunCount.ofCreated(reader, access);
  if (estimate < unlimited) return { more: () => Promise.resolve(), atLeast: (checked) => Math.max(estimate, checked) };
  const term = plan.kind === "lookup" ? termOf(plan.lookup) : undefined;
  return term === undefined ? RunCount.ofCreated(reader) : RunCount.ofTerm(reader, term);
}
