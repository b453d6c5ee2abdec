// Which values a sequence holds, and whether they are what its trace's dtype promises (backup-convert.md 1.10, 1.11).
import { isMap, type Value } from "../value.ts";

/** What a value looks like, in the words of messages. */
export const shapes = [
  "a float",
  "an integer",
  "null",
  "a boolean",
  "a string",
  "an image",
  "a text",
  "a distribution",
  "an audio clip",
  "a figure",
  "a custom object",
  "a log record",
  "an object of unknown type",
  "a list",
] as const;

export type Shape = (typeof shapes)[number];

const objectShapes: ReadonlyMap<string, Shape> = new Map([
  ["image", "an image"],
  ["text", "a text"],
  ["distribution", "a distribution"],
  ["audio", "an audio clip"],
  ["figure", "a figure"],
  ["custom", "a custom object"],
]);

const dtypeShapes: ReadonlyMap<string, Shape> = new Map([
  ...objectShapes,
  // The plural is what the existing client's bucket names are; readers accept it (6.5).
  ["images", "an image"],
  ["texts", "a text"],
  ["distributions", "a distribution"],
  ["audios", "an audio clip"],
  ["figures", "a figure"],
  ["logs", "a string"],
  ["log_records", "a log record"],
]);

const scalarShapes: ReadonlySet<Shape> = new Set(["a float", "an integer", "null"]);

export function shapeOf(value: Value): Shape {
  if (typeof value === "number") return "a float";
  if (typeof value === "bigint") return "an integer";
  if (value === null) return "null";
  if (typeof value === "boolean") return "a boolean";
  if (typeof value === "string") return "a string";
  if (Array.isArray(value)) return listShape(value);
  if (!isMap(value)) return "an object of unknown type";
  const type = value.get("type");
  if (type !== undefined)
    return (typeof type === "string" ? objectShapes.get(type) : undefined) ?? "an object of unknown type";
  return typeof value.get("message") === "string" ? "a log record" : "an object of unknown type";
}

/** Several objects of one type at one step are what one of them is. */
function listShape(items: readonly Value[]): Shape {
  const shape = isMap(items[0]) ? shapeOf(items[0]) : "a list";
  return items.every((item) => isMap(item) && shapeOf(item) === shape) ? shape : "a list";
}

export function isScalarDtype(dtype: string): boolean {
  return !dtypeShapes.has(dtype);
}

export function fits(shape: Shape, dtype: string): boolean {
  const wanted = dtypeShapes.get(dtype);
  if (wanted === undefined) return scalarShapes.has(shape);
  // A custom object may say any type of its own.
  return shape === wanted || (dtype === "custom" && shape === "an object of unknown type");
}

/** Object keys that a value refers to; `undefined` for an image or audio clip that has none. */
export function* blobKeys(value: Value): Generator<string | undefined> {
  if (Array.isArray(value)) {
    for (const item of value) if (isMap(item)) yield* blobKeys(item);
  } else if (isMap(value)) {
    const key = value.get("s3_key");
    if (typeof key === "string") yield key;
    else if (value.get("type") === "image" || value.get("type") === "audio") yield undefined;
  }
}
