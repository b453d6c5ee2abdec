// Frames that clients send over a WebSocket: one object or an array of them, each checked on its own (pipeline.md 4.2, 4.3).
import { messageOf } from "../error.ts";
import { parseJson } from "../json.ts";
import { isMap, type Value, type ValueMap } from "../value.ts";
import { coerce, type FieldKind, Refused } from "./coerce.ts";
import { fastSeconds } from "./datetime.ts";
import { inputEcho, pythonType } from "./pythonRepr.ts";
import type { FrameContext, FrameItem, IngestMessage, ParsedFrame } from "./types.ts";
import { mendText } from "./wellFormed.ts";

interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  readonly required: boolean;
  readonly nullable: boolean;
  /** The value of an absent member; without one it stays out of the payload. */
  readonly fallback?: Value;
  /** Null stays out of the payload. */
  readonly dropNull?: boolean;
  /** Another name that is read when this one is absent. */
  readonly alias?: string;
  /** What cannot be used is left out instead of refused: a member that the existing models do not know. */
  readonly lenient?: boolean;
}

const must = (name: string, kind: FieldKind, more: Partial<Field> = {}): Field => ({
  ...{ name, kind, required: true, nullable: false },
  ...more,
});
const may = (name: string, kind: FieldKind, more: Partial<Field> = {}): Field => ({
  ...{ name, kind, required: false, nullable: true },
  ...more,
});

/**
 * The members of each type in the order of the payload (pipeline.md 1.5), with `client_datetime` kept for all that send it.
 * What the existing models don't know is in `messageExtensions` and never refused.
 */
const shapes = new Map<string, readonly Field[]>([
  [
    "create_run",
    [
      must("client_datetime", "moment"),
      may("force_resume", "bool", { nullable: false, fallback: false }),
      may("created_at", "float", { dropNull: true, lenient: true }),
    ],
  ],
  [
    "log_metric",
    [
      must("name", "text"),
      must("value", "float"),
      must("step", "int", { nullable: true }),
      must("epoch", "int", { nullable: true }),
      must("context", "map", { nullable: true }),
      must("dtype", "text", { nullable: true }),
      must("client_datetime", "moment"),
    ],
  ],
  ["log_hparams", [must("value", "map")]],
  ["finish_run", [may("client_datetime", "moment", { dropNull: true, lenient: true })]],
  [
    "set_run_property",
    [
      may("name", "text", { dropNull: true }),
      may("description", "text", { dropNull: true }),
      may("archived", "bool", { dropNull: true }),
      may("experiment", "text", { dropNull: true }),
    ],
  ],
  ["add_tag", [must("tag_name", "text")]],
  ["remove_tag", [must("tag_name", "text")]],
  [
    "log_custom_object",
    [
      must("name", "text"),
      must("value", "map"),
      may("step", "int", { fallback: null }),
      may("epoch", "int", { fallback: null }),
      may("context", "map", { fallback: null }),
      may("dtype", "text", { nullable: false, fallback: "custom" }),
      may("client_datetime", "moment", { dropNull: true }),
    ],
  ],
  [
    "log_terminal_line",
    [must("line", "text"), must("step", "int"), may("client_datetime", "moment", { dropNull: true, lenient: true })],
  ],
  [
    "log_record",
    [
      must("message", "text"),
      must("level", "int"),
      must("timestamp", "float"),
      may("logger_info", "list", { dropNull: true }),
      may("extra_args", "map", { dropNull: true }),
      may("step", "int", { dropNull: true, lenient: true }),
      may("client_datetime", "moment", { dropNull: true, lenient: true }),
    ],
  ],
  [
    "blob_ref",
    [
      must("s3_key", "text", { alias: "blob_key" }),
      must("artifact_path", "text"),
      may("content_type", "text", { nullable: false, fallback: "application/octet-stream" }),
    ],
  ],
]);

/**
 * Members beyond those of the existing system, which ignores them: what a run that moves from one server to another would
 * lose without them. Servers name them in `GET /version`, so that a sender knows what arrives.
 */
export const messageExtensions = [
  "create_run.created_at",
  "finish_run.client_datetime",
  "log_custom_object.client_datetime",
  "log_metric.client_datetime",
  "log_record.client_datetime",
  "log_record.step",
  "log_terminal_line.client_datetime",
] as const;

const unionName =
  "tagged-union[CreateRunWsRequest,LogMetricWsRequest,LogHParamsWsRequest,FinishRunWsRequest,SetRunPropertyWsRequest," +
  "AddTagWsRequest,RemoveTagWsRequest,LogCustomObjectWsRequest,LogTerminalLineWsRequest,LogRecordWsRequest,BlobRefWsRequest]";

