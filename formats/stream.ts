// Tree streams: how the API sends nested objects, as a plain run of records "path, scalar". Source: rest-api.md section 2.
import { StreamBytes } from "./streamBytes.ts";
import { Extension, Timestamp, type Value } from "./value.ts";

/** A name, or an index or step (an integer component of the path). */
export type StreamKey = string | bigint;

/**
 * What a stream carries. A `Float64Array` goes out as `{type: "numpy", shape, dtype: "float64", blob}`; `numpyOf` makes the
 * same of an array whose shape is not its length.
 */
export type StreamNode = Value | Float64Array | readonly StreamNode[] | StreamTree;
export type StreamTree = ReadonlyMap<StreamKey, StreamNode>;

/** What an empty name is sent as: the bytes of an empty component are those of an integer's start, and the UI throws. */
export const emptyKeyName = "(empty)";

const tag = { null: 0, bool: 1, int: 2, float: 3, string: 4, bytes: 5, array: 6, object: 7 } as const;

/**
 * One frame: the records of all entries of `tree`, depth first, in their order. Never fails: integers of 2^31 and more go
 * out as floats (the UI misreads them otherwise), moments as ISO text, unknown extensions as text that says so, lone
 * surrogates as U+FFFD. No path occurs twice: names that become the same get a number.
 */
export function encodeTree(tree: StreamTree): Uint8Array {
  return new StreamEncoder().tree(tree).finish();
}

/** Builds frames in one growing buffer. Use it for many frames after each other; `finish` starts a new one. */
export class StreamEncoder {
  readonly #out = new StreamBytes(4_096);
  readonly #path = new StreamBytes(256);

  /** Bytes of the frame so far. */
  get length(): number {
    return this.#out.length;
  }

  tree(tree: StreamTree): this {
    this.#path.reset(0);
    this.#members(tree);
    return this;
  }

  /** One entry below a path, for objects that are made piece by piece: `["hash", "traces", 3n]`. */
  entry(path: readonly StreamKey[], node: StreamNode): this {
    this.#path.reset(0);
    for (const key of path) this.#key(typeof key === "string" && key === "" ? emptyKeyName : key);
    this.#node(node);
    return this;
  }

  /** A copy of what was encoded since the last call. */
  finish(): Uint8Array {
    const frame = this.#out.copy();
    this.#out.reset(0);
    return frame;
  }

