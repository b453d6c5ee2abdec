// `"%5.2f" % x`: printf-style formatting, Python's library reference, "printf-style String Formatting".
import { sizeOf } from "./arguments.ts";
import { numeric } from "./compare.ts";
import { raise, typeError, valueError } from "./exceptions.ts";
import { truncate } from "./floats.ts";
import { chargePrecision, floatBody } from "./format.ts";
import { PyDict } from "./hashed.ts";
import { decimal } from "./integers.ts";
import { points, textLength } from "./iterate.ts";
import type { Meter } from "./meter.ts";
import { asciiRepr, repr, str } from "./repr.ts";
import { unwrap } from "./stored.ts";
import { typeName } from "./types.ts";
import { DictProxy, type Py, PyList, PyTuple } from "./values.ts";

export function formatPercent(template: string, given: Py, meter: Meter): string {
  const mapping = given instanceof DictProxy ? unwrap(given) : given instanceof PyDict ? given : undefined;
  const values = given instanceof PyTuple ? given.items : [given];
  let used = 0;
  let usedNames = false;
  const nextValue = (): Py => {
    const value = values[used++];
    return value === undefined ? typeError("not enough arguments for format string") : value;
  };
  const shape =
    /%(?:\((?<name>[^()]*)\))?(?<flags>[-+ #0]*)(?<width>\*|\d+)?(?:\.(?<precision>\*|\d*))?[hlL]?(?<type>[\s\S])?/gu;
  let out = "";
  let at = 0;
  for (const match of template.matchAll(shape)) {
    const groups = match.groups ?? {};
    out += template.slice(at, match.index);
    at = match.index + match[0].length;
    const type = groups["type"];
    if (type === undefined) valueError("incomplete format");
    let flags = groups["flags"] ?? "";
    let width = groups["width"] === "*" ? sizeOf(nextValue()) : Number(groups["width"] ?? 0);
    if (width < 0) {
      flags += "-";
      width = -width;
    }
    const precisionText = groups["precision"];
    const precision =
      precisionText === undefined ? undefined : precisionText === "*" ? sizeOf(nextValue()) : Number(precisionText);
    if (type === "%") {
      out += "%";
      continue;
    }
    let value: Py;
    if (groups["name"] === undefined) {
      value = nextValue();
    } else {
      if (mapping === undefined) typeError("format requires a mapping");
      usedNames = true;
      const found = mapping.get(groups["name"]);
      value = found === undefined ? raise("KeyError", groups["name"]) : found;
    }
    meter.text(width);
    if (precision !== undefined) chargePrecision(precision, meter);
    out += convert(type, flags, width, precision, value, meter);
    meter.text(out.length);
  }
  out += template.slice(at);
  if (!usedNames && used < values.length && mapping === undefined && !isSequenceLike(given)) {
    typeError("not all arguments converted during string formatting");
  }
  if (given instanceof PyTuple && used < values.length) {
    typeError("not all arguments converted during string formatting");
  }
  return out;
}

/** Values with keys or items of any kind may go unused, as in `"x" % [1]`. */
function isSequenceLike(value: Py): boolean {
  return value instanceof PyList || value instanceof Uint8Array;
}

function convert(
  type: string,
  flags: string,
  width: number,
  precision: number | undefined,
  value: Py,
  meter: Meter,
): string {
  switch (type) {
    case "s":
    case "r":
    case "a": {
      const text = type === "s" ? str(value, meter) : type === "r" ? repr(value, meter) : asciiRepr(value, meter);
      return pad("", precision === undefined ? text : points(text).slice(0, precision).join(""), flags, width, false);
    }
    case "c":
      return pad("", character(value), flags, width, false);
    case "d":
    case "i":
    case "u":
    case "x":
    case "X":
    case "o":
      return integer(type, flags, width, precision, value);
    case "e":
    case "E":
    case "f":
    case "F":
    case "g":
    case "G": {
      const number = numeric(value);
      if (number === undefined) typeError(`must be real number, not ${typeName(value)}`);
      const x = Number(number);
      const body = floatBody(Math.abs(x), type, precision ?? 6, flags.includes("#"));
      const shown = type < "a" ? body.toUpperCase() : body;
      return pad(signOf(x < 0 || Object.is(x, -0), flags), shown, flags, width, Number.isFinite(x));
    }
    default:
      return valueError(`unsupported format character '${type}'`);
  }
}

function character(value: Py): string {
  if (typeof value === "string") {
    if (textLength(value) !== 1) typeError("%c requires int or char");
    return value;
  }
  const code = numeric(value);
  if (typeof code !== "bigint") return typeError("%c requires int or char");
  if (code < 0n || code > 0x10ffffn) raise("OverflowError", "%c arg not in range(0x110000)");
  return String.fromCodePoint(Number(code));
}

function integer(type: string, flags: string, width: number, precision: number | undefined, value: Py): string {
  const number = numeric(value);
  let n: bigint;
  if (typeof number === "bigint") n = number;
  else if (number !== undefined && "diu".includes(type)) n = truncate(number);
  else if ("diu".includes(type)) return typeError(`%${type} format: a real number is required, not ${typeName(value)}`);
  else return typeError(`%${type} format: an integer is required, not ${typeName(value)}`);
  const size = n < 0n ? -n : n;
  let digits = "diu".includes(type) ? decimal(size) : size.toString(type === "o" ? 8 : 16);
  if (type === "X") digits = digits.toUpperCase();
  if (precision !== undefined) digits = digits.padStart(precision, "0");
  const prefix = flags.includes("#") && !"diu".includes(type) ? `0${type}` : "";
  return pad(signOf(n < 0n, flags) + prefix, digits, flags, width, true);
}

function signOf(negative: boolean, flags: string): string {
  return negative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
}

function pad(head: string, body: string, flags: string, width: number, zeros: boolean): string {
  const missing = width - head.length - textLength(body);
  if (missing <= 0) return head + body;
  if (flags.includes("-")) return head + body + " ".repeat(missing);
  if (zeros && flags.includes("0")) return head + "0".repeat(missing) + body;
  return " ".repeat(missing) + head + body;
}
