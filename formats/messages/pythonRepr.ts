// Values as Python's `repr` shows them: validation reports echo the input that way, and senders know them so.
import { pythonFloat } from "../json.ts";
import { isMap, type Value } from "../value.ts";

/** What pydantic shows of an input: up to 50 characters, the middle left out of longer ones. Costs no more than it shows. */
export function inputEcho(value: Value): string {
  const shown = [...head(value, 60)];
  if (shown.length <= 50) return shown.join("");
  return `${shown.slice(0, 25).join("")}...${[...tail(value)].slice(-24).join("")}`;
}

/** The name of the Python type that a JSON value becomes. */
export function pythonType(value: Value): string {
  if (value === null) return "NoneType";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "str";
  return Array.isArray(value) ? "list" : isMap(value) ? "dict" : "bytes";
}

/** The beginning of the repr: all of it, or at least `room` characters. */
function head(value: Value, room: number): string {
  if (isMap(value)) {
    let text = "{";
    for (const [key, item] of value) {
      if (text.length > room) return text;
      text += `${text === "{" ? "" : ", "}${head(key, room)}: ${head(item, room)}`;
    }
    return `${text}}`;
  }
  if (Array.isArray(value)) {
    let text = "[";
    for (let i = 0; i < value.length && text.length <= room; i++) text += (i === 0 ? "" : ", ") + head(value[i]!, room);
    return `${text}]`;
  }
  return typeof value === "string" && value.length > 1_000 ? quote(value.slice(0, 1_000)) : scalar(value);
}

/** The end of the repr of a long value: at least its last 24 characters. */
function tail(value: Value): string {
  if (isMap(value)) {
    const last = [...value].slice(-8);
    return `{${last.map(([key, item]) => `${tail(key)}: ${tail(item)}`).join(", ")}}`;
  }
  if (Array.isArray(value)) return `[${value.slice(-24).map(tail).join(", ")}]`;
  return typeof value === "string" && value.length > 1_000 ? quote(value.slice(-1_000)) : scalar(value);
}

function scalar(value: Value): string {
  if (value === null) return "None";
  if (typeof value === "number") return pythonFloat(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return quote(value);
  return String(value);
}

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  let quoted = mark;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (character === mark || character === "\\") quoted += `\\${character}`;
    else if (character === "\n") quoted += "\\n";
    else if (character === "\r") quoted += "\\r";
    else if (character === "\t") quoted += "\\t";
    else if (code < 0x20 || (code >= 0x7f && code <= 0xa0) || code === 0xad)
      quoted += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (code >= 0xd800 && code <= 0xdfff) quoted += `\\u${code.toString(16)}`;
    else quoted += character;
  }
  return quoted + mark;
}