/**
 * The messages of a frame, in order, each good or refused on its own. Half surrogate pairs, which no store can hold, are
 * replaced by U+FFFD. A text that is not JSON, or neither an object nor an array, gives one error for all.
 */
export function parseFrame(text: string | Uint8Array, context: FrameContext): ParsedFrame {
  let json: Value;
  try {
    json = mendText(parseJson(text), text);
  } catch (error) {
    return { error: messageOf(error) };
  }
  if (isMap(json)) return { items: [parseItem(json, 0, context)] };
  if (Array.isArray(json)) return { items: json.map((item, index) => parseItem(item, index, context)) };
  return { error: `a frame is an object or an array of objects, not ${pythonType(json)}` };
}

function parseItem(item: Value, index: number, context: FrameContext): FrameItem {
  if (!isMap(item)) {
    const reason = "Input should be a valid dictionary or object to extract fields from";
    return { ok: false, index, error: report([finding("", reason, "model_attributes_type", item)]) };
  }
  const type = item.get("type");
  const shape = typeof type === "string" ? shapes.get(type) : undefined;
  if (typeof type !== "string" || shape === undefined)
    return { ok: false, index, error: report([typeFinding(item, type)]) };
  const message = type === "log_metric" ? fastMetric(item, context) : undefined;
  if (message !== undefined) return { ok: true, message };
  const findings: string[] = [];
  const payload: ValueMap = new Map();
  for (const field of shape) readField(item, type, field, payload, findings);
  if (findings.length > 0) return { ok: false, index, error: report(findings) };
  return { ok: true, message: { type, runId: context.runId, timestamp: context.timestamp, payload } };
}

function readField(item: ValueMap, type: string, field: Field, payload: ValueMap, findings: string[]): void {
  let value = item.get(field.name);
  if (value === undefined && field.alias !== undefined) value = item.get(field.alias);
  if (value === undefined) {
    if (field.required) findings.push(finding(`${type}.${field.name}`, "Field required", "missing", item));
    else if (field.fallback !== undefined) payload.set(field.name, field.fallback);
    return;
  }
  if (value === null && field.nullable) {
    if (!field.dropNull) payload.set(field.name, null);
    return;
  }
  const coerced = coerce(field.kind, value);
  if (!(coerced instanceof Refused)) payload.set(field.name, coerced);
  else if (!field.lenient) findings.push(finding(`${type}.${field.name}`, coerced.reason, coerced.kind, value));
}

/**
 * The hot path: a metric as the Python client sends it, where nothing has to be coerced. The parsed object itself becomes
 * the payload, without the two members that the envelope holds.
 */
function fastMetric(item: ValueMap, context: FrameContext): IngestMessage | undefined {
  if (item.size !== 9 || typeof item.get("name") !== "string" || typeof item.get("value") !== "number")
    return undefined;
  const step = item.get("step");
  const epoch = item.get("epoch");
  const dtype = item.get("dtype");
  const labels = item.get("context");
  const time = item.get("client_datetime");
  if (typeof step !== "bigint" || (epoch !== null && typeof epoch !== "bigint")) return undefined;
  if ((dtype !== null && typeof dtype !== "string") || (labels !== null && !isMap(labels))) return undefined;
  if (typeof time !== "string" || Number.isNaN(fastSeconds(time)) || time.endsWith(".000000+00:00")) return undefined;
  if (!item.delete("run_id")) return undefined;
  item.delete("type");
  return { type: "log_metric", runId: context.runId, timestamp: context.timestamp, payload: item };
}

function typeFinding(item: ValueMap, type: Value | undefined): string {
  if (type === undefined)
    return finding("", "Unable to extract tag using discriminator 'type'", "union_tag_not_found", item);
  const known = [...shapes.keys()].map((name) => `'${name}'`).join(", ");
  const shown = typeof type === "string" ? `'${type.slice(0, 100)}'` : `'${inputEcho(type)}'`;
  const reason = `Input tag ${shown} found using 'type' does not match any of the expected tags: ${known}`;
  return finding("", reason, "union_tag_invalid", item);
}

function finding(path: string, reason: string, kind: string, input: Value): string {
  const detail = `  ${reason} [type=${kind}, input_value=${inputEcho(input)}, input_type=${pythonType(input)}]`;
  return path === "" ? detail : `${path}\n${detail}`;
}

function report(findings: readonly string[]): string {
  const count = findings.length === 1 ? "1 validation error" : `${findings.length} validation errors`;
  return `${count} for ${unionName}\n${findings.join("\n")}`;
}
