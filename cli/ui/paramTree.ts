// A run's parameters as a tree of lines, with the kinds of values visible.
import { pythonFloat } from "../../formats/json.ts";
import { Extension, isMap, Timestamp, type Value, type ValueMap } from "../../formats/value.ts";
import { isoTime, shortBytes } from "./numbers.ts";
import type { Style } from "./style.ts";
import { cutText, safeText, textWidth } from "./text.ts";

/**
 * One line per value: `1` is an integer, `1.0` a float, text stands in quotes. Lists of scalars stay on their line.
 * Lines are cut to `width` (infinite: whole). Names of one branch are padded so that their values line up.
 */
export function paramTree(params: ValueMap, width: number, style: Style): string[] {
  const lines: string[] = [];
  branch([...params], "", width, style, lines);
  return lines;
}

/** Longest name that its neighbours are padded to. */
const padLimit = 32;

function branch(
  entries: readonly (readonly [string, Value])[],
  indent: string,
  width: number,
  style: Style,
  lines: string[],
): void {
  const scalars = entries.filter(([, value]) => !opens(value));
  const pad = Math.min(padLimit, Math.max(0, ...scalars.map(([name]) => textWidth(safeText(name)))));
  entries.forEach(([name, value], index) => {
    const last = index === entries.length - 1;
    const lead = `${indent}${last ? "└─ " : "├─ "}`;
    const safe = safeText(name) || '""';
    if (opens(value)) {
      lines.push(style.dim(cutText(lead, width)) + style.bold(cutText(safe, width - textWidth(lead))));
      const children = isMap(value) ? [...value] : (value as Value[]).map((item, at) => [String(at), item] as const);
      branch(children, `${indent}${last ? "   " : "│  "}`, width, style, lines);
      return;
    }
    const label = safe + " ".repeat(Math.max(0, pad - textWidth(safe)) + 2);
    const { text, paint } = valueText(value, style);
    const room = width - textWidth(lead) - textWidth(label);
    // Where not even the beginning of the value fits, the name is cut instead.
    if (room < 8 && Number.isFinite(width))
      lines.push(style.dim(cutText(lead, width)) + cutText(`${safe}  ${text}`, width - textWidth(lead)));
    else lines.push(style.dim(lead) + label + paint(cutText(text, room)));
  });
}

/** Whether a value gets lines of its own below its name. */
function opens(value: Value): boolean {
  if (isMap(value)) return value.size > 0;
  return Array.isArray(value) && value.some((item) => isMap(item) || Array.isArray(item));
}

function valueText(value: Value, style: Style): { text: string; paint: (text: string) => string } {
  const plain = (text: string) => text;
  if (value === null) return { text: "null", paint: style.dim };
  if (typeof value === "string") return { text: safeText(JSON.stringify(value)), paint: style.green };
  if (typeof value === "number" || typeof value === "bigint") return { text: scalarText(value), paint: style.cyan };
  if (typeof value === "boolean") return { text: String(value), paint: style.yellow };
  if (Array.isArray(value))
    return { text: `[${value.map((item) => valueText(item, style).text).join(", ")}]`, paint: plain };
  return { text: scalarText(value), paint: plain };
}

function scalarText(value: Value): string {
  if (typeof value === "number") return pythonFloat(value);
  if (value instanceof Timestamp) return isoTime(value.seconds) ?? `${value.seconds} s`;
  if (value instanceof Uint8Array) return `<${shortBytes(value.length)}>`;
  if (value instanceof Extension) return `<extension ${value.type}, ${shortBytes(value.data.length)}>`;
  return isMap(value) ? "{}" : String(value);
}
