// JSON that commands print: valid for any parser, so non-finite numbers become strings and bytes become hex.
import { Extension, Timestamp } from "../formats/value.ts";

/**
 * One line of JSON. In plain objects numbers print as JavaScript prints them; inside a stored value (a Map) a float
 * keeps its point (`1.0`) and an integer has none, however large. NaN and infinities print as strings.
 */
export function toJsonText(document: unknown): string {
  return write(document, false);
}

function write(value: unknown, stored: boolean): string {
  if (value === null || value === undefined) return "null";
  switch (typeof value) {
    case "boolean":
    case "bigint":
      return String(value);
    case "string":
      return JSON.stringify(value.toWellFormed());
    case "number":
      if (!Number.isFinite(value)) return `"${value}"`;
      if (Object.is(value, -0)) return "-0.0";
      return stored && Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => write(item, stored)).join(",")}]`;
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${JSON.stringify(String(key))}:${write(item, true)}`).join(",")}}`;
  if (value instanceof Uint8Array) return `{"$bytes":"${Buffer.from(value).toString("hex")}"}`;
  if (value instanceof Timestamp) return `{"$time":${write(value.seconds, true)}}`;
  if (value instanceof Extension) return `{"$ext":${value.type},"data":"${Buffer.from(value.data).toString("hex")}"}`;
  const fields = Object.entries(value as object).filter(([, item]) => item !== undefined);
  return `{${fields.map(([key, item]) => `${JSON.stringify(key)}:${write(item, stored)}`).join(",")}}`;
}
