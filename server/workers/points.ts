// Messages that add a point to a sequence: metrics, objects, terminal lines, log records (storage.md 2.6-2.10).

import type { IngestMessage } from "../../formats/messages/index.ts";
import { encodeValue } from "../../formats/msgpack.ts";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { rememberedStep, rememberStep } from "../store/applied.ts";
import type { StagedValue } from "../store/largeValues.ts";
import { cachedContextId } from "./contextIds.ts";
import { clientTime, readFloat, readInteger, readList, readMap, readText, refuse, requireText } from "./payload.ts";
import type { RunWriter } from "./runWriter.ts";
import type { SequenceBuffer, Step } from "./sequenceBuffer.ts";

export const terminalSequence = "logs";
export const recordSequence = "__log_records";

export async function logMetric(run: RunWriter, message: IngestMessage): Promise<void> {
  const name = requireText(message, "name");
  const value = readFloat(message, "value") ?? null;
  if (value === null && !message.payload.has("value")) throw refuse(message, "value", "Field required");
  const buffer = await sequenceOf(run, message, name);
  const epoch = readInteger(message, "epoch");
  const time = clientTime(message);
  const dtype = readText(message, "dtype") || "float";
  const step = readInteger(message, "step") ?? (await newStep(run, message, buffer, [value, epochOf(epoch)], time));
  if (step === undefined) return;
  await buffer.add(run.tx, {
    ...{ step, value, epoch, dtype, last: value },
    ...{ time: time ?? message.timestamp, isClientTime: time !== undefined },
  });
}

export async function logObject(run: RunWriter, message: IngestMessage, staged?: StagedValue): Promise<void> {
  const name = requireText(message, "name");
  const value = objectValue(message);
  const buffer = await sequenceOf(run, message, name);
  const epoch = readInteger(message, "epoch");
  const time = clientTime(message);
  const dtype = readText(message, "dtype") || "custom";
  const step = staged
    ? await stagedStep(run, message, buffer)
    : (readInteger(message, "step") ?? (await newStep(run, message, buffer, [value, epochOf(epoch)], time)));
  if (step === undefined) return;
  await buffer.add(run.tx, {
    ...{ step, value: staged ?? value, epoch, dtype, last: 0 },
    ...{ time: time ?? message.timestamp, isClientTime: time !== undefined },
  });
}

export async function logTerminalLine(run: RunWriter, message: IngestMessage, staged?: StagedValue): Promise<void> {
  const line = requireText(message, "line");
  const step = readInteger(message, "step");
  if (step === undefined) throw refuse(message, "step", "Field required");
  const buffer = await run.sequence(terminalSequence, 0, undefined);
  const time = clientTime(message);
  await buffer.add(run.tx, {
    ...{ step, value: staged ?? line, epoch: undefined, dtype: "logs", last: 0 },
    ...{ time: time ?? message.timestamp, isClientTime: time !== undefined },
  });
}

export async function logRecord(run: RunWriter, message: IngestMessage, staged?: StagedValue): Promise<void> {
  const value = recordValue(message);
  const buffer = await run.sequence(recordSequence, 0, undefined);
  // The record's own time is in its value, so the value alone tells a record from another.
  const step = staged
    ? await stagedStep(run, message, buffer)
    : (readInteger(message, "step") ?? (await newStep(run, message, buffer, [value], 0)));
  if (step === undefined) return;
  const time = clientTime(message);
  await buffer.add(run.tx, {
    ...{ step, value: staged ?? value, epoch: undefined, dtype: "log_records", last: 0 },
    ...{ time: time ?? message.timestamp, isClientTime: time !== undefined },
  });
}

/** A map as a rule. Lists of maps (several objects at one step) and others come in dumps, and readers know them. */
function objectValue(message: IngestMessage): Value {
  const value = message.payload.get("value");
  if (value === undefined) throw refuse(message, "value", "Field required");
  return value;
}

