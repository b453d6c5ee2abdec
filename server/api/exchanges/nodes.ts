// Test support: answers as trees that can be compared, whether they came as JSON or as a stream. Blob URIs are shown by what
// they seal, ids of the existing backend by ours.
import { Fernet } from "../../../formats/fernet.ts";
import { parseJson } from "../../../formats/json.ts";
import { decodeStream, foldDocuments, type StreamNode, type StreamRecord } from "../../../formats/stream.ts";
import type { Value } from "../../../formats/value.ts";
import { apiDefaults } from "../../config.ts";

/** `bigint` is an integer, `number` a float. Integer keys of streams are texts like "#5". */
export type Node =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Floats
  | Expectation
  | Node[]
  | Map<string, Node>;

/** Numbers that a stream packed: `{type: "numpy", ...}`. */
export class Floats {
  readonly values: readonly number[];
  constructor(values: readonly number[]) {
    this.values = values;
  }
}

/** What is to be there instead of something recorded, when it is not one value. */
export class Expectation {
  /** In words, for messages. */
  readonly text: string;
  readonly test: (ours: Node | undefined) => boolean;
  constructor(text: string, test: (ours: Node | undefined) => boolean) {
    this.text = text;
    this.test = test;
  }
}

export interface StreamContent {
  /** Objects keyed by run or step in one document; views that follow each other in one each. Without progress. */
  readonly documents: readonly Map<string, Node>[];
  /** `[number, checked, total]` of each report, in order. */
  readonly progress: readonly (readonly [number, bigint, bigint])[];
  readonly records: readonly StreamRecord[];
}

const fernet = new Fernet(apiDefaults.blobUriSecret);

/** A blob URI by what it seals; other texts as they are. */
export function readable(text: string): string {
  const sealed = text.startsWith("gAAAA") ? fernet.decrypt(text) : undefined;
  return sealed === undefined ? text : `token of ${sealed}`;
}

export function jsonNode(bytes: Uint8Array, rename: (text: string) => string): Node {
  return nodeOf(parseJson(new TextDecoder().decode(bytes)), rename);
}

/** @throws MatyanError `corrupt` for a stream that its consumers could not read. */
export async function streamContent(bytes: Uint8Array, rename: (text: string) => string): Promise<StreamContent> {
  const records = (await Array.fromAsync(decodeStream([bytes]))).flat();
  return { ...contentOf(await Array.fromAsync(foldDocuments([records])), rename), records };
}

function contentOf(trees: readonly StreamNode[], rename: (text: string) => string): StreamContent {
  const documents: Map<string, Node>[] = [];
  const progress: (readonly [number, bigint, bigint])[] = [];
  for (const tree of trees) {
    if (!(tree instanceof Map)) throw new Error("a document of a stream is no object");
    const document = new Map<string, Node>();
    for (const [key, child] of tree) {
      const report = /^progress_(\d+)$/.exec(String(key));
      if (report === null) document.set(keyOf(key, rename), nodeOf(child, rename));
      else if (Array.isArray(child) && typeof child[0] === "bigint" && typeof child[1] === "bigint")
        progress.push([Number(report[1]), child[0], child[1]]);
      else throw new Error(`${String(key)} is no progress report`);
    }
    if (document.size > 0) documents.push(document);
  }
  return { documents, progress, records: [] };
}

function keyOf(key: string | bigint, rename: (text: string) => string): string {
  return typeof key === "bigint" ? `#${key}` : rename(readable(key));
}

function nodeOf(value: StreamNode | Value, rename: (text: string) => string): Node {
  if (typeof value === "string") return rename(readable(value));
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
  if (value instanceof Map) {
    const floats = floatsIn(value);
    if (floats !== undefined) return floats;
    return new Map(Array.from(value, ([key, child]) => [keyOf(key, rename), nodeOf(child, rename)]));
  }
  if (Array.isArray(value)) return value.map((child: StreamNode) => nodeOf(child, rename));
  throw new Error("an answer holds no such value");
}

function floatsIn(map: ReadonlyMap<string | bigint, StreamNode>): Floats | undefined {
  const [blob, shape] = [map.get("blob"), map.get("shape")];
  if (map.get("type") !== "numpy" || !(blob instanceof Uint8Array)) return undefined;
  const count = blob.length / 8;
  if (map.get("dtype") !== "float64" || shape !== BigInt(count) || map.size !== 4)
    throw new Error(`a packed array of ${blob.length} bytes says that it has ${String(shape)} numbers`);
  return new Floats([...new Float64Array(blob.slice().buffer)]);
}

/** Documents as a recording has them: the notation of golden/README.md, read by the existing backend's own decoder. */
export function recordedStream(docs: readonly Value[], rename: (text: string) => string): StreamContent {
  return contentOf(docs.map(fromNotation), rename);
}

function fromNotation(value: Value): StreamNode {
  if (Array.isArray(value)) return value.map(fromNotation);
  if (!(value instanceof Map)) return value;
  const [floats, base64, odd] = [value.get("$f64"), value.get("b64"), value.get("$f")];
  if (Array.isArray(floats)) return floatBytes(floats.map((item) => Number(fromNotation(item))));
  if (value.has("$bytes") && typeof base64 === "string") return new Uint8Array(Buffer.from(base64, "base64"));
  if (typeof odd === "string") return { nan: Number.NaN, inf: Infinity, "-inf": -Infinity }[odd] ?? null;
  return new Map(
    Array.from(value, ([key, item]) => [/^#-?\d+$/.test(key) ? BigInt(key.slice(1)) : key, fromNotation(item)]),
  );
}

function floatBytes(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(values).buffer);
}

/**
 * Finds what the consumers of a stream stumble over (rest-api.md 2.4): objects that are interrupted, paths that come twice in
 * a row, indices out of order, names that are empty.
 */
export function wireFaults(records: readonly StreamRecord[]): string[] {
  const faults: string[] = [];
  const closed = new Set<string>();
  let last: string | undefined;
  let open: string | undefined;
  const counts = new Map<string, bigint>();
  for (const { path } of records) {
    const shown = path.map((key) => (typeof key === "bigint" ? `#${key}` : key)).join("\u0000");
    const readableShown = shown.replaceAll("\u0000", "/");
    if (shown === last) faults.push(`${readableShown} comes twice in a row`);
    last = shown;
    if (path.some((key) => key === "")) faults.push(`${readableShown} has an empty name`);
    const first = String(path[0]);
    if (first !== open) {
      if (closed.has(first)) faults.push(`${first} goes on after it ended`);
      if (open !== undefined) closed.add(open);
      open = first;
    }
    for (let depth = 1; depth < path.length; depth++) {
      const key = path[depth];
      if (typeof key !== "bigint") continue;
      const parent = path.slice(0, depth).join("\u0000");
      const expected = counts.get(parent) ?? 0n;
      if (key === expected) counts.set(parent, expected + 1n);
      else if (key !== expected - 1n) faults.push(`${readableShown} is out of order`);
    }
  }
  return faults;
}
