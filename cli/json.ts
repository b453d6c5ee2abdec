// JSON that commands print: valid for any parser and exact. What JSON has no word for becomes an object with a `$` key.
import { Extension, Timestamp } from "../formats/value.ts";

/**
 * One line of JSON. In plain objects (what commands report) numbers print as JavaScript prints them. Inside a stored
 * value (a Map, or `storedToJson`) a float keeps its point (`1.0`) and an integer has none, however large.
 * `{"$f":"nan"|"inf"|"-inf"}` stands for non-finite numbers, `{"$bytes":length,"b64":...}` for bytes,
 * `{"$time":seconds}` for a moment, `{"$ext":type,"b64":...}` for a foreign extension. Shapes: docs/json.md.
 */
export function toJsonText(document: unknown): string {
  return write(document, false);
}

/** The same for one stored value (or key element): number kinds stay visible. */
export function storedToJson(value: unknown): string {
  return write(value, true);
}

/** Marks a value inside a plain document as stored, so that its number kinds stay visible. */
export class Stored {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

function write(value: unknown, stored: boolean): string {
  if (value === null || value === undefined) return "null";
  switch (typeof value) {
    case "boolean":
    case "bigint":
      return String(value);
    case "string":
      return quote(value);
    case "number":
      return writeNumber(value, stored);
  }
  if (Array.isArray(value)) return `[${value.map((item) => write(item, stored)).join(",")}]`;
  if (value instanceof Stored) return write(value.value, true);
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${quote(String(key))}:${write(item, true)}`).join(",")}}`;
  if (value instanceof Uint8Array) return `{"$bytes":${value.length},"b64":"${base64(value)}"}`;
  if (value instanceof Timestamp) return `{"$time":${writeNumber(value.seconds, true)}}`;
  if (value instanceof Extension) return `{"$ext":${value.type},"b64":"${base64(value.data)}"}`;
  const fields = Object.entries(value as object).filter(([, item]) => item !== undefined);
  return `{${fields.map(([key, item]) => `${JSON.stringify(key)}:${write(item, stored)}`).join(",")}}`;
}

/** What terminals obey beside the controls that JSON escapes anyway: C1, line separators, marks that reorder text. */
const obeyed = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

function quote(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    obeyed,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function writeNumber(value: number, stored: boolean): string {
  if (Number.isNaN(value)) return '{"$f":"nan"}';
  if (!Number.isFinite(value)) return value > 0 ? '{"$f":"inf"}' : '{"$f":"-inf"}';
  if (Object.is(value, -0)) return "-0.0";
  return stored && Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
