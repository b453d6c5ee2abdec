// Traces and point values as any known producer wrote them, made into what the store holds (backup-convert.md 1.10, 1.11, 6.5).
import { MatyanError } from "../../formats/error.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";

export interface ArchivedTrace {
  readonly contextId: number;
  readonly name: string;
  readonly dtype: string;
  readonly last: Value | undefined;
  readonly lastStep: bigint | undefined;
}

const plurals: Readonly<Record<string, string>> = {
  images: "image",
  texts: "text",
  distributions: "distribution",
  audios: "audio",
  figures: "figure",
};
const objectTypes = new Set(["image", "text", "distribution", "audio", "figure", "custom"]);

/** What the existing client's backup says is the last value of every object trace: an artefact of its API. */
const clientObjectLast = 0.1;
const storedObjectLast = 0;

function isObjectType(dtype: string): boolean {
  return objectTypes.has(dtype);
}

/**
 * The traces of `traces.json`, one for each (context, name): a later entry wins, as in the store.
 * @throws MatyanError `corrupt` naming the entry that can't be used.
 */
export function readArchivedTraces(hash: string, document: Value): ArchivedTrace[] {
  const fail = (what: string): never => {
    throw new MatyanError("corrupt", `runs/${hash}/traces.json: ${what}`);
  };
  if (!Array.isArray(document)) return fail("not an array");
  const traces = new Map<string, ArchivedTrace>();
  for (const [index, entry] of document.entries()) {
    if (!isMap(entry)) return fail(`entry ${index} is not an object`);
    const name = entry.get("name");
    const contextId = integerOf(entry.get("context_id"));
    const dtype = entry.get("dtype") ?? "float";
    const lastStep = entry.get("last_step") ?? undefined;
    const step = lastStep === undefined ? undefined : integerOf(lastStep);
    if (typeof name !== "string") return fail(`'name' of entry ${index} is not a string`);
    if (contextId === undefined || contextId < 0n || contextId > 0xffff_ffffn)
      return fail(`'context_id' of entry ${index} is not an unsigned 32-bit integer`);
    if (typeof dtype !== "string") return fail(`'dtype' of entry ${index} is not a string`);
    if (lastStep !== undefined && step === undefined) return fail(`'last_step' of entry ${index} is not an integer`);
    const singular = plurals[dtype] ?? dtype;
    const last = entry.get("last") ?? undefined;
    traces.set(traceKey(Number(contextId), name), {
      contextId: Number(contextId),
      name,
      dtype: singular,
      last: isObjectType(singular) && last === clientObjectLast && step === undefined ? storedObjectLast : last,
      lastStep: step,
    });
  }
  return [...traces.values()];
}

export function traceKey(contextId: number, name: string): string {
  return `${contextId} ${name}`;
}

/**
 * The contexts of `contexts.json` by id.
 * @throws MatyanError `corrupt` naming the key or value that can't be used.
 */
export function readArchivedContexts(hash: string, document: Value): Map<number, ValueMap> {
  const fail = (what: string): never => {
    throw new MatyanError("corrupt", `runs/${hash}/contexts.json: ${what}`);
  };
  if (!isMap(document)) return fail("not an object");
  const contexts = new Map<number, ValueMap>();
  for (const [key, context] of document) {
    if (!/^(0|[1-9]\d{0,9})$/.test(key) || Number(key) > 0xffff_ffff) return fail(`'${key}' is not a context id`);
    if (!isMap(context)) return fail(`context ${key} is not an object`);
    contexts.set(Number(key), context);
  }
  return contexts;
}

/** The type of a trace that `traces.json` doesn't list, from one of its values. */
export function guessType(name: string, value: Value): string {
  if (name === "logs" && typeof value === "string") return "logs";
  if (name === "__log_records" && isMap(value)) return "log_records";
  const first = Array.isArray(value) ? value[0] : value;
  if (!isMap(first)) return "float";
  const type = first.get("type");
  return typeof type === "string" && isObjectType(type) ? type : "custom";
}

/** Whether a value stands for one that was lost: the existing client exports an object's position in place of the object. */
export function isLostObject(dtype: string, value: Value): boolean {
  return typeof value === "bigint" && isObjectType(dtype);
}

/** The value as the store holds it. Objects change only where a producer's dialect differs; all else passes through. */
export function readArchivedValue(dtype: string, value: Value): Value {
  if (Array.isArray(value) && isObjectType(dtype)) return value.map((item) => readArchivedValue(dtype, item));
  if (!isMap(value)) return value;
  if (dtype === "log_records") return readLogRecord(value);
  if (value.get("type") === "distribution") return readDistribution(value);
  return value;
}

/** The converter writes the counts as hex of little-endian float64s, which no reader of the store would understand. */
function readDistribution(value: ValueMap): ValueMap {
  const data = value.get("data");
  if (typeof data !== "string") return value;
  const decoded = new Map(value);
  decoded.set("data", decodeDoubles(data));
  return decoded;
}

/** @throws MatyanError `corrupt` when the text is not hex of whole float64s. */
export function decodeDoubles(hex: string): number[] {
  const bytes = Buffer.from(hex, "hex");
  if (hex.length % 16 !== 0 || bytes.length * 2 !== hex.length)
    throw new MatyanError("corrupt", "the distribution's 'data' is neither an array nor float64s in hex");
  return doublesOf(bytes);
}

/** The little-endian float64s in `bytes`, whose length is a multiple of 8. */
export function doublesOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, index) => view.getFloat64(index * 8, true));
}

const levels: Readonly<Record<string, bigint>> = {
  NOTSET: 0n,
  DEBUG: 10n,
  INFO: 20n,
  WARNING: 30n,
  WARN: 30n,
  ERROR: 40n,
  CRITICAL: 50n,
  FATAL: 50n,
};

/** The existing client exports the API's view of a record: a level's name, the logger's file and line by position. */
function readLogRecord(value: ValueMap): ValueMap {
  const level = value.get("log_level");
  const logger = value.get("logger_info");
  const named = typeof level === "string" ? (levels[level] ?? levelOf(level)) : undefined;
  if (named === undefined && !isMap(logger)) return value;
  const record = new Map(value);
  if (named !== undefined) record.set("log_level", named);
  if (isMap(logger)) record.set("logger_info", listOf(logger));
  record.delete("is_notified");
  return record;
}

/** Python's name for a level without one is `Level 25`. */
function levelOf(text: string): bigint | undefined {
  const digits = /^(?:Level )?(\d{1,9})$/.exec(text)?.[1];
  return digits === undefined ? undefined : BigInt(digits);
}

/** `{"1": 12}` -> `[null, 12]`. Anything but small positions stays as it is. */
function listOf(map: ValueMap): Value {
  const list: Value[] = [];
  for (const [key, value] of map) {
    if (!/^\d{1,2}$/.test(key)) return map;
    list[Number(key)] = value;
  }
  return Array.from(list, (item) => item ?? null);
}

function integerOf(value: Value | undefined): bigint | undefined {
  if (typeof value === "bigint") return value;
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined;
}
