// Runs and metrics that a server found, listed as those of this machine's store are.
import { MatyanError } from "../../../formats/error.ts";
import type { SortKey } from "../../../server/listing/ranking.ts";
import { unknownName } from "../../../server/listing/select.ts";
import type { RunSummary } from "../../../server/listing/summary.ts";
import { wholeList } from "../../client/findRemoteRun.ts";
import { type FoundPoint, foundPoints, foundSummary } from "../../client/foundSummary.ts";
import { type Http, ServerRefusal } from "../../client/http.ts";
import { fieldsOf, listOf } from "../../client/results.ts";
import {
  type FoundNode,
  isCutOff,
  type RunFilter,
  type RunSearch,
  runQuery,
  searchRuns,
  searchSequences,
} from "../../client/searches.ts";
import { sampleMetrics } from "../../client/sparks.ts";
import type { Context } from "../../runtime.ts";
import { listMetrics } from "../metricListing.ts";
import { createProgress } from "../progress.ts";
import { refusedByServer } from "../queryText.ts";
import { inBlocks, type Listed, type ListingFormat, listRuns, type RunSource } from "../runListing.ts";
import { sparkCells } from "../runTable.ts";
import { blockRuns } from "./localSearch.ts";
import { inOrder, serverSort } from "./remoteOrder.ts";

export interface RemoteQuery {
  readonly query: string;
  /** The newest first unless given. */
  readonly sort?: readonly SortKey[];
}

/** @throws MatyanError `usage` that shows what the server finds wrong in the query, `not_found` for a metric to sort by */
export async function listRemoteRuns(
  { out, signal }: Context,
  http: Http,
  { query, sort = [] }: RemoteQuery,
  format: ListingFormat,
): Promise<Listed> {
  // One more than is shown tells whether there are more.
  const limit = format.limit === undefined ? undefined : format.limit + 1;
  const withoutParams = !(format.columns?.some(({ kind }) => kind === "param") ?? false);
  async function* read(order: Pick<RunSearch, "sort" | "limit" | "pageSize">): AsyncGenerator<RunSummary> {
    for await (const [hash, run] of searchRuns(http, { query, withoutParams, signal, ...order }))
      yield foundSummary(hash, run);
  }
  async function* batches(): AsyncGenerator<RunSummary[]> {
    const byServer = serverSort(sort);
    if (byServer === undefined)
      yield* inOrder(() => read({ pageSize: wholeList }), { sort, limit, progress: createProgress(out) });
    else for await (const run of read({ sort: byServer, limit })) yield [run];
  }
  const blocks = inBlocks(batches(), Math.min(blockRuns, limit ?? blockRuns));
  return explained(() => listRuns(out, blocks, format, remoteSource(http, signal)));
}

/** @throws MatyanError `not_found` for a name that the server has nothing of */
export async function checkRemoteNames(
  http: Http,
  { experiment, tag }: Pick<RunFilter, "experiment" | "tag">,
  signal: AbortSignal,
): Promise<void> {
  for (const [kind, name] of [
    ["experiment", experiment],
    ["tag", tag],
  ] as const) {
    if (name === undefined) continue;
    const listed = listOf(await http.json({ path: `${kind}s`, signal }));
    const names = listed.map((item) => String(fieldsOf(item, kind).get("name")));
    if (!names.includes(name)) throw unknownName(kind, name, names, "server");
  }
}

/** Runs that an error names. */
const namedRuns = 5;

/** @throws MatyanError `io`, when all else is listed, that names runs whose metrics the server did not give */
export function listRemoteMetrics(
  { out, signal }: Context,
  http: Http,
  query: string,
  limit: number | undefined,
): Promise<Listed> {
  const broken: string[] = [];
  async function* batches(): AsyncGenerator<FoundPoint[]> {
    for await (const [hash, run] of foundMetrics(http, query, broken, signal)) yield foundPoints(hash, run);
  }
  return explained(async () => {
    const listed = await listMetrics(out, batches(), limit, signal);
    if (broken.length === 0) return listed;
    const names = broken.slice(0, namedRuns).join(", ");
    const more = broken.length > namedRuns ? ` and ${broken.length - namedRuns} more` : "";
    throw new MatyanError("io", `${http.address} breaks off at metrics of the runs ${names}${more}`, {
      hint: "The others are listed. The existing Python server fails at metrics that begin or end with a missing value, which NaN and infinities are there.",
    });
  });
}

/** Metrics by run, each with its ends. Where the server breaks off, run by run: one that it fails at hides no others. */
async function* foundMetrics(
  http: Http,
  query: string,
  broken: string[],
  signal: AbortSignal,
): AsyncGenerator<FoundNode, void> {
  const search = (asked: string) => searchSequences(http, "metric", { query: asked, parameters: { p: 2 }, signal });
  const given = new Set<string>();
  try {
    for await (const found of search(query)) {
      given.add(found[0]);
      yield found;
    }
    return;
  } catch (error) {
    if (!isCutOff(error)) throw error;
  }
  for await (const [hash] of searchRuns(http, { query, withoutParams: true, withoutMetrics: true, signal })) {
    if (given.has(hash)) continue;
    try {
      yield* search(query.trim() === "" ? runQuery(hash) : `${runQuery(hash)} and (${query})`);
    } catch (error) {
      if (!isCutOff(error)) throw error;
      broken.push(hash);
    }
  }
}

/** A server does not tell which beginnings of hashes are unique: they are shown whole. */
export function remoteSource(http: Http, signal: AbortSignal): RunSource {
  return {
    readSparks: async ({ hash }, metrics) => {
      try {
        return (await sampleMetrics(http, hash, metrics, sparkCells, signal)).map(({ values }) => values);
      } catch (error) {
        // A run that is gone meanwhile, or that the server fails at, hides no others: it has no sparks.
        if (error instanceof ServerRefusal || (error instanceof MatyanError && error.code === "unsupported"))
          return metrics.map(() => []);
        throw error;
      }
    },
    shortHashes: async () => new Map(),
  };
}

/** Shows a complaint about the query in the query. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw shownInQuery(error);
  }
}

/** A server's complaint about the query, shown in the query; any other error as it is. */
export function shownInQuery(error: unknown): unknown {
  return error instanceof ServerRefusal && error.position !== undefined
    ? refusedByServer(error.message, error.position)
    : error;
}
