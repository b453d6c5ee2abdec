// Reads the members of a payload, with the coercions that frames have too, since dumps and other producers are looser.
import { MatyanError } from "../../formats/error.ts";
import { coerce, type FieldKind, Refused } from "../../formats/messages/coerce.ts";
import { type IngestMessage, secondsOf } from "../../formats/messages/index.ts";
import { inputEcho } from "../../formats/messages/pythonRepr.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";

/** @throws MatyanError `usage` naming the member, as `log_metric.step`. */
export function refuse(message: IngestMessage, member: string, reason: string): MatyanError {
  return new MatyanError("usage", `${message.type}.${member}: ${reason}`);
}

/** A member, or undefined when it is absent or null. @throws MatyanError `usage` when it is of another kind. */
function read(message: IngestMessage, member: string, kind: FieldKind): Value | undefined {
  const value = message.payload.get(member);
  if (value === undefined || value === null) return undefined;
  const coerced = coerce(kind, value);
  if (coerced instanceof Refused) throw refuse(message, member, `${coerced.reason} (it is ${inputEcho(value)})`);
  return coerced;
}

export function readText(message: IngestMessage, member: string): string | undefined {
  const value = message.payload.get(member);
  if (typeof value === "string") return value;
  const text = read(message, member, "text");
  return typeof text === "string" ? text : undefined;
}

export function requireText(message: IngestMessage, member: string): string {
  const text = readText(message, member);
  if (text === undefined) throw refuse(message, member, "Field required");
  return text;
}

export function readBoolean(message: IngestMessage, member: string): boolean | undefined {
  const value = read(message, member, "bool");
  return typeof value === "boolean" ? value : undefined;
}

export function readMap(message: IngestMessage, member: string): ValueMap | undefined {
  const value = message.payload.get(member);
  if (isMap(value)) return value;
  const map = read(message, member, "map");
  return isMap(map) ? map : undefined;
}

export function readList(message: IngestMessage, member: string): Value[] | undefined {
  const value = read(message, member, "list");
  return Array.isArray(value) ? value : undefined;
}

/** An integer of 64 bits, as a number where that is exact. @throws MatyanError `usage` */
export function readInteger(message: IngestMessage, member: string): number | bigint | undefined {
  let value = message.payload.get(member);
  if (value === null || value === undefined) return undefined;
  if (typeof value !== "bigint") value = read(message, member, "int");
  if (typeof value !== "bigint") return undefined;
  const small = Number(value);
  if (Number.isSafeInteger(small)) return small;
  if (BigInt.asIntN(64, value) !== value) throw refuse(message, member, `${value} does not fit into 64 bits`);
  return value;
}

/** A float; an integer counts as one. */
export function readFloat(message: IngestMessage, member: string): number | undefined {
  const value = message.payload.get(member);
  if (typeof value === "number") return value;
  const float = read(message, member, "float");
  return typeof float === "number" ? float : undefined;
}

/** The client's clock, seconds since the epoch; undefined where it did not say, or not readably (pipeline.md 2.6). */
export function clientTime(message: IngestMessage): number | undefined {
  return secondsOf(message.payload.get("client_datetime"));
}
