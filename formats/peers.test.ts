// Agreement with the codecs that the reference stands on, over random samples made by them.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { canonicalContext, contextId } from "./context.ts";
import { formatJson, parseJson, pythonFloat } from "./json.ts";
import { decodeValue, encodeValue } from "./msgpack.ts";
import { pack, SingleFloat, type TupleElement, Uuid, unpack, Versionstamp } from "./tuple.ts";
import { Extension, isMap, type Value, type ValueMap } from "./value.ts";

// From the official Python packages (foundationdb 8.0.0, msgpack 1.2.4, CPython's json and hashlib), see fixtures/README.md.
const path = new URL("../fixtures/formats/peers.jsonl", import.meta.url);

function samples(kind: string): ValueMap[] {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n").map(parseJson);
  const found = lines.filter(isMap).filter((sample) => sample.get("kind") === kind);
  if (found.length < 50) throw new Error(`only ${found.length} samples of ${kind}`);
  return found;
}

function text(sample: ValueMap, field: string): string {
  const value = sample.get(field);
  if (typeof value !== "string") throw new Error(`${field} is not text`);
  return value;
}

const bytesOf = (value: Value | undefined): Uint8Array => Uint8Array.fromHex(String(value));
const doubleOf = (bits: Value | undefined): number => new DataView(bytesOf(bits).slice().buffer).getFloat64(0);

/** The samples write what JSON cannot hold as maps with one field that names the type. */
function element(sample: Value): TupleElement {
  if (Array.isArray(sample)) return sample.map(element);
  if (!isMap(sample)) {
    if (sample === null || typeof sample === "string" || typeof sample === "bigint" || typeof sample === "boolean")
      return sample;
    throw new Error("unknown sample");
  }
  if (sample.has("bytes")) return bytesOf(sample.get("bytes"));
  if (sample.has("double")) return doubleOf(sample.get("double"));
  if (sample.has("single"))
    return new SingleFloat(new DataView(bytesOf(sample.get("single")).slice().buffer).getUint32(0));
  if (sample.has("uuid")) return new Uuid(bytesOf(sample.get("uuid")));
  return new Versionstamp(bytesOf(sample.get("versionstamp")));
}

function stored(sample: Value): Value {
  if (Array.isArray(sample)) return sample.map(stored);
  if (!isMap(sample)) return sample;
  if (sample.has("bytes")) return bytesOf(sample.get("bytes"));
  if (sample.has("float")) return doubleOf(sample.get("float"));
  if (sample.has("ext")) return new Extension(Number(sample.get("ext")), bytesOf(sample.get("data")));
  const fields = sample.get("map");
  if (!isMap(fields)) throw new Error("unknown sample");
  return new Map([...fields].map(([key, item]) => [key, stored(item)]));
}

test("tuples pack to the bytes of FoundationDB's Python binding, and unpack from them", () => {
  for (const sample of samples("tuple")) {
    const elements = element(sample.get("elements") ?? null) as TupleElement[];
    expect(pack(elements).toHex()).toBe(text(sample, "hex"));
    expect(unpack(bytesOf(sample.get("hex")))).toEqual(elements);
  }
});

test("values encode to the bytes of Python's msgpack, and decode from them", () => {
  for (const sample of samples("msgpack")) {
    const value = stored(sample.get("value") ?? null);
    expect(encodeValue(value).toHex()).toBe(text(sample, "hex"));
    expect(decodeValue(bytesOf(sample.get("hex")))).toEqual(value);
  }
});

test("JSON text comes out as json.dumps gives it: raw, in ASCII and indented", () => {
  for (const sample of samples("json")) {
    for (const source of [text(sample, "raw"), text(sample, "ascii"), text(sample, "indented")]) {
      const value = parseJson(source);
      expect(formatJson(value)).toBe(text(sample, "raw"));
      expect(formatJson(value, { ascii: true })).toBe(text(sample, "ascii"));
      expect(formatJson(value, { indent: 2 })).toBe(text(sample, "indented"));
    }
  }
});

test("floats print as CPython's repr", () => {
  for (const sample of samples("float")) expect(pythonFloat(doubleOf(sample.get("bits")))).toBe(text(sample, "repr"));
});

test("contexts have the canonical text and id that Python computes", () => {
  for (const sample of samples("context")) {
    const context = parseJson(text(sample, "raw"));
    if (!isMap(context)) throw new Error("a context is a map");
    expect(canonicalContext(context)).toBe(text(sample, "canonical"));
    expect(contextId(context)).toBe(Number(sample.get("id")));
  }
});
