// Stored objects (images, texts, audio, distributions, figures) as the UI wants them (rest-api.md 2.8, storage.md 2.8).
import { formatJson } from "../../formats/json.ts";
import { numpyOf, type StreamNode } from "../../formats/stream.ts";
import { isMap, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import { type HalfOpen, positionsOf, type SequenceScope } from "../search/index.ts";
import { numberOf } from "../store/floatColumns.ts";
import { pickEvenly } from "../store/sampling.ts";
import { treeOf } from "./streams/runParts.ts";

export type CustomScope = Exclude<SequenceScope, "metric">;
export const customScopes = ["images", "texts", "distributions", "audios", "figures"] as const satisfies CustomScope[];

/** Whether a step of the type holds a list of items. */
export function isListScope(scope: CustomScope): boolean {
  return scope === "images" || scope === "texts" || scope === "audios";
}

export interface ItemChoice {
  readonly range: HalfOpen;
  /** Items to choose of each list; all when not positive. */
  readonly density: number;
}

export interface StepItems {
  readonly items: readonly StreamNode[];
  /** How many items the stored list has. */
  readonly stored: number;
}

/**
 * The chosen items of a step of a list type. They keep the numbers that they have in the stored list, in `index` and in the
 * URI: a URI must lead to the picture that it stands beside (W8).
 */
export function itemsOf(
  scope: CustomScope,
  value: Value,
  { range, density }: ItemChoice,
  uriOf: (index: number) => string,
): StepItems {
  const list = Array.isArray(value) ? value : [value];
  const positions = positionsOf(range, list.length);
  const chosen = density > 0 ? pickEvenly(positions, density) : positions;
  return { items: chosen.map((index) => itemOf(scope, list[index]!, index, uriOf)), stored: list.length };
}

/** One item. `index` is its position in the list, or what is said of a type that has no lists. */
export function itemOf(scope: CustomScope, value: Value, index: number, uriOf: (index: number) => string): StreamNode {
  const fields: ValueMap = isMap(value) ? value : new Map();
  switch (scope) {
    case "images":
      return treeOf({
        caption: textField(fields, "caption", ""),
        width: fields.get("width") === undefined ? 0n : sizeField(fields, "width"),
        height: fields.get("height") === undefined ? 0n : sizeField(fields, "height"),
        format: textField(fields, "format", "png"),
        blob_uri: uriOf(index),
        index: BigInt(index),
      });
    case "audios":
      return treeOf({
        caption: textField(fields, "caption", ""),
        format: textField(fields, "format", "wav"),
        blob_uri: uriOf(index),
        index: BigInt(index),
      });
    case "texts":
      return treeOf({ data: textOf(isMap(value) ? (value.get("data") ?? "") : value), index: BigInt(index) });
    case "distributions":
      return distributionOf(fields);
    case "figures":
      return treeOf({ data: figureText(fields.get("data")), index: BigInt(index) });
  }
}

function textField(fields: ValueMap, name: string, fallback: string): string {
  const value = fields.get(name);
  return typeof value === "string" ? value : fallback;
}

/** Pixels; null stays null: an image that was logged from a file says nothing of its size. */
function sizeField(fields: ValueMap, name: string): Value {
  const value = fields.get(name);
  return typeof value === "bigint" || typeof value === "number" ? value : null;
}

/** Anything falsy is the empty text. */
function textOf(value: Value): string {
  if (typeof value === "string") return value;
  return value === null || value === false || value === 0n || value === 0 ? "" : formatJson(value);
}

/** The weights of the bins as float64; what is no list or bytes is no weights. */
function distributionOf(fields: ValueMap): StreamNode {
  const data = fields.get("data");
  const weights =
    data instanceof Uint8Array
      ? data.subarray(0, data.length - (data.length % 8))
      : Float64Array.from(Array.isArray(data) ? data : [], numberOf);
  const count = toNumber(fields.get("bin_count"));
  const shape = count !== undefined && Number.isSafeInteger(count) ? count : undefined;
  const numpy = numpyOf(weights, shape);
  const range = fields.get("range");
  return treeOf({
    data: numpy,
    bin_count: numpy.get("shape") ?? 0n,
    range: Array.isArray(range) ? range : [0n, 0n],
  });
}

/**
 * The Plotly figure as JSON text, which is what was logged, whatever it is; `{}` where nothing was. Numbers that JSON lacks are
 * null in it, a gap in the plot.
 */
function figureText(data: Value | undefined): string {
  if (typeof data === "string") return data;
  if (data === undefined || data === null) return "{}";
  const text = formatJson(data, { ascii: true });
  return /NaN|Infinity/.test(text) ? formatJson(finite(data), { ascii: true }) : text;
}

function finite(value: Value): Value {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(finite);
  return isMap(value) ? new Map([...value].map(([name, item]) => [name, finite(item)])) : value;
}
