// Writes JSON as Python's json.dumps does, so that archives and context ids agree with the reference to the byte.
// Source: Python's json module documentation, backup-convert.md section 1.4.
import { Extension, Timestamp, type Value, type ValueMap } from "./value.ts";

type Quote = (text: string) => string;

export interface JsonFormat {
  /** Only ASCII: all else as escapes. Default: raw. */
  readonly ascii?: boolean;
  /** Spaces per level; one line if absent. */
  readonly indent?: number;
}

/**
 * Text as `json.dumps` gives it: `, ` and `: `, floats as `repr`, bare NaN and Infinity. Lone surrogates are always
 * escaped. Bytes become hex and moments ISO 8601 text, as in the reference's archives; neither is turned back by
 * `parseJson`. Other extensions, which the reference cannot write, become `{"$ext": type, "data": hex}`.
 */
export function formatJson(value: Value, format: JsonFormat = {}): string {
  const quote = format.ascii ? quoteAscii : quoteRaw;
  if (format.indent === undefined) return formatLine(value, quote);
  return formatIndented(value, quote, " ".repeat(format.indent), "\n");
}

/**
 * A float as Python's `repr` prints it: shortest digits that read back the same, an exponent (of two digits at least)
 * below 1e-4 and from 1e16 on, else a point. `nan`, `inf`, `-inf`.
 */
export function pythonFloat(value: number): string {
  if (Number.isInteger(value) && value < 1e16 && value > -1e16) {
    if (value === 0 && Object.is(value, -0)) return "-0.0";
    return `${value}.0`;
  }
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e16) return String(value);
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  return `${digits}e${exponent.slice(0, 1)}${exponent.slice(1).padStart(2, "0")}`;
}

/** A float as a JSON token: `pythonFloat`, and the spellings of non-finite numbers that Python's reader knows. */
export function jsonFloat(value: number): string {
  if (Number.isFinite(value)) return pythonFloat(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

/** A string literal in pure ASCII, escapes in lower-case hex as Python writes them. */
export function quoteAscii(text: string): string {
  if (isPlain(text)) return `"${text}"`;
  const quoted = JSON.stringify(text);
  if (!/[\x7f-\uffff]/.test(quoted)) return quoted;
  return quoted.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A string literal; the built-in one escapes exactly what Python does, and lone surrogates. */
function quoteRaw(text: string): string {
  return isPlain(text) ? `"${text}"` : JSON.stringify(text);
}

/** Short text without anything to escape: most of what there is, and cheaper to look at than to hand over. */
function isPlain(text: string): boolean {
  if (text.length > 32) return false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit === 0x22 || unit === 0x5c || unit > 0x7e) return false;
  }
  return true;
}

function formatLine(value: Value, quote: Quote): string {
  if (typeof value !== "object" || value === null) return formatScalar(value, quote);
  if (value instanceof Map) {
    let text = "{";
    let separator = "";
    for (const [key, item] of value) {
      text += `${separator}${quote(key)}: ${formatLine(item, quote)}`;
      separator = ", ";
    }
    return `${text}}`;
  }
  if (!Array.isArray(value)) return formatScalar(value, quote);
  let text = "[";
  for (let i = 0; i < value.length; i++) text += (i === 0 ? "" : ", ") + formatLine(value[i]!, quote);
  return `${text}]`;
}

/** `line` is the line break with the indentation of the enclosing level. */
function formatIndented(value: Value, quote: Quote, step: string, line: string): string {
  const deeper = line + step;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[${deeper}${value.map((item) => formatIndented(item, quote, step, deeper)).join(`,${deeper}`)}${line}]`;
  }
  if (!(value instanceof Map)) return formatScalar(value, quote);
  if (value.size === 0) return "{}";
  const fields = Array.from(value, ([key, item]) => `${quote(key)}: ${formatIndented(item, quote, step, deeper)}`);
  return `{${deeper}${fields.join(`,${deeper}`)}${line}}`;
}

/** Text, numbers, booleans and null as JSON tokens, text through `quote`; undefined for any other value. */
export function jsonScalar(value: Value, quote: Quote): string | undefined {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      return jsonFloat(value);
    case "bigint":
    case "boolean":
      return String(value);
  }
  return value === null ? "null" : undefined;
}

function formatScalar(value: Exclude<Value, Value[] | ValueMap>, quote: Quote): string {
  const scalar = jsonScalar(value, quote);
  if (scalar !== undefined) return scalar;
  if (value instanceof Uint8Array) return `"${value.toHex()}"`;
  if (value instanceof Timestamp) return `"${isoText(value.seconds)}"`;
  if (value instanceof Extension) return `{"$ext": ${value.type}, "data": "${value.data.toHex()}"}`;
  throw new TypeError(`JSON cannot hold ${String(value)}`);
}

/** `2024-01-02T03:04:05.250000+00:00`, as Python's `isoformat` of a UTC time: microseconds only if there are any. */
function isoText(seconds: number): string {
  let whole = Math.floor(seconds);
  let micros = Math.round((seconds - whole) * 1e6);
  if (micros === 1_000_000) {
    whole++;
    micros = 0;
  }
  const date = new Date(whole * 1000);
  // A year that no date can name: the number itself says what is stored.
  if (Number.isNaN(date.getTime())) return jsonFloat(seconds);
  const fraction = micros === 0 ? "" : `.${String(micros).padStart(6, "0")}`;
  return `${date.toISOString().slice(0, -5)}${fraction}+00:00`;
}
