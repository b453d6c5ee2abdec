// `repr` and `str` of values.
import { pythonFloat } from "../../../formats/json.ts";
import { civilOf, microsPerDay, microsPerSecond } from "./calendar.ts";
import { PyDatetime, PyTimedelta } from "./datetime.ts";
import { PyException, raise } from "./exceptions.ts";
import { identityOf, PyDict, PySet } from "./hashed.ts";
import { decimal, floorDivide, floorModulo } from "./integers.ts";
import type { Meter } from "./meter.ts";
import { unwrap } from "./stored.ts";
import { typeName } from "./types.ts";
import {
  DictProxy,
  type Py,
  PyComplex,
  PyFunction,
  PyList,
  PyModule,
  PyRange,
  PySlice,
  PyTuple,
  PyType,
} from "./values.ts";

const maximalDepth = 200;

/** `str(value)`. */
export function str(value: Py, meter: Meter): string {
  if (typeof value === "string") return value;
  if (value instanceof PyException) return value.message;
  if (value instanceof PyDatetime) return isoText(value, " ");
  if (value instanceof PyTimedelta) return deltaText(value);
  return repr(value, meter);
}

export function repr(value: Py, meter: Meter, depth = 0): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "bigint":
      return decimal(value);
    case "number":
      return pythonFloat(value);
    case "boolean":
      return value ? "True" : "False";
    default:
  }
  if (value === null) return "None";
  if (depth > maximalDepth)
    raise("RecursionError", "maximum recursion depth exceeded while getting the repr of an object");
  const inner = (item: Py): string => {
    meter.charge(1);
    return repr(item, meter, depth + 1);
  };
  if (value instanceof PyList) return bounded(`[${value.items.map(inner).join(", ")}]`, meter);
  if (value instanceof PyTuple) {
    const [only] = value.items;
    if (value.items.length === 1 && only !== undefined) return `(${inner(only)},)`;
    return bounded(`(${value.items.map(inner).join(", ")})`, meter);
  }
  if (value instanceof DictProxy) return repr(unwrap(value), meter, depth);
  if (value instanceof PyDict) {
    const entries = [...value.entries.values()].map((entry) => `${inner(entry.key)}: ${inner(entry.value)}`);
    return bounded(`{${entries.join(", ")}}`, meter);
  }
  if (value instanceof PySet) {
    const items = [...value.entries.values()].map(inner).join(", ");
    if (!value.frozen) return value.entries.size === 0 ? "set()" : `{${items}}`;
    return value.entries.size === 0 ? "frozenset()" : `frozenset({${items}})`;
  }
  if (value instanceof Uint8Array) return quoteBytes(value);
  if (value instanceof PyComplex) return complexText(value);
  if (value instanceof PyRange) {
    const bounds = `${value.start}, ${value.stop}`;
    return value.step === 1 ? `range(${bounds})` : `range(${bounds}, ${value.step})`;
  }
  if (value instanceof PySlice) return `slice(${inner(value.start)}, ${inner(value.stop)}, ${inner(value.step)})`;
  if (value instanceof PyDatetime) return datetimeRepr(value);
  if (value instanceof PyTimedelta) return deltaRepr(value);
  if (value instanceof PyType) return `<class '${value.name}'>`;
  if (value instanceof PyException) return `${value.type}(${value.message === "" ? "" : quote(value.message)})`;
  if (value instanceof PyFunction) return `<function ${value.name}>`;
  if (value instanceof PyModule) return `<module '${value.name}'>`;
  return `<${typeName(value)} object ${identityOf(value)}>`;
}

function bounded(text: string, meter: Meter): string {
  meter.text(text.length);
  return text;
}

const simpleEscapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const unprintable = /[\p{C}\p{Zl}\p{Zp}\p{Zs}]/u;

/** Whether `repr` shows the character itself. */
export function isPrintable(point: string): boolean {
  return point === " " || !unprintable.test(point);
}

