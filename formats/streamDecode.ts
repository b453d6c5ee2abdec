// Reads tree streams back, in whatever pieces they arrive: records, then objects. Source: rest-api.md section 2.
import { MatyanError } from "./error.ts";
import type { StreamKey, StreamNode, StreamTree } from "./stream.ts";
import { decodeUtf8 } from "./utf8.ts";

/** One record: a path and the scalar, or marker of an empty container, that stands there. */
export interface StreamRecord {
  readonly path: readonly StreamKey[];
  readonly value: StreamScalar;
}

export type StreamScalar =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | typeof arrayMarker
  | typeof objectMarker;
const arrayMarker: unique symbol = Symbol("array");
const objectMarker: unique symbol = Symbol("object");

/** Longer paths and values are taken for damage: a key of the store has 10 kB, a frame of a client 16 MiB. */
const maxPathBytes = 1 << 20;
const maxValueBytes = 1 << 30;

/** Takes a stream in pieces of any size. */
export class StreamDecoder {
  #rest: Uint8Array = new Uint8Array(0);
  /** Where `#rest` begins in the stream, for messages. */
  #offset = 0;
  /** Bytes that the record at the front of `#rest` needs before it is worth another look. */
  #needed = 4;
  #parts: Uint8Array[] = [];
  #buffered = 0;

