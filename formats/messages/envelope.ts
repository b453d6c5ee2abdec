// The text of a message on its topic: what the existing services write and read (pipeline.md 1.3-1.6).
import { MatyanError } from "../error.ts";
import { jsonScalar, parseJson, quoteAscii } from "../json.ts";
import { isMap, type Value, type ValueMap } from "../value.ts";
import { formatTimestamp, isRefusal, parseMoment } from "./datetime.ts";
import { inputEcho } from "./pythonRepr.ts";
import type { ControlEvent, IngestMessage } from "./types.ts";
import { mendText } from "./wellFormed.ts";

/** A message from its text. @throws MatyanError `corrupt` for what is not JSON, else as `parseEnvelope`. */
export function parseMessage(text: string | Uint8Array): IngestMessage {
  return parseEnvelope(mendText(parseJson(text), text));
}

/**
 * A message of `data-ingestion`. Members that it does not know are ignored; the payload is taken as it is.
 * @throws MatyanError `usage` naming the member that is wrong.
 */
export function parseEnvelope(json: Value): IngestMessage {
  const { fields, type, timestamp, payload } = readCommon(json);
  const runId = fields.get("run_id");
  if (typeof runId !== "string") throw wrong("run_id", "a text", runId);
  return { type, runId, timestamp, payload };
}

/** An event of `control-events`. @throws MatyanError `usage` */
export function parseControlEvent(json: Value): ControlEvent {
  const { type, timestamp, payload } = readCommon(json);
  return { type, timestamp, payload };
}

function readCommon(json: Value): { fields: ValueMap; type: string; timestamp: number; payload: ValueMap } {
  if (!isMap(json)) throw new MatyanError("usage", `a message is an object, not ${inputEcho(json)}`);
  const type = json.get("type");
  if (typeof type !== "string") throw wrong("type", "a text", type);
  const moment = parseMoment(json.get("timestamp"));
  if (isRefusal(moment)) throw wrong("timestamp", "a moment", json.get("timestamp"));
  const payload = json.get("payload");
  if (!isMap(payload)) throw wrong("payload", "an object", payload);
  return { fields: json, type, timestamp: moment.seconds, payload };
}

function wrong(member: string, expected: string, value: Value | undefined): MatyanError {
  const found = value === undefined ? "there is none" : `it is ${inputEcho(value)}`;
  return new MatyanError("usage", `the member '${member}' of a message must be ${expected}: ${found}`, {
    hint: "A message has the members type, run_id, timestamp and payload.",
  });
}

/** One line of JSON without spaces, text raw, floats with a point or an exponent. Reads back to the same message. */
export function formatEnvelope(message: IngestMessage): string {
  const head = `{"type":${quote(message.type)},"run_id":${quote(message.runId)}`;
  return `${head},"timestamp":"${formatTimestamp(message.timestamp)}","payload":${compact(message.payload)}}`;
}

export function formatControlEvent(event: ControlEvent): string {
  const timestamp = formatTimestamp(event.timestamp);
  return `{"type":${quote(event.type)},"timestamp":"${timestamp}","payload":${compact(event.payload)}}`;
}

/** JSON without spaces. Bytes and moments, which no message holds, are refused as a defect of the caller. */
export function compact(value: Value): string {
  const scalar = jsonScalar(value, quote);
  if (scalar !== undefined) return scalar;
  if (Array.isArray(value)) return `[${value.map(compact).join(",")}]`;
  if (!isMap(value)) throw new Error("a message holds only what JSON knows");
  let text = "{";
  for (const [key, item] of value) text += `${text.length === 1 ? "" : ","}${quote(key)}:${compact(item)}`;
  return `${text}}`;
}

/** Raw text where it can be sent so; a lone surrogate only as an escape. */
function quote(text: string): string {
  return text.isWellFormed() ? JSON.stringify(text) : quoteAscii(text);
}
