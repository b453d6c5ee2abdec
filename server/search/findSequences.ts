// Searches over sequences: runs with those of their sequences that match.
import { type Access, type PreparedQuery, planQuery, QueryEvaluator, type Scope } from "../query/index.ts";
import { accessFor, candidateRuns, matchingSequences } from "./matchRuns.ts";
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
  /** Runs that will be looked at; 0 when nobody knows. */
  readonly total: number;
}

export interface FindSequencesOptions {
  /** Seconds since the epoch. */
  readonly now: number;
  /** Told how the runs are got at. */
  readonly onAccess?: ((access: Access) => void) | undefined;
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
  { now, onAccess }: FindSequencesOptions,
): AsyncGenerator<Step<FoundSequences>, void> {
  const { scope } = query;
  if (scope === "run") return;
  const evaluator = new QueryEvaluator(query, { now: () => now });
  const names = planQuery(query).sequenceNames;
  const accept = (trace: RunTrace) => isOfScope(scope, trace) && (names === undefined || names.has(trace.name));
  const access = await accessFor(query, reader.tx, reader.store, undefined);
  onAccess?.(access);
  const total = access.kind === "candidates" && access.estimate < 1_000_000 ? access.estimate : 0;
  let checked = 0;
  for await (const group of candidateRuns(reader, access, { newestFirst: true })) {
    for (const run of group) {
      const traces = await matchingSequences(evaluator, run, accept);
      if (traces.length > 0) yield { run, traces, checked, total: total === 0 ? 0 : Math.max(total, checked + 1) };
      checked++;
    }
    yield rest;
  }
}
