// GET /runs/search/run: the runs that match a query, in order, page by page (rest-api.md 2.8, 4.5).
import { StreamEncoder, type StreamTree } from "../../formats/stream.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { prepareQuery } from "../query/index.ts";
import {
  type FindRuns,
  findRuns,
  isNumeric,
  parseSort,
  type Run,
  RunReader,
  rest,
  type Step,
} from "../search/index.ts";
import { firstFloats } from "../store/floatColumns.ts";
import { readExtremes } from "../store/sequenceStats.ts";
import type { ApiRequest } from "./request.ts";
import type { ApiContext, Route } from "./route.ts";
import { answerFrames } from "./streams/answer.ts";
import { countAccess } from "./streams/countAccess.ts";
import { queryParameters } from "./streams/parameters.ts";
import { Progress } from "./streams/progress.ts";
import { lastOf, lastStepOf, noParams, propsOf, treeOf } from "./streams/runParts.ts";

interface Parts {
  readonly skipSystem: boolean;
  readonly excludeParams: boolean;
  readonly excludeTraces: boolean;
}

export function searchRunRoutes(context: ApiContext): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/runs/search/run",
      summary: "Search runs",
      usesTimezone: true,
      query: {
        ...queryParameters,
        limit: { type: "integer", description: "At most this many runs; 0 for all.", default: 0 },
        offset: { type: "string", description: "Hash of the run behind which to begin.", default: "" },
        sort: { type: "string", description: "JSON list of {field, order}; newest first by default.", default: "" },
        exclude_params: { type: "boolean", description: "Leave the parameters out.", default: false },
        exclude_traces: { type: "boolean", description: "Leave the metrics out.", default: false },
      },
      answer: { description: "A tree stream of runs by hash.", type: "application/octet-stream" },
      errors: [400],
      handle: (request) => handle(context, request),
    },
  ];
}

function handle(context: ApiContext, request: ApiRequest): Promise<Response> {
  const { query } = request;
  const progress = new Progress(query.bool("report_progress", true));
  const search: FindRuns = {
    query: prepareQuery(query.string("q", ""), { scope: "run", timezoneOffset: request.timezoneOffset }),
    order: parseSort(query.string("sort", "")),
    limit: query.int("limit", 0),
    offset: query.string("offset", ""),
    now: context.now(),
    onAccess: countAccess(context.metrics, "run_search"),
    onProgress: progress.note,
  };
  const parts: Parts = {
    skipSystem: query.bool("skip_system", true),
    excludeParams: query.bool("exclude_params", false),
    excludeTraces: query.bool("exclude_traces", false),
  };
  return answerFrames(request, context.store, (tx) => frames(tx, context, search, parts, progress), progress);
}

async function* frames(
  tx: ReadTransaction,
  { store }: ApiContext,
  search: FindRuns,
  parts: Parts,
  progress: Progress,
): AsyncGenerator<Step<Uint8Array>, void> {
  const reader = new RunReader(tx, store);
  const encoder = new StreamEncoder();
  let sent = 0;
  for await (const step of findRuns(reader, search)) {
    if (step === rest) {
      yield rest;
      continue;
    }
    if (sent++ === 0) yield progress.frame(0, step.total);
    yield encoder.tree(new Map([[step.run.hash, await runTree(reader, step.run, parts)]])).finish();
    yield progress.frame(step.checked, step.total);
  }
  yield progress.end();
}

async function runTree(reader: RunReader, run: Run, parts: Parts): Promise<StreamTree> {
  return treeOf({
    params: parts.excludeParams ? noParams : await run.params(parts.skipSystem),
    traces: treeOf({ metric: parts.excludeTraces ? [] : await metricTrees(reader, run) }),
    props: await propsOf(run),
  });
}

/** `min` and `max` are of the finite values; null where there is none, and where only reading all points could tell (W11). */
async function metricTrees({ tx, store }: RunReader, run: Run): Promise<StreamTree[]> {
  const metrics = (await run.traces()).filter(isNumeric);
  const refs = metrics.map(({ contextId, name }) => ({ hash: run.hash, contextId, name }));
  const firsts = await firstFloats(tx, store, refs);
  const extremes = await readExtremes(tx, store, run.hash, metrics);
  return metrics.map((trace, i) => {
    const last = lastOf(trace);
    const { min = null, max = null } = extremes[i]?.isEmpty ? {} : (extremes[i] ?? {});
    const values = { last, last_step: lastStepOf(trace), first: firsts[i] ?? last, min, max };
    return treeOf({ name: trace.name, context: trace.context, values: treeOf(values) });
  });
}