  /** The records that became whole. @throws MatyanError `corrupt` with the position in the stream. */
  push(given: Uint8Array): StreamRecord[] {
    // A Buffer's `slice` shares its memory: what is kept of one would change under our hands, and show too much of it.
    const chunk =
      given.constructor === Uint8Array ? given : new Uint8Array(given.buffer, given.byteOffset, given.length);
    this.#buffered += chunk.length;
    // What is kept is copied: the caller may use its buffer again.
    if (this.#buffered < this.#needed) {
      this.#parts.push(chunk.slice());
      return [];
    }
    this.#parts.push(chunk);
    const bytes = this.#parts.length === 1 && this.#rest.length === 0 ? chunk : joined(this.#rest, this.#parts);
    this.#parts = [];
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const records: StreamRecord[] = [];
    let at = 0;
    for (;;) {
      this.#needed = 4;
      if (bytes.length - at < 4) break;
      const pathLength = view.getUint32(at, true);
      if (pathLength > maxPathBytes) throw this.#corrupt(at, `a path of ${pathLength} bytes`);
      this.#needed = 8 + pathLength;
      if (bytes.length - at < this.#needed) break;
      const valueAt = at + 8 + pathLength;
      const valueLength = view.getUint32(valueAt - 4, true);
      if (valueLength === 0 || valueLength > maxValueBytes) throw this.#corrupt(at, `a value of ${valueLength} bytes`);
      this.#needed = 8 + pathLength + valueLength;
      if (bytes.length - at < this.#needed) break;
      const path = this.#path(bytes, view, at + 4, at + 4 + pathLength);
      records.push({ path, value: this.#value(bytes, view, valueAt, valueAt + valueLength) });
      at = valueAt + valueLength;
    }
    // What stays is copied: a small rest must not hold a large chunk.
    this.#rest = bytes.slice(at);
    this.#buffered = this.#rest.length;
    this.#offset += at;
    return records;
  }

  /** @throws MatyanError `corrupt` when the stream ends inside a record: it was cut off. */
  end(): void {
    if (this.#buffered > 0) throw this.#corrupt(0, `${this.#buffered} bytes of a record that was cut off`);
  }

  #path(bytes: Uint8Array, view: DataView, start: number, end: number): StreamKey[] {
    const path: StreamKey[] = [];
    for (let at = start; at < end; ) {
      if (bytes[at] === 0xfe) {
        if (at + 10 > end || bytes[at + 9] !== 0xfe) throw this.#corrupt(at, "a path with a broken integer");
        path.push(view.getBigInt64(at + 1));
        at += 10;
        continue;
      }
      const stop = bytes.indexOf(0xfe, at);
      if (stop < 0 || stop >= end) throw this.#corrupt(at, "a path without its end");
      path.push(decodeUtf8(bytes, at, stop, "a name in the stream"));
      at = stop + 1;
    }
    return path;
  }

  #value(bytes: Uint8Array, view: DataView, start: number, end: number): StreamScalar {
    const kind = bytes[start]!;
    const size = end - start - 1;
    const expected = [0, 1, 8, 8, undefined, undefined, 0, 0][kind];
    if (kind > 7) throw this.#corrupt(start, `a value of the unknown kind ${kind}`);
    if (expected !== undefined && size !== expected)
      throw this.#corrupt(start, `a value of kind ${kind} with ${size} bytes`);
    switch (kind) {
      case 0:
        return null;
      case 1:
        return bytes[start + 1] !== 0;
      case 2:
        return view.getBigInt64(start + 1, true);
      case 3:
        return view.getFloat64(start + 1, true);
      case 4:
        return decodeUtf8(bytes, start + 1, end, "a text in the stream");
      case 5:
        return bytes.slice(start + 1, end);
      default:
        return kind === 6 ? arrayMarker : objectMarker;
    }
  }

  #corrupt(at: number, what: string): MatyanError {
    return new MatyanError("corrupt", `the stream holds ${what} at byte ${this.#offset + at}`, {
      hint: "The answer was damaged or cut off on its way: ask again.",
    });
  }
}

function joined(first: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(others.reduce((sum, part) => sum + part.length, first.length));
  all.set(first);
  let at = first.length;
  for (const part of others) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The records of a body, in batches as they arrive. @throws MatyanError `corrupt` */
export async function* decodeStream(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<StreamRecord[]> {
  const decoder = new StreamDecoder();
  for await (const chunk of chunks) {
    const records = decoder.push(chunk);
    if (records.length > 0) yield records;
  }
  decoder.end();
}

/** The objects of a stream by their first path component (a run, a step, a progress report), each when it is complete. */
export async function* foldObjects(
  batches: AsyncIterable<readonly StreamRecord[]> | Iterable<readonly StreamRecord[]>,
): AsyncGenerator<readonly [StreamKey, StreamNode]> {
  let key: StreamKey | undefined;
  let builder = new TreeBuilder();
  for await (const batch of batches)
    for (const { path, value } of batch) {
      const first = path[0];
      if (first === undefined) throw new MatyanError("corrupt", "the stream holds a record without a path");
      if (key !== undefined && first !== key) {
        yield [key, builder.entry(key)];
        builder = new TreeBuilder();
      }
      key = first;
      if (!builder.add(path, value)) throw new MatyanError("corrupt", `the stream holds '${path.join("/")}' twice`);
    }
  if (key !== undefined) yield [key, builder.entry(key)];
}

/** Whole trees, for streams that are not keyed by object: a path that comes a second time begins the next one. */
export async function* foldDocuments(
  batches: AsyncIterable<readonly StreamRecord[]> | Iterable<readonly StreamRecord[]>,
): AsyncGenerator<StreamTree> {
  let builder = new TreeBuilder();
  let isEmpty = true;
  for await (const batch of batches)
    for (const { path, value } of batch) {
      if (!builder.add(path, value)) {
        yield builder.root;
        builder = new TreeBuilder();
        builder.add(path, value);
      }
      isEmpty = false;
    }
  if (!isEmpty) yield builder.root;
}

class TreeBuilder {
  readonly root = new Map<StreamKey, StreamNode>();

  entry(key: StreamKey): StreamNode {
    return this.root.get(key) ?? null;
  }

  /** False, and nothing done, when something stands at the path already. */
  add(path: readonly StreamKey[], value: StreamScalar): boolean {
    let container: Container = this.root;
    for (let i = 0; i < path.length - 1; i++) {
      const key = path[i]!;
      let child = childOf(container, key);
      if (child === undefined) {
        child = new Map<StreamKey, StreamNode>();
        put(container, key, child);
      }
      // A scalar that becomes a branch can only be the start of another tree.
      if (!isContainer(child)) return false;
      container = child;
    }
    const last = path.at(-1);
    if (last === undefined || childOf(container, last) !== undefined) return false;
    put(container, last, value === arrayMarker ? [] : value === objectMarker ? new Map() : value);
    return true;
  }
}

type Container = Map<StreamKey, StreamNode> | StreamNode[];

function isContainer(node: StreamNode | undefined): node is Container {
  return node instanceof Map || Array.isArray(node);
}

function childOf(container: Container, key: StreamKey): StreamNode | undefined {
  if (container instanceof Map) return container.get(key);
  return typeof key === "bigint" ? container[Number(key)] : undefined;
}

/** Gaps in an array are filled with null, as the UI does; only few are believed. */
function put(container: Container, key: StreamKey, node: StreamNode): void {
  if (container instanceof Map) {
    container.set(key, node);
    return;
  }
  const index = Number(key);
  if (typeof key !== "bigint" || index < container.length || index > container.length + 1_000_000)
    throw new MatyanError("corrupt", `the stream holds the index ${key} in an array of ${container.length}`);
  while (container.length < index) container.push(null);
  container.push(node);
}

/** The numbers of a `{type: "numpy", ...}` object, or undefined when it is none. @throws MatyanError `corrupt` */
export function floatsOf(node: StreamNode | undefined): Float64Array | undefined {
  if (!(node instanceof Map) || node.get("type") !== "numpy") return undefined;
  const blob = node.get("blob");
  if (node.get("dtype") !== "float64" || !(blob instanceof Uint8Array) || blob.length % 8 !== 0)
    throw new MatyanError("corrupt", "a number array of the stream is not one of float64");
  return new Float64Array(blob.slice().buffer);
}
