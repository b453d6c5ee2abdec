// POST /runs/{id}/T/get-batch and get-step: objects of some sequences of one run (rest-api.md 1.6, 2.9).
import { StreamEncoder } from "../../formats/stream.ts";
import type { ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { isOfScope, Run, RunReader, type RunTrace, rest, type Step, sameValue } from "../search/index.ts";
import { readMeta } from "../store/runs.ts";
import { lastStep, readPoint, type SequenceRef } from "../store/sequences.ts";
import type { BlobUris } from "./blobUri.ts";
import { type CustomScope, customScopes, isListScope, itemOf, itemsOf } from "./customItems.ts";
import { type Choice, totalRange, usedRange, writeValues } from "./customSteps.ts";
import type { ApiRequest } from "./request.ts";
import type { ApiContext, Route } from "./route.ts";
import { missingRun } from "./runAccess.ts";
import { dictionary, list, object, readBody, text } from "./schema.ts";
import { readChoice } from "./searchCustom.ts";
import { answerFrames } from "./streams/answer.ts";
import { indexParameters, recordParameters } from "./streams/parameters.ts";

const tracesBody = list(object({ name: text, context: dictionary }));
type TraceRef = { readonly name: string; readonly context: ValueMap };

export function customBatchRoutes(context: ApiContext, uris: BlobUris): readonly Route[] {
  const answer = {
    description: "A tree stream: one object for each sequence.",
    type: "application/octet-stream",
  } as const;
  return customScopes.flatMap((scope): Route[] => [
    {
      method: "POST",
      path: `/runs/:run_id/${scope}/get-batch`,
      summary: `Some steps of ${scope} of a run`,
      query: { ...recordParameters, ...indexParameters },
      body: tracesBody.schema,
      answer,
      errors: [404],
      handle: (request) => handle(context, uris, request, scope, undefined),
    },
    {
      method: "POST",
      path: `/runs/:run_id/${scope}/get-step`,
      summary: `One step of ${scope} of a run`,
      query: {
        record_step: { type: "integer", description: "The step; -1 for the last.", default: -1 },
        ...indexParameters,
      },
      body: tracesBody.schema,
      answer,
      errors: [404],
      handle: (request) => handle(context, uris, request, scope, request.query.step("record_step", -1n)),
    },
  ]);
}

/** @param step undefined for a batch. */
async function handle(
  context: ApiContext,
  uris: BlobUris,
  request: ApiRequest,
  scope: CustomScope,
  step: bigint | undefined,
): Promise<Response> {
  const choice = readChoice(request, scope);
  const refs = await readBody(request, tracesBody);
  const hash = request.param("run_id");
  const { store } = context;
  const meta = await store.database.snapshot((tx) => readMeta(tx, store, hash));
  if (!meta?.has("created_at")) throw missingRun(hash);
  return answerFrames(request, store, (tx) => frames(tx, context, uris, hash, meta, refs, choice, step));
}

async function* frames(
  tx: ReadTransaction,
  { store }: ApiContext,
  uris: BlobUris,
  hash: string,
  meta: ValueMap,
  refs: readonly TraceRef[],
  choice: Choice,
  step: bigint | undefined,
): AsyncGenerator<Step<Uint8Array>, void> {
  const reader = new RunReader(tx, store);
  const traces = (await new Run(reader, hash, meta).traces()).filter((trace) => isOfScope(choice.scope, trace));
  for (const { name, context } of refs) {
    const trace = traces.find((stored) => stored.name === name && sameValue(stored.context, context));
    if (trace === undefined) continue;
    const ref = { hash, contextId: trace.contextId, name };
    const encoder = new StreamEncoder();
    if (step === undefined) yield* writeBatch(encoder, reader, ref, trace, choice, uris);
    else yield* writeStep(encoder, reader, ref, trace, choice, uris, step);
    yield rest;
  }
}

async function* writeBatch(
  encoder: StreamEncoder,
  reader: RunReader,
  ref: SequenceRef,
  trace: RunTrace,
  choice: Choice,
  uris: BlobUris,
): AsyncGenerator<Uint8Array, void> {
  encoder.entry(["name"], trace.name).entry(["context"], trace.context);
  const { steps, longest } = yield* writeValues(encoder, ["values"], reader, ref, choice, uris, true);
  const used: readonly bigint[] = steps.length === 0 ? [0n, 0n] : [steps[0]!, steps[steps.length - 1]! + 1n];
  yield await writeRanges(encoder, reader, trace, ref.hash, choice, steps, used, Math.max(1, longest));
}

/** The one step, its items directly in `values`. Nothing when there is no such step. */
async function* writeStep(
  encoder: StreamEncoder,
  reader: RunReader,
  ref: SequenceRef,
  trace: RunTrace,
  choice: Choice,
  uris: BlobUris,
  wanted: bigint,
): AsyncGenerator<Uint8Array, void> {
  const { tx, store } = reader;
  const step = wanted === -1n ? await lastStep(tx, store, ref) : isStep(wanted) ? wanted : undefined;
  const point = step === undefined ? undefined : await readPoint(tx, store, ref, step);
  if (step === undefined || point === undefined) return;
  const uriOf = (index: number) => uris.uri({ ...ref, step, index });
  const { scope } = choice;
  // Here a range concerns only what was logged as a list.
  const items =
    isListScope(scope) && Array.isArray(point.value)
      ? itemsOf(scope, point.value, choice.index, uriOf).items
      : [itemOf(scope, point.value, 0, uriOf)];
  encoder.entry(["name"], trace.name).entry(["context"], trace.context).entry(["values"], items);
  yield await writeRanges(encoder, reader, trace, ref.hash, choice, [step], [step, step], items.length);
}

/** Whether a step can be asked for by its number: negative ones mean nothing here. */
function isStep(wanted: bigint): boolean {
  return wanted >= 0n && BigInt.asIntN(64, wanted) === wanted;
}

async function writeRanges(
  encoder: StreamEncoder,
  reader: RunReader,
  trace: RunTrace,
  hash: string,
  { scope, index }: Choice,
  steps: readonly bigint[],
  used: readonly bigint[],
  longest: number,
): Promise<Uint8Array> {
  const isList = isListScope(scope);
  const indexTotal: readonly [bigint, bigint] = [0n, BigInt(longest)];
  return encoder
    .entry(["iters"], steps)
    .entry(["record_range_used"], used)
    .entry(["record_range_total"], (await totalRange(reader, hash, [trace])) ?? [0n, 0n])
    .entry(["index_range_used"], isList ? usedRange(index.range, indexTotal) : null)
    .entry(["index_range_total"], isList ? indexTotal : null)
    .finish();
}
