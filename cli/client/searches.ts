// Searches of the API as streams of objects by run. The command line and `Repo` make their own shapes of them.
import { MatyanError } from "../../formats/error.ts";
import type { StreamNode } from "../../formats/stream.ts";
import { pause, pauseMs } from "./backoff.ts";
import { type ApiCall, BrokenAnswer, type Http } from "./http.ts";
import { readObjects, type SearchProgress } from "./searchStream.ts";

export interface SearchOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: SearchProgress) => void;
}

export interface RunSearch extends SearchOptions {
  readonly query?: string;
  /** At most so many runs; all by default. */
  readonly limit?: number | undefined;
  /** JSON list of `{field, order}` (rest-api.md 4.5); newest first by default. */
  readonly sort?: string | undefined;
  /** Also what the client noted of its machine. */
  readonly withSystem?: boolean;
  readonly withoutParams?: boolean;
  readonly withoutMetrics?: boolean;
  /** Runs asked for at a time; 50. */
  readonly pageSize?: number;
}

/** A text of the query language, as all servers read it. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The query for one run by its hash. `run.archived` is mentioned so that an archived run is found too. */
export function runQuery(hash: string): string {
  return `run.hash == ${quoted(hash)} and run.archived in (True, False)`;
}

export interface RunFilter {
  readonly query?: string | undefined;
  /** Exact names. */
  readonly experiment?: string | undefined;
  readonly tag?: string | undefined;
}

/** A query for what all parts of the filter are true for; `""` for all that is not archived. */
export function filterText({ query, experiment, tag }: RunFilter): string {
  return [
    ...(query === undefined ? [] : [`(${query})`]),
    ...(experiment === undefined ? [] : [`run.experiment == ${quoted(experiment)}`]),
    ...(tag === undefined ? [] : [`${quoted(tag)} in run.tags`]),
  ].join(" and ");
}

export type FoundNode = readonly [hash: string, run: StreamNode];

/** Broken answers after each other, without a run between, after which a search is given up. */
const mostBreaks = 4;

/**
 * The runs that match, page by page; those of the existing server in one answer. An answer that breaks off goes on behind the
 * last run that came: none is given twice, and none is left out.
 * @throws MatyanError `usage` (ServerRefusal) for a query that the server does not take.
 */
export async function* searchRuns(http: Http, search: RunSearch): AsyncGenerator<FoundNode, void> {
  const { query = "", limit = Number.POSITIVE_INFINITY, pageSize = 50, signal, onProgress } = search;
  let offset = "";
  let given = 0;
  let breaks = 0;
  const hasPages = await http.hasPages(signal);
  while (given < limit) {
    const wanted = hasPages ? Math.min(pageSize, limit - given) : Number.POSITIVE_INFINITY;
    let onPage = 0;
    const call: ApiCall = {
      path: "runs/search/run",
      query: {
        q: query,
        limit: hasPages ? wanted : undefined,
        offset: offset || undefined,
        sort: search.sort,
        skip_system: search.withSystem !== true,
        exclude_params: search.withoutParams || undefined,
        exclude_traces: search.withoutMetrics || undefined,
      },
      signal,
    };
    try {
      const found = readObjects(http.bytes(call), { isSearch: true, onProgress });
      for await (const [key, node] of hasPages ? found : toTheEnd(found)) {
        if (given === limit) continue;
        offset = String(key);
        onPage++;
        given++;
        breaks = 0;
        yield [offset, node];
      }
    } catch (error) {
      signal?.throwIfAborted();
      const mayPass = error instanceof BrokenAnswer || (error instanceof MatyanError && error.code === "corrupt");
      if (!mayPass || ++breaks >= mostBreaks) throw told(http, error);
      await pause(http.timing, pauseMs(http.backoff, breaks, http.timing.random), signal);
      continue;
    }
    if (onPage < wanted) return;
  }
}

/** Reads on when nobody wants more: a thread of the existing server would wait for its reader for ever, and it has 16 (W1). */
async function* toTheEnd<T>(items: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  try {
    for (let item = await items.next(); !item.done; item = await items.next()) yield item.value;
  } finally {
    while (!(await items.next()).done);
  }
}

export interface SequenceSearch extends SearchOptions {
  readonly query?: string;
  readonly withSystem?: boolean;
  /** Further parameters of the route, such as `p` or `record_range`. */
  readonly parameters?: ApiCall["query"];
}

/** `metric`, or a kind of objects: `images`, `texts`, `distributions`, `audios`, `figures`. In no order that means something. */
export async function* searchSequences(
  http: Http,
  kind: string,
  search: SequenceSearch,
): AsyncGenerator<FoundNode, void> {
  const { query = "", signal, onProgress } = search;
  const call: ApiCall = {
    path: `runs/search/${kind}`,
    query: { q: query, skip_system: search.withSystem !== true, ...search.parameters },
    signal,
  };
  const hasPages = await http.hasPages(signal);
  try {
    const found = readObjects(http.bytes(call), { isSearch: true, onProgress });
    for await (const [key, node] of hasPages ? found : toTheEnd(found)) yield [String(key), node];
  } catch (error) {
    signal?.throwIfAborted();
    throw told(http, error);
  }
}

/** Whether a search failed because its answer ended too early. */
export function isCutOff(error: unknown): boolean {
  return error instanceof MatyanError && error.cause instanceof BrokenAnswer;
}

function told(http: Http, error: unknown): unknown {
  if (!(error instanceof BrokenAnswer)) return error;
  return new MatyanError("io", `the answer of ${http.address} was cut off: ${error.message}`, {
    hint:
      "What came before is right, but not all. Ask again; the server's log may say why. " +
      "The existing Python server breaks off at a metric with missing values, which NaN and infinities are there.",
    cause: error,
  });
}
