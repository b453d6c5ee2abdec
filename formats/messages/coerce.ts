// What the existing models take for each kind of field, and the words in which they refuse (pipeline.md 4.3, measured).
import { parsePythonFloat } from "../floatText.ts";
import { isMap, type Value } from "../value.ts";
import { isRefusal, parseMoment, type Refusal } from "./datetime.ts";

export type FieldKind = "text" | "int" | "float" | "bool" | "map" | "list" | "moment";

/** A coerced value, or why there is none. Values are wrapped by nothing: a refusal is told by `isRefused`. */
export type Coerced = Value | Refused;

export class Refused implements Refusal {
  readonly kind: string;
  readonly reason: string;
  constructor(kind: string, reason: string) {
    this.kind = kind;
    this.reason = reason;
  }
}

export function coerce(kind: FieldKind, value: Value): Coerced {
  switch (kind) {
    case "text":
      return typeof value === "string" ? value : new Refused("string_type", "Input should be a valid string");
    case "int":
      return toInteger(value);
    case "float":
      return toFloat(value);
    case "bool":
      return toBoolean(value);
    case "map":
      return isMap(value) ? value : new Refused("dict_type", "Input should be a valid dictionary");
    case "list":
      return Array.isArray(value) ? value : new Refused("list_type", "Input should be a valid list");
    case "moment": {
      const moment = parseMoment(value);
      return isRefusal(moment) ? new Refused(moment.kind, moment.reason) : moment.iso;
    }
  }
}

function toInteger(value: Value): Coerced {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return new Refused("finite_number", "Input should be a finite number");
    if (Math.abs(value) >= 2 ** 63)
      return new Refused("int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size");
    if (Number.isInteger(value)) return BigInt(value);
    return new Refused("int_from_float", "Input should be a valid integer, got a number with a fractional part");
  }
  if (typeof value !== "string") return new Refused("int_type", "Input should be a valid integer");
  const digits = /^([+-]?)(\d+(?:_\d+)*)(?:\.0+)?$/.exec(value.trim());
  if (digits === null || digits[2]!.length > 4_300)
    return new Refused("int_parsing", "Input should be a valid integer, unable to parse string as an integer");
  const size = BigInt(digits[2]!.replaceAll("_", ""));
  return digits[1] === "-" ? -size : size;
}

function toFloat(value: Value): Coerced {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "string") return new Refused("float_type", "Input should be a valid number");
  const number = parsePythonFloat(value);
  if (number !== undefined) return number;
  return new Refused("float_parsing", "Input should be a valid number, unable to parse string as a number");
}

const words = new Map<string, boolean>([
  ...["true", "1", "yes", "y", "on", "t"].map((word): [string, boolean] => [word, true]),
  ...["false", "0", "no", "n", "off", "f"].map((word): [string, boolean] => [word, false]),
]);

function toBoolean(value: Value): Coerced {
  if (typeof value === "boolean") return value;
  if (typeof value === "string" || typeof value === "bigint")
    return (
      words.get(String(value).toLowerCase()) ??
      new Refused("bool_parsing", "Input should be a valid boolean, unable to interpret input")
    );
  if (value === 0 || value === 1) return value === 1;
  return new Refused("bool_type", "Input should be a valid boolean");
}
