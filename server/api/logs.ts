// GET /runs/{id}/logs and /log-records: what a run printed and logged (rest-api.md 2.9).
import { formatJson } from "../../formats/json.ts";
import { StreamEncoder } from "../../formats/stream.ts";
import { isMap, type Value } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { type HalfOpen, isEmptyRange, rest, type Step, stepsOf } from "../search/index.ts";
import type { Store } from "../store/index.ts";
import { bounds, readSequence, type SequenceRef, type StepRange } from "../store/sequences.ts";
import { recordSequence, terminalSequence } from "../workers/points.ts";
import { LogCounts } from "./logCounts.ts";
import type { ApiContext, Route } from "./route.ts";
import { answerFrames } from "./streams/answer.ts";
import { recordParameters } from "./streams/parameters.ts";
import { treeOf } from "./streams/runParts.ts";

/** Without a range the last lines are sent: this many steps. */
const lastSteps = 200n;
const pageSize = 500;

export function logRoutes(context: ApiContext): readonly Route[] {
  const { store } = context;
  const counts = new LogCounts();
  const query = { record_range: recordParameters.record_range };
  const refOf = (hash: string, name: string): SequenceRef => ({ hash, contextId: 0, name });
  return [
    {
      method: "GET",
      path: "/runs/:run_id/logs",
      summary: "Lines that a run printed",
      query,
      answer: { description: "A tree stream of lines by step.", type: "application/octet-stream" },
      handle: (request) => {
        const range = request.query.range("record_range");
        const ref = refOf(request.param("run_id"), terminalSequence);
        return answerFrames(request, store, (tx) => sendPoints(tx, store, ref, range, textOf));
      },
    },
    {
      method: "GET",
      path: "/runs/:run_id/log-records",
      summary: "Records that a run logged",
      query,
      answer: { description: "A tree stream: the count, then records by step.", type: "application/octet-stream" },
      handle: (request) => {
        const range = request.query.range("record_range");
        const ref = refOf(request.param("run_id"), recordSequence);
        return answerFrames(request, store, async function* (tx) {
          const count = await counts.count(tx, store, ref);
          yield new StreamEncoder().tree(new Map([["log_records_count", BigInt(count)]])).finish();
          yield* sendPoints(tx, store, ref, range, recordOf);
        });
      },
    },
  ];
}

async function* sendPoints(
  tx: ReadTransaction,
  store: Store,
  ref: SequenceRef,
  range: HalfOpen,
  nodeOf: (value: Value) => Value | ReturnType<typeof treeOf>,
): AsyncGenerator<Step<Uint8Array>, void> {
  const steps = await stepsToSend(tx, store, ref, range);
  if (steps === undefined) return;
  const encoder = new StreamEncoder();
  for (let { from } = steps; ; ) {
    let count = 0;
    for await (const batch of readSequence(tx, store, ref, { ...steps, from, limit: pageSize, columns: [] }))
      for (const { step, value } of batch) {
        encoder.tree(new Map([[step, nodeOf(value)]]));
        from = step + 1n;
        count++;
      }
    if (count > 0) yield encoder.finish();
    if (count < pageSize) return;
    yield rest;
  }
}

async function stepsToSend(
  tx: ReadTransaction,
  store: Store,
  ref: SequenceRef,
  range: HalfOpen,
): Promise<StepRange | undefined> {
  if (isEmptyRange(range)) return undefined;
  if (range.start !== undefined || range.stop !== undefined) return stepsOf(range);
  const all = await bounds(tx, store, ref);
  return all && { from: all.last - (lastSteps - 1n), to: all.last };
}

/** A terminal line is text; whatever else is stored is shown as JSON. */
function textOf(value: Value): string {
  return typeof value === "string" ? value : formatJson(value);
}

/** The fields that the UI reads, each of the type that it can show (W19). */
function recordOf(stored: Value): ReturnType<typeof treeOf> {
  const record = isMap(stored) ? stored : new Map<string, Value>([["message", stored]]);
  const message = record.get("message") ?? "";
  return treeOf({
    message: textOf(message),
    log_level: levelOf(record.get("log_level")),
    timestamp: record.get("timestamp") ?? 0n,
    args: record.get("args") ?? null,
    logger_info: record.get("logger_info") ?? null,
    is_notified: true,
  });
}

const levelNames: Readonly<Record<string, string>> = {
  "10": "DEBUG",
  "20": "INFO",
  "30": "WARNING",
  "40": "ERROR",
  // The UI knows no more than four levels, and fails on any other.
  "50": "ERROR",
  DEBUG: "DEBUG",
  INFO: "INFO",
  WARNING: "WARNING",
  WARN: "WARNING",
  ERROR: "ERROR",
  CRITICAL: "ERROR",
  FATAL: "ERROR",
};

function levelOf(level: Value | undefined): string {
  const known = typeof level === "string" ? level.toUpperCase() : String(level);
  return Object.hasOwn(levelNames, known) ? levelNames[known]! : "INFO";
}
