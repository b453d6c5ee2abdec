// Runs and metrics that a server found, listed as those of this machine's store are.
import type { RunSummary } from "../../../server/listing/summary.ts";
import { type FoundPoint, foundPoints, foundSummary } from "../../client/foundSummary.ts";
import { type Http, ServerRefusal } from "../../client/http.ts";
import { searchRuns, searchSequences } from "../../client/searches.ts";
import { sampleMetrics } from "../../client/sparks.ts";
import type { Context } from "../../runtime.ts";
import { listMetrics } from "../metricListing.ts";
import { refusedByServer } from "../queryText.ts";
import { inBlocks, type Listed, type ListingFormat, listRuns, type RunSource } from "../runListing.ts";
import { sparkCells } from "../runTable.ts";
import { blockRuns } from "./localSearch.ts";

export interface RemoteQuery {
  readonly query: string;
  /** As the API takes it; the newest first unless given. */
  readonly sort?: string | undefined;
}

/** @throws MatyanError `usage` that shows what the server finds wrong in the query */
export async function listRemoteRuns(
  { out, signal }: Context,
  http: Http,
  { query, sort }: RemoteQuery,
  format: ListingFormat,
): Promise<Listed> {
  // One more than is shown tells whether there are more.
  const wanted = format.limit === undefined ? undefined : format.limit + 1;
  const withoutParams = !(format.columns?.some(({ kind }) => kind === "param") ?? false);
  const found = searchRuns(http, { query, sort, limit: wanted, withoutParams, signal });
  async function* batches(): AsyncGenerator<RunSummary[]> {
    for await (const [hash, run] of found) yield [foundSummary(hash, run)];
  }
  const blocks = inBlocks(batches(), Math.min(blockRuns, wanted ?? blockRuns));
  return explained(() => listRuns(out, blocks, format, remoteSource(http, signal)));
}

export function listRemoteMetrics(
  { out, signal }: Context,
  http: Http,
  query: string,
  limit: number | undefined,
): Promise<Listed> {
  const found = searchSequences(http, "metric", { query, parameters: { p: 2 }, signal });
  async function* batches(): AsyncGenerator<FoundPoint[]> {
    for await (const [hash, run] of found) yield foundPoints(hash, run);
  }
  return explained(() => listMetrics(out, batches(), limit, signal));
}

/** A server does not tell which beginnings of hashes are unique: they are shown whole. */
function remoteSource(http: Http, signal: AbortSignal): RunSource {
  return {
    readSparks: async ({ hash }, metrics) =>
      (await sampleMetrics(http, hash, metrics, sparkCells, signal)).map(({ values }) => values),
    shortHashes: async () => new Map(),
  };
}

/** A server's complaint about the query, shown in the query. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ServerRefusal && error.position !== undefined)
      throw refusedByServer(error.message, error.position);
    throw error;
  }
}
