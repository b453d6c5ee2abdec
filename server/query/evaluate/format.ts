// The format specification mini-language (`f"{x:>8.2f}"`): Python's library reference, "Format Specification Mini-Language".

import { pythonFloat } from "../../../formats/json.ts";
import { numeric } from "./compare.ts";
import { PyDatetime } from "./datetime.ts";
import { raise, typeError, valueError } from "./exceptions.ts";
import { exponential, fixed, general } from "./floatText.ts";
import { decimal, toFloat } from "./integers.ts";
import { points } from "./iterate.ts";
import type { Meter } from "./meter.ts";
import { str } from "./repr.ts";
import { formatTime } from "./timeText.ts";
import { typeName } from "./types.ts";
import type { Py } from "./values.ts";

interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly noNegativeZero: boolean;
  readonly alternate: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | undefined;
  readonly type: string;
}

const shape =
  /^(?:(?<fill>[\s\S])?(?<align>[<>=^]))?(?<sign>[-+ ])?(?<z>z)?(?<alternate>#)?(?<zero>0)?(?<width>\d+)?(?<grouping>[,_])?(?:\.(?<precision>\d+))?(?<type>[a-zA-Z%])?$/u;

/** Parts of specs met before: one query formats the same way row after row. */
const known = new Map<string, Readonly<Record<string, string | undefined>>>();
const maximalKnown = 200;

function partsOf(text: string, value: Py): Readonly<Record<string, string | undefined>> {
  let groups = known.get(text);
  if (groups === undefined) {
    const match = shape.exec(text);
    if (match === null) valueError(`Invalid format specifier '${text}' for object of type '${typeName(value)}'`);
    groups = match.groups ?? {};
    if (known.size >= maximalKnown) known.clear();
    known.set(text, groups);
  }
  return groups;
}

function parse(text: string, value: Py, meter: Meter): Spec {
  const groups = partsOf(text, value);
  const width = Number(groups["width"] ?? 0);
  const precision = groups["precision"] === undefined ? undefined : Number(groups["precision"]);
  meter.text(width);
  if (precision !== undefined) chargePrecision(precision, meter);
  const zero = groups["zero"] !== undefined;
  return {
    fill: groups["fill"] ?? (zero && groups["align"] === undefined ? "0" : zero ? "0" : " "),
    align: groups["align"] ?? (zero && typeof value !== "string" ? "=" : ""),
    sign: groups["sign"] ?? "-",
    noNegativeZero: groups["z"] !== undefined,
    alternate: groups["alternate"] !== undefined,
    zero,
    width,
    grouping: groups["grouping"] ?? "",
    precision,
    type: groups["type"] ?? "",
  };
}

/** Digits are made from integers of that size, whose text costs the square of its length. */
export function chargePrecision(precision: number, meter: Meter): void {
  meter.text(precision);
  meter.charge(Math.floor((precision * precision) / 64));
}

/** `format(value, spec)`. @throws ValueError, TypeError as Python does. */
export function formatValue(value: Py, specText: string, meter: Meter): string {
  if (specText === "") return str(value, meter);
  if (value instanceof PyDatetime) return formatTime(value, specText);
  if (typeof value === "string") return formatText(value, parse(specText, value, meter));
  const number = numeric(value);
  if (number === undefined) {
    return typeError(`unsupported format string passed to ${typeName(value)}.__format__`);
  }
  const spec = parse(specText, value, meter);
  if (typeof number === "number") return formatFloat(number, spec);
  return formatInteger(number, spec, value);
}

function unknownCode(type: string, name: string): never {
  return valueError(`Unknown format code '${type}' for object of type '${name}'`);
}

function formatText(value: string, spec: Spec): string {
  if (spec.type !== "" && spec.type !== "s") unknownCode(spec.type, "str");
  if (spec.sign !== "-") valueError("Sign not allowed in string format specifier");
  if (spec.alternate) valueError("Alternate form (#) not allowed in string format specifier");
  if (spec.align === "=") valueError("'=' alignment not allowed in string format specifier");
  if (spec.noNegativeZero) valueError("Negative zero coercion (z) not allowed in string format specifier");
  if (spec.grouping !== "") valueError(`Cannot specify '${spec.grouping}' with 's'.`);
  const characters = points(value);
  const shown = spec.precision === undefined ? characters : characters.slice(0, spec.precision);
  return align(shown.join(""), shown.length, { ...spec, align: spec.align || "<" });
}

function align(text: string, length: number, spec: Spec): string {
  const missing = spec.width - length;
  if (missing <= 0) return text;
  if (spec.align === "<") return text + spec.fill.repeat(missing);
  if (spec.align === "^") {
    const left = Math.floor(missing / 2);
    return spec.fill.repeat(left) + text + spec.fill.repeat(missing - left);
  }
  return spec.fill.repeat(missing) + text;
}

const radices: Readonly<Record<string, number>> = { b: 2, o: 8, x: 16, X: 16, d: 10, n: 10, "": 10 };

function formatInteger(value: bigint, spec: Spec, original: Py): string {
  const { type } = spec;
  if ("eEfFgG%".includes(type) && type !== "") return formatFloat(toFloat(value), spec);
  if (spec.precision !== undefined) valueError("Precision not allowed in integer format specifier");
  if (spec.noNegativeZero) valueError("Negative zero coercion (z) not allowed in format specifier with integer");
  if (type === "c") {
    if (spec.sign !== "-") valueError("Sign not allowed with integer format specifier 'c'");
    if (spec.alternate) valueError("Alternate form (#) not allowed with integer format specifier 'c'");
    if (spec.grouping !== "") valueError(`Cannot specify '${spec.grouping}' with 'c'.`);
    if (value < 0n || value > 0x10ffffn) raise("OverflowError", "%c arg not in range(0x110000)");
    return align(String.fromCodePoint(Number(value)), 1, { ...spec, align: spec.align === "=" ? ">" : spec.align });
  }
  const radix = radices[type];
  if (radix === undefined) unknownCode(type, typeName(original));
  if (spec.grouping === "," && radix !== 10) valueError(`Cannot specify ',' with '${type}'.`);
  if (spec.grouping !== "" && type === "n") valueError(`Cannot specify '${spec.grouping}' with 'n'.`);
  const size = value < 0n ? -value : value;
  const digits = radix === 10 ? decimal(size) : size.toString(radix);
  const prefix = spec.alternate && radix !== 10 ? `0${type}` : "";
  const shown = type === "X" ? digits.toUpperCase() : digits;
  return assemble(signOf(value < 0n, spec), prefix, shown, "", spec, radix === 10 ? 3 : 4);
}

function signOf(negative: boolean, spec: Spec): string {
  return negative ? "-" : spec.sign === "-" ? "" : spec.sign;
}

function formatFloat(value: number, spec: Spec): string {
  const { type, alternate } = spec;
  if (!"eEfFgGn%".includes(type)) unknownCode(type, "float");
  if (spec.grouping !== "" && type === "n") valueError(`Cannot specify '${spec.grouping}' with 'n'.`);
  let negative = value < 0 || Object.is(value, -0);
  if (Number.isNaN(value)) negative = false;
  let text = floatBody(Math.abs(value), type, spec.precision, alternate);
  if (spec.noNegativeZero && /^[0.]*(?:e[+-]00)?%?$/i.test(text)) negative = false;
  if (type === "E" || type === "F" || type === "G") text = text.toUpperCase();
  const split = /^(\d*)([\s\S]*)$/.exec(text)!;
  return assemble(signOf(negative, spec), "", split[1]!, split[2]!, spec, 3);
}

/** The digits of a float without sign in one of the types e, f, g, n, % or none. */
export function floatBody(size: number, type: string, precision: number | undefined, alternate: boolean): string {
  if (!Number.isFinite(size)) return (Number.isNaN(size) ? "nan" : "inf") + (type === "%" ? "%" : "");
  switch (type) {
    case "e":
    case "E":
      return exponential(size, precision ?? 6, alternate);
    case "f":
    case "F":
      return fixed(size, precision ?? 6) + (alternate && precision === 0 ? "." : "");
    case "%": {
      const scaled = size * 100;
      if (!Number.isFinite(scaled)) return "inf%";
      return `${fixed(scaled, precision ?? 6)}${alternate && precision === 0 ? "." : ""}%`;
    }
    case "":
      if (precision === undefined) return pythonFloat(size);
      return general(size, precision, alternate, true);
    default:
      return general(size, precision ?? 6, alternate, false);
  }
}

/** Sign, prefix and digits with separators, padded to the width; zeros that fill get separators too. */
function assemble(sign: string, prefix: string, whole: string, rest: string, spec: Spec, group: number): string {
  const head = sign + prefix;
  const alignment = spec.align || ">";
  let digits = grouped(whole, spec.grouping, group);
  if (alignment === "=" && spec.fill === "0" && spec.grouping !== "" && whole !== "") {
    const room = spec.width - head.length - rest.length;
    // As many digits as fill the room with their separators. A separator cannot stand first, so they may take one place more.
    let count = Math.max(0, room - Math.ceil(room / (group + 1)));
    while (count + Math.floor((count - 1) / group) < room) count++;
    digits = grouped(whole.padStart(count, "0"), spec.grouping, group);
    return head + digits + rest;
  }
  const length = head.length + digits.length + rest.length;
  if (alignment === "=") {
    const missing = Math.max(0, spec.width - length);
    return head + spec.fill.repeat(missing) + digits + rest;
  }
  return align(head + digits + rest, length, { ...spec, align: alignment });
}

function grouped(digits: string, separator: string, size: number): string {
  if (separator === "") return digits;
  const first = digits.length % size;
  const parts = first === 0 ? [] : [digits.slice(0, first)];
  for (let at = first; at < digits.length; at += size) parts.push(digits.slice(at, at + size));
  return parts.join(separator);
}