  #members(tree: StreamTree): void {
    const start = this.#path.length;
    const unlike = needsRenaming(tree) ? renamed(tree) : undefined;
    for (const [key, node] of tree) {
      this.#key(unlike === undefined ? key : (unlike.get(key) ?? key));
      this.#node(node);
      this.#path.reset(start);
    }
  }

  #key(key: StreamKey): void {
    const path = this.#path;
    if (typeof key === "bigint") {
      if (BigInt.asIntN(64, key) !== key) path.text(String(key));
      else {
        path.byte(0xfe);
        path.bigEndian(key);
      }
    } else path.text(key);
    path.byte(0xfe);
  }

  #node(node: StreamNode): void {
    if (typeof node === "number") this.#float(node);
    else if (typeof node === "string") this.#text(node);
    else if (typeof node === "bigint") this.#integer(node);
    else if (typeof node === "boolean") {
      this.#header();
      this.#out.u32(2);
      this.#out.byte(tag.bool);
      this.#out.byte(node ? 1 : 0);
    } else if (node === null) this.#marker(tag.null);
    else if (node instanceof Map) {
      if (node.size > 0) this.#members(node);
      else this.#marker(tag.object);
    } else if (node instanceof Float64Array) this.#floats(node);
    else if (node instanceof Uint8Array) this.#bytes(node);
    else if (node instanceof Timestamp) this.#text(isoText(node));
    else if (node instanceof Extension) this.#text(`extension ${node.type} of ${node.data.length} bytes`);
    else this.#items(node as readonly StreamNode[]);
  }

  #items(items: readonly StreamNode[]): void {
    this.#marker(tag.array);
    const start = this.#path.length;
    for (let i = 0; i < items.length; i++) {
      this.#path.index(i);
      this.#node(items[i]!);
      this.#path.reset(start);
    }
  }

  #text(text: string): void {
    this.#header();
    const at = this.#out.length;
    this.#out.u32(0);
    this.#out.byte(tag.string);
    this.#out.text(text);
    this.#out.patchU32(at, this.#out.length - at - 4);
  }

  #integer(value: bigint): void {
    if (value >= 0x8000_0000n || value <= -0x8000_0000n) {
      this.#float(Number(value));
      return;
    }
    this.#header();
    this.#out.u32(9);
    this.#out.byte(tag.int);
    this.#out.smallInt(Number(value));
  }

  /** The head of a record: the path with its length. */
  #header(): void {
    this.#out.u32(this.#path.length);
    this.#out.append(this.#path);
  }

  #marker(kind: number): void {
    this.#header();
    this.#out.u32(1);
    this.#out.byte(kind);
  }

  #float(value: number): void {
    this.#header();
    this.#out.u32(9);
    this.#out.byte(tag.float);
    this.#out.f64(value);
  }

  #bytes(bytes: Uint8Array): void {
    this.#header();
    this.#out.u32(bytes.length + 1);
    this.#out.byte(tag.bytes);
    this.#out.raw(bytes);
  }

  /** The hot path of metric searches: the numbers are copied once, as they lie in memory (all our targets are little-endian). */
  #floats(values: Float64Array): void {
    const start = this.#path.length;
    for (const [name, node] of numpyOf(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))) {
      this.#key(name);
      this.#node(node);
      this.#path.reset(start);
    }
  }
}

/**
 * The form of a number array on the wire. `values` may also be its bytes, float64 little-endian; `shape` is the number of
 * elements that is said, by default that which is there.
 */
export function numpyOf(values: ArrayLike<number> | Uint8Array, shape?: number): Map<string, Value> {
  const floats =
    values instanceof Float64Array ? values : Float64Array.from(values instanceof Uint8Array ? [] : values);
  const blob =
    values instanceof Uint8Array ? values : new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  return new Map<string, Value>([
    ["type", "numpy"],
    ["shape", BigInt(shape ?? Math.floor(blob.length / 8))],
    ["dtype", "float64"],
    ["blob", blob],
  ]);
}

const loneSurrogate = /[\ud800-\udfff]/;

function needsRenaming(tree: StreamTree): boolean {
  for (const key of tree.keys())
    if (typeof key === "string" ? key === "" || loneSurrogate.test(key) : BigInt.asIntN(64, key) !== key) return true;
  return false;
}

/** The names as they are sent, where that is not what they are; each different from all its siblings. */
function renamed(tree: StreamTree): Map<StreamKey, StreamKey> {
  const names = new Map<StreamKey, StreamKey>();
  const taken = new Set<StreamKey>();
  for (const key of tree.keys()) if (sentAs(key) === key) taken.add(key);
  for (const key of tree.keys()) {
    const wanted = sentAs(key);
    if (wanted === key) continue;
    let name = wanted;
    for (let count = 2; taken.has(name); count++) name = `${wanted} ${count}`;
    taken.add(name);
    names.set(key, name);
  }
  return names;
}

function sentAs(key: StreamKey): StreamKey {
  if (key === "") return emptyKeyName;
  if (typeof key === "string") return key.toWellFormed();
  return BigInt.asIntN(64, key) === key ? key : String(key);
}

/** ISO 8601 in UTC where a date has one, else the seconds. */
function isoText(moment: Timestamp): string {
  const date = new Date(moment.seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${moment.seconds} seconds since 1970` : date.toISOString();
}

export {
  decodeStream,
  floatsOf,
  foldDocuments,
  foldObjects,
  StreamDecoder,
  type StreamRecord,
} from "./streamDecode.ts";
