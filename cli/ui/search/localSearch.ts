// Runs and metrics that were found in the store of this machine, listed.
import { type NameCache, type RunSummary, readSummary } from "../../../server/listing/summary.ts";
import type { PreparedQuery } from "../../../server/query/index.ts";
import { searchRuns, searchSequences } from "../../../server/search/index.ts";
import type { Store } from "../../../server/store/index.ts";
import type { FoundPoint } from "../../client/foundSummary.ts";
import type { Context } from "../../runtime.ts";
import { listMetrics } from "../metricListing.ts";
import { inBlocks, type Listed, type ListingFormat, listRuns, storeSource } from "../runListing.ts";

/** Runs laid out and printed at a time. */
export const blockRuns = 500;

export async function listFoundRuns(
  { out, signal }: Context,
  store: Store,
  prepared: PreparedQuery,
  format: ListingFormat,
): Promise<Listed> {
  // One more than is shown tells whether there are more.
  const wanted = format.limit === undefined ? undefined : format.limit + 1;
  const names: NameCache = new Map();
  const attrs = format.columns?.some(({ kind }) => kind === "param") ?? false;
  const search = { now: Date.now() / 1_000, limit: wanted };
  const found = searchRuns(store, prepared, search, ({ run }, { tx }) =>
    readSummary(tx, store, run.hash, { attrs, names }),
  );
  async function* batches(): AsyncGenerator<RunSummary[]> {
    for await (const run of found) {
      signal.throwIfAborted();
      if (run !== undefined) yield [run];
    }
  }
  const blocks = inBlocks(batches(), Math.min(blockRuns, wanted ?? blockRuns));
  return listRuns(out, blocks, format, storeSource(store));
}

export function listFoundMetrics(
  { out, signal }: Context,
  store: Store,
  prepared: PreparedQuery,
  limit: number | undefined,
): Promise<Listed> {
  const found = searchSequences(store, prepared, { now: Date.now() / 1_000 }, async ({ run, traces }) => {
    const name = run.meta.get("name");
    return traces.map((trace): FoundPoint => {
      const { context, last = null, lastStep } = trace;
      return {
        hash: run.hash,
        run: typeof name === "string" ? name : "",
        metric: trace.name,
        context,
        last,
        lastStep,
      };
    });
  });
  return listMetrics(out, found, limit, signal);
}
