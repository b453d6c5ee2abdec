// The points of an archive as messages of a frontier, and what no message can carry (pipeline.md 4.3).
import { contextId } from "../../formats/context.ts";
import { compact } from "../../formats/messages/index.ts";
import { isMap, mapOf, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { RunDocuments } from "../../server/archive/archivedRun.ts";
import { guessType } from "../../server/archive/restoreValues.ts";
import { isMetric } from "../../server/store/traces.ts";
import { recordSequence, terminalSequence } from "../../server/workers/points.ts";
import { clientTime, Messages } from "../client/messages.ts";
import type { Item } from "../client/outbox.ts";

export interface ArchivedPoint {
  readonly contextId: number;
  readonly name: string;
  readonly dtype: string;
  readonly step: bigint;
  readonly value: Value;
  readonly epoch: bigint | undefined;
  readonly time: number | undefined;
}

/** How a point goes, and so where the API shows it. */
export type PointForm = "metric" | "object" | "line" | "record";

export interface SentPoint {
  readonly item: Item;
  readonly form: PointForm;
  readonly dtype: string;
}

/** What of a point its message does not carry, in the words of a note; counted. */
export type Loss = (what: string) => void;

/** Seconds that a datetime of a message can hold: years 1 to 9999. */
const earliest = -62_135_596_800;
const latest = 253_402_300_799;
/** Text of one parameter message; larger objects are sent member by member, since the existing broker takes 1 MiB. */
const paramBytes = 500_000;

export class PointMessages {
  readonly #hash: string;
  readonly #messages: Messages;
  readonly #contexts = new Map<number, string | undefined>();
  readonly #documents: RunDocuments;
  readonly #keepsTimes: boolean;
  /** For points of which the archive does not say when: messages must name a time, and the same one each time. */
  readonly #untimed: string;

  constructor(hash: string, documents: RunDocuments, keepsTimes: boolean) {
    this.#hash = hash;
    this.#messages = new Messages(hash);
    this.#documents = documents;
    this.#keepsTimes = keepsTimes;
    this.#untimed = timeText(toNumber(documents.meta.get("created_at"))) ?? clientTime(0);
  }

  /** Undefined for a point that no message carries; `lose` is told why, and what else stays behind. */
  of(point: ArchivedPoint, lose: Loss): SentPoint | undefined {
    const { name, dtype, value } = point;
    const isPlain = point.contextId === 0;
    if (dtype === "logs" && name === terminalSequence && isPlain) return this.#line(point, lose);
    if (dtype === "log_records" && name === recordSequence && isPlain) return this.#record(point, lose);
    if (dtype === "logs" || dtype === "log_records")
      return lost(lose, `points of '${name}': logs of a run have one place, without a context`);
    const context = this.#contextText(point.contextId);
    if (context === undefined) return lost(lose, "points of a context that the archive does not describe");
    const fields = { name, step: point.step, epoch: point.epoch ?? null, context, time: this.#time(point, lose) };
    if (isMap(value)) {
      const type = isMetric({ dtype }) ? guessType(name, value) : dtype;
      return { item: this.#messages.object(value, quotable(type), fields), form: "object", dtype: type };
    }
    const number = typeof value === "boolean" ? Number(value) : value === null ? Number.NaN : toNumber(value);
    if (Array.isArray(value)) return lost(lose, "points with a list of objects, which no message carries");
    if (number === undefined || (value === null && !isMetric({ dtype })))
      return lost(lose, `points of '${name}' that are neither a number nor an object`);
    if (value === null) lose("missing values (null) of metrics are sent as NaN");
    else if (typeof value === "bigint") lose("integer values of metrics are sent as floats");
    const type = isMetric({ dtype }) ? dtype : "float";
    return { item: this.#messages.metric(number, quotable(type), fields), form: "metric", dtype: type };
  }

  createRun(start: number, createdAt: number): Item {
    return item("create_run", this.#hash, {
      client_datetime: timeText(start) ?? clientTime(0),
      force_resume: true,
      created_at: createdAt,
    });
  }

  finishRun(end: number): Item {
    return this.#messages.finishRun(timeText(end) ?? clientTime(0));
  }

  /** An object that is large goes member by member. Objects of one member are descended into by the server. */
  *params(attrs: ValueMap): Generator<Item> {
    for (const [key, value] of attrs) yield* this.#param([key], value);
  }

  *#param(path: readonly string[], value: Value): Generator<Item> {
    const text = compact(value);
    if (isMap(value) && value.size > 1 && text.length > paramBytes) {
      for (const [key, member] of value) yield* this.#param([...path, key], member);
      return;
    }
    yield this.#messages.params(path.reduceRight<Value>((inner, key) => new Map([[key, inner]]), value) as ValueMap);
  }

  #line({ step, value, time }: ArchivedPoint, lose: Loss): SentPoint | undefined {
    if (typeof value !== "string") return lost(lose, "terminal lines that are no text");
    if (time === undefined) lose(untimedNote);
    const fields = { line: value, step, client_datetime: timeText(time) ?? this.#untimed };
    return { item: item("log_terminal_line", this.#hash, fields), form: "line", dtype: "logs" };
  }

  #record({ step, value, time }: ArchivedPoint, lose: Loss): SentPoint | undefined {
    const record = isMap(value) ? value : new Map<string, Value>();
    const message = record.get("message");
    const level = record.get("log_level") ?? 20n;
    const args = record.get("args") ?? undefined;
    const place = record.get("logger_info") ?? undefined;
    const isFit = (args === undefined || isMap(args)) && (place === undefined || Array.isArray(place));
    if (typeof message !== "string" || typeof level !== "bigint" || !isFit)
      return lost(lose, "log records whose message, level, arguments or place are of another kind");
    if (time === undefined) lose(untimedNote);
    const fields = {
      message,
      level,
      timestamp: toNumber(record.get("timestamp")) ?? 0,
      logger_info: place,
      extra_args: args,
      step,
      client_datetime: timeText(time) ?? this.#untimed,
    };
    return { item: item("log_record", this.#hash, fields), form: "record", dtype: "log_records" };
  }

  #time({ time }: ArchivedPoint, lose: Loss): string {
    const text = timeText(time);
    if (text !== undefined) return text;
    if (this.#keepsTimes) lose(untimedNote);
    return this.#untimed;
  }

  #contextText(id: number): string | undefined {
    if (!this.#contexts.has(id)) {
      const context = id === 0 ? new Map<string, Value>() : this.#documents.contexts.get(id);
      this.#contexts.set(id, context && compact(context));
    }
    return this.#contexts.get(id);
  }
}

const untimedNote = "points without a time in the archive are dated by the run's creation";

function lost(lose: Loss, what: string): undefined {
  lose(`not sent: ${what}`);
}

/** Undefined for a time that no message can hold. */
function timeText(seconds: number | undefined): string | undefined {
  return seconds !== undefined && seconds >= earliest && seconds <= latest ? clientTime(seconds) : undefined;
}

/** As it stands between quotes. */
function quotable(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function item(type: string, runId: string, fields: Record<string, Value | undefined>): Item {
  return { type, text: compact(mapOf({ type, run_id: runId, ...fields })) };
}

/** The id under which the server keeps a context. */
export function sentContextId(documents: RunDocuments, id: number): number {
  return contextId(documents.contexts.get(id) ?? null);
}
