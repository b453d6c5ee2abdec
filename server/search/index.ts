// Searches over the store: what the API streams and the command line prints. Between the query language and the store.
import type { PreparedQuery } from "../query/index.ts";
import type { Store } from "../store/index.ts";
import { type FindRuns, type FoundRun, findRuns } from "./findRuns.ts";
import { type FindSequencesOptions, type FoundSequences, findSequences } from "./findSequences.ts";
import { RunReader } from "./runReader.ts";
import { inSnapshots, rest, type Step } from "./snapshots.ts";

/** What `describe` of a search makes of a run: read inside the snapshot in which the run was found. */
export type Describe<F, T> = (found: F, reader: RunReader) => Promise<T>;

/**
 * The runs that match, each as `describe` makes it. Nothing is held while the caller does something else, and stopping early
 * is free. @throws QueryBudgetError
 */
export function searchRuns<T>(
  store: Store,
  query: PreparedQuery,
  options: Omit<FindRuns, "query">,
  describe: Describe<FoundRun, T>,
): AsyncGenerator<T, void> {
  return search(store, (reader) => findRuns(reader, { query, ...options }), describe);
}

/** As `searchRuns`, for runs with those of their sequences that match. */
export function searchSequences<T>(
  store: Store,
  query: PreparedQuery,
  options: FindSequencesOptions,
  describe: Describe<FoundSequences, T>,
): AsyncGenerator<T, void> {
  return search(store, (reader) => findSequences(reader, query, options), describe);
}

async function* search<F, T>(
  store: Store,
  find: (reader: RunReader) => AsyncGenerator<Step<F>, void>,
  describe: Describe<F, T>,
): AsyncGenerator<T, void> {
  const groups = inSnapshots<{ readonly item: T }>(
    store.database,
    async function* (tx) {
      const reader = new RunReader(tx, store);
      for await (const step of find(reader)) yield step === rest ? rest : { item: await describe(step, reader) };
    },
    { sizeOf: () => 4_096 },
  );
  for await (const group of groups) for (const { item } of group) yield item;
}

export { sameValue } from "./contexts.ts";
export { type FindRuns, type FoundRun, findRuns } from "./findRuns.ts";
export {
  type FindSequencesOptions,
  type FoundSequences,
  findSequences,
  isOfScope,
  type SequenceScope,
} from "./findSequences.ts";
export { accessFor } from "./matchRuns.ts";
export { storeSources } from "./planSources.ts";
export { RunCount } from "./runCount.ts";
export { defaultOrder, parseSort, type SortTerm, sortFields } from "./runOrder.ts";
export {
  artifactsName,
  isNumeric,
  type NamedEntity,
  nameOf,
  Run,
  RunReader,
  type RunTrace,
  systemName,
} from "./runReader.ts";
export { inSnapshots, rest, type Step } from "./snapshots.ts";
export { type HalfOpen, isEmptyRange, positionsOf, stepsOf } from "./stepRange.ts";