export function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  if (/^[ !#-&(-[\]-~]*$/.test(text)) return `${mark}${text}${mark}`;
  let out = mark;
  for (const point of text) {
    const simple = simpleEscapes[point];
    if (simple !== undefined) out += simple;
    else if (point === mark) out += `\\${point}`;
    else if (isPrintable(point)) out += point;
    else out += escapeCode(point.codePointAt(0)!);
  }
  return out + mark;
}

function escapeCode(code: number): string {
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}

/** `ascii(value)`: the repr with everything outside ASCII escaped. */
export function asciiRepr(value: Py, meter: Meter): string {
  let out = "";
  for (const point of repr(value, meter))
    out += point.codePointAt(0)! < 128 ? point : escapeCode(point.codePointAt(0)!);
  return out;
}

function quoteBytes(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes.subarray(0, 10_000));
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = `b${mark}`;
  for (const byte of bytes) {
    const point = String.fromCharCode(byte);
    const simple = simpleEscapes[point];
    if (simple !== undefined) out += simple;
    else if (point === mark) out += `\\${point}`;
    else out += byte >= 0x20 && byte < 0x7f ? point : escapeCode(byte);
  }
  return out + mark;
}

function complexText(value: PyComplex): string {
  const part = (x: number): string => pythonFloat(x).replace(/\.0$/, "");
  if (value.re === 0 && !Object.is(value.re, -0)) return `${part(value.im)}j`;
  const sign = value.im < 0 || Object.is(value.im, -0) ? "" : "+";
  return `(${part(value.re)}${sign}${part(value.im)}j)`;
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

/** ISO 8601 text with microseconds only when there are some, as `datetime.isoformat` writes it. */
export function isoText(value: PyDatetime, separator: string): string {
  const time = civilOf(value.naive);
  const fraction = time.microsecond === 0 ? "" : `.${String(time.microsecond).padStart(6, "0")}`;
  const date = `${String(time.year).padStart(4, "0")}-${two(time.month)}-${two(time.day)}`;
  return `${date}${separator}${two(time.hour)}:${two(time.minute)}:${two(time.second)}${fraction}${offsetText(value, ":")}`;
}

/** `+02:00`, or nothing for naive times. */
export function offsetText(value: PyDatetime, separator: string): string {
  if (value.offset === null) return "";
  const minutes = Number(value.offset / 60_000_000n);
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${separator}${two(size % 60)}`;
}

function datetimeRepr(value: PyDatetime): string {
  const { year, month, day, hour, minute, second, microsecond } = civilOf(value.naive);
  const parts = [year, month, day, hour, minute];
  if (second !== 0 || microsecond !== 0) parts.push(second);
  if (microsecond !== 0) parts.push(microsecond);
  const zone = value.offset === null ? "" : `, tzinfo=datetime.timezone(${deltaRepr(new PyTimedelta(value.offset))})`;
  return `datetime.datetime(${parts.join(", ")}${zone})`;
}

/** Days, seconds and microseconds of a timedelta, the latter two not negative. */
export function deltaParts(value: PyTimedelta): { days: bigint; seconds: bigint; microseconds: bigint } {
  const rest = floorModulo(value.micros, microsPerDay);
  return {
    days: floorDivide(value.micros, microsPerDay),
    seconds: rest / microsPerSecond,
    microseconds: rest % microsPerSecond,
  };
}

function deltaRepr(value: PyTimedelta): string {
  const { days, seconds, microseconds } = deltaParts(value);
  const parts: string[] = [];
  if (days !== 0n) parts.push(`days=${days}`);
  if (seconds !== 0n) parts.push(`seconds=${seconds}`);
  if (microseconds !== 0n) parts.push(`microseconds=${microseconds}`);
  return `datetime.timedelta(${parts.length === 0 ? "0" : parts.join(", ")})`;
}

function deltaText(value: PyTimedelta): string {
  const { days, seconds, microseconds } = deltaParts(value);
  const total = Number(seconds);
  const clock = `${Math.floor(total / 3600)}:${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`;
  const fraction = microseconds === 0n ? "" : `.${microseconds.toString().padStart(6, "0")}`;
  const prefix = days === 0n ? "" : `${days} day${days === 1n || days === -1n ? "" : "s"}, `;
  return `${prefix}${clock}${fraction}`;
}