function recordValue(message: IngestMessage): ValueMap {
  const level = recordLevel(message);
  // The real client always says when; what others send without it happened when they sent it, more or less.
  const timestamp = readFloat(message, "timestamp") ?? message.timestamp;
  return mapOf({
    message: requireText(message, "message"),
    log_level: level,
    timestamp,
    args: readMap(message, "extra_args") ?? null,
    logger_info: readList(message, "logger_info") ?? null,
  });
}

/** A number, or a word such as `INFO` as some producers write it and readers show it (rest-api.md 2.9). */
function recordLevel(message: IngestMessage): Value {
  const given = message.payload.get("level");
  if (typeof given === "string" && !/^\s*[+-]?\d/.test(given)) return given;
  const level = readInteger(message, "level");
  if (level === undefined) throw refuse(message, "level", "Field required");
  return BigInt(level);
}

function sequenceOf(run: RunWriter, message: IngestMessage, name: string): SequenceBuffer | Promise<SequenceBuffer> {
  const context = readMap(message, "context");
  const contextId = cachedContextId(context);
  return run.known(name, contextId) ?? run.sequence(name, contextId, context);
}

function epochOf(epoch: Step | undefined): Value {
  return epoch === undefined ? null : BigInt(epoch);
}

/**
 * The step of a point that came without one: behind the others, and remembered under the point's content and time, so
 * that the same point coming again (undefined) is known. Its time is the client's; without one the message's has to do.
 */
async function newStep(
  run: RunWriter,
  message: IngestMessage,
  buffer: SequenceBuffer,
  content: Value[],
  time: number | undefined,
): Promise<bigint | undefined> {
  const identity = identityOf(content, time ?? message.timestamp);
  if ((await rememberedStep(run.tx, run.store, buffer.ref, identity)) !== undefined) return undefined;
  const step = await buffer.nextStep(run.tx);
  rememberStep(run.tx, run.store, buffer.ref, identity, step);
  return step;
}

function identityOf(content: Value[], time: number): Uint8Array {
  const bytes = encodeValue([...content, time]);
  return new Uint8Array(new Bun.CryptoHasher("sha256").update(bytes).digest()).slice(0, 16);
}

/** Gives the large point of a message its step ahead of its value, and remembers it; the message is applied after that. */
export async function reserveStep(run: RunWriter, message: IngestMessage): Promise<PointPlace> {
  const isRecord = message.type === "log_record";
  const isLine = message.type === "log_terminal_line";
  const value = isRecord ? recordValue(message) : isLine ? requireText(message, "line") : objectValue(message);
  const buffer = isRecord
    ? await run.sequence(recordSequence, 0, undefined)
    : isLine
      ? await run.sequence(terminalSequence, 0, undefined)
      : await sequenceOf(run, message, requireText(message, "name"));
  const given = readInteger(message, "step");
  if (given !== undefined) return { buffer, step: BigInt(given), value };
  const identity = reservedIdentity(message, value);
  const remembered = await rememberedStep(run.tx, run.store, buffer.ref, identity);
  const step = remembered ?? (await buffer.nextStep(run.tx));
  if (remembered === undefined) rememberStep(run.tx, run.store, buffer.ref, identity, step);
  return { buffer, step, value };
}

export interface PointPlace {
  readonly buffer: SequenceBuffer;
  readonly step: bigint;
  readonly value: Value;
}

function reservedIdentity(message: IngestMessage, value: Value): Uint8Array {
  if (message.type === "log_record") return identityOf([value], 0);
  const epoch = epochOf(readInteger(message, "epoch"));
  return identityOf([value, epoch], clientTime(message) ?? message.timestamp);
}

async function stagedStep(run: RunWriter, message: IngestMessage, buffer: SequenceBuffer): Promise<Step | undefined> {
  const given = readInteger(message, "step");
  if (given !== undefined) return given;
  const value = message.type === "log_record" ? recordValue(message) : objectValue(message);
  return rememberedStep(run.tx, run.store, buffer.ref, reservedIdentity(message, value));
}
