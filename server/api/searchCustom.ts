// GET /runs/search/{images,texts,distributions,audios,figures} (rest-api.md 1.6, 2.8).
import { StreamEncoder, type StreamNode } from "../../formats/stream.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { type PreparedQuery, prepareQuery } from "../query/index.ts";
import { type FoundSequences, findSequences, RunReader, rest, type Step } from "../search/index.ts";
import type { BlobUris } from "./blobUri.ts";
import { type CustomScope, customScopes, isListScope } from "./customItems.ts";
import { type Choice, totalRange, usedRange, writeValues } from "./customSteps.ts";
import type { ApiRequest } from "./request.ts";
import type { ApiContext, Route } from "./route.ts";
import { answerFrames } from "./streams/answer.ts";
import { countAccess } from "./streams/countAccess.ts";
import { indexParameters, queryParameters, recordParameters } from "./streams/parameters.ts";
import { Progress } from "./streams/progress.ts";
import { propsOf, treeOf } from "./streams/runParts.ts";

export function searchCustomRoutes(context: ApiContext, uris: BlobUris): readonly Route[] {
  return customScopes.map((scope) => ({
    method: "GET",
    path: `/runs/search/${scope}`,
    summary: `Search ${scope}`,
    usesTimezone: true,
    query: { ...queryParameters, ...recordParameters, ...indexParameters },
    answer: { description: "A tree stream of runs by hash.", type: "application/octet-stream" },
    errors: [400],
    handle: (request) => handle(context, uris, request, scope),
  }));
}

function handle(context: ApiContext, uris: BlobUris, request: ApiRequest, scope: CustomScope): Promise<Response> {
  const { query, timezoneOffset } = request;
  const prepared = prepareQuery(query.string("q", ""), { scope, timezoneOffset });
  const choice = readChoice(request, scope);
  const skipSystem = query.bool("skip_system", true);
  const progress = new Progress(query.bool("report_progress", true));
  const write = (reader: RunReader, encoder: StreamEncoder, found: FoundSequences) =>
    writeRun(encoder, reader, found, choice, uris, skipSystem);
  return answerFrames(request, context.store, (tx) => frames(tx, context, prepared, progress, write), progress);
}

/** The ranges and densities of a request. */
export function readChoice({ query }: ApiRequest, scope: CustomScope): Choice {
  return {
    scope,
    record: { range: query.range("record_range"), density: query.int("record_density", 50) },
    index: { range: query.range("index_range"), density: query.int("index_density", 5) },
  };
}

async function* frames(
  tx: ReadTransaction,
  { store, now, metrics }: ApiContext,
  query: PreparedQuery,
  progress: Progress,
  write: (reader: RunReader, encoder: StreamEncoder, found: FoundSequences) => AsyncGenerator<Uint8Array, void>,
): AsyncGenerator<Step<Uint8Array>, void> {
  const reader = new RunReader(tx, store);
  const encoder = new StreamEncoder();
  const onAccess = countAccess(metrics, "iter_matching_sequences");
  for await (const step of findSequences(reader, query, { now: now(), onAccess, onProgress: progress.note })) {
    if (step === rest) yield rest;
    else {
      yield* write(reader, encoder, step);
      yield progress.seldom(step.checked + 1, step.total);
    }
  }
  yield progress.end();
}

async function* writeRun(
  encoder: StreamEncoder,
  reader: RunReader,
  { run, traces }: FoundSequences,
  choice: Choice,
  uris: BlobUris,
  skipSystem: boolean,
): AsyncGenerator<Uint8Array, void> {
  const { hash } = run;
  encoder.entry([hash, "params"], await run.params(skipSystem)).entry([hash, "traces"], []);
  let longest = 1;
  for (let i = 0; i < traces.length; i++) {
    const { contextId, name, context } = traces[i]!;
    const path = [hash, "traces", BigInt(i)];
    encoder.entry([...path, "name"], name).entry([...path, "context"], context);
    const ref = { hash, contextId, name };
    const written = yield* writeValues(encoder, [...path, "values"], reader, ref, choice, uris, false);
    encoder.entry([...path, "iters"], written.steps);
    encoder.entry([...path, "epochs"], written.epochs);
    encoder.entry([...path, "timestamps"], written.times);
    longest = Math.max(longest, written.longest);
  }
  encoder.entry([hash, "props"], await propsOf(run));
  const total = (await totalRange(reader, hash, traces)) ?? [0n, 0n];
  const indexTotal: readonly [bigint, bigint] = [0n, BigInt(longest)];
  const ranges: Record<string, StreamNode> = {
    record_range_total: total,
    record_range_used: usedRange(choice.record.range, total),
  };
  if (isListScope(choice.scope)) {
    ranges["index_range_total"] = indexTotal;
    ranges["index_range_used"] = usedRange(choice.index.range, indexTotal);
  }
  yield encoder.entry([hash, "ranges"], treeOf(ranges)).finish();
}
