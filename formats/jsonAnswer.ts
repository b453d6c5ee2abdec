// JSON as the API answers with it: FastAPI's compact form, number kinds kept, and nothing in it that JSON has no word for.
import { pythonFloat } from "./jsonFormat.ts";
import { Extension, Timestamp, type Value } from "./value.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * One line without spaces, text raw, floats as Python's `repr`. NaN and infinities become null, bytes text (hex when they
 * are not UTF-8), moments ISO 8601 text. Never fails. Source: rest-api.md 1.1, W5.
 */
export function formatAnswer(value: Value): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return Number.isFinite(value) ? pythonFloat(value) : "null";
    case "bigint":
    case "boolean":
      return String(value);
  }
  if (value === null) return "null";
  if (Array.isArray(value)) {
    let text = "[";
    for (let i = 0; i < value.length; i++) text += (i === 0 ? "" : ",") + formatAnswer(value[i]!);
    return `${text}]`;
  }
  if (value instanceof Map) {
    let text = "{";
    for (const [key, item] of value)
      text += `${text.length === 1 ? "" : ","}${JSON.stringify(key)}:${formatAnswer(item)}`;
    return `${text}}`;
  }
  if (value instanceof Uint8Array) return JSON.stringify(bytesText(value));
  if (value instanceof Timestamp) return momentText(value);
  if (value instanceof Extension) return `{"$ext":${value.type},"data":"${value.data.toHex()}"}`;
  throw new TypeError(`JSON cannot hold ${String(value)}`);
}

function bytesText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return bytes.toHex();
  }
}

/** A moment that no date can name is told as its seconds. */
function momentText({ seconds }: Timestamp): string {
  const date = new Date(seconds * 1_000);
  return Number.isNaN(date.getTime()) ? formatAnswer(seconds) : `"${date.toISOString()}"`;
}
