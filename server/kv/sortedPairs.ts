// Sorted pairs in chunks that are shared between versions: a version is a list of chunks and never changes once it is handed out.
import { type Key, type KeyRange, type KeyValue, keyAfter } from "./index.ts";

/** Keys and their values, in key order; never empty inside a version. */
interface Chunk {
  readonly keys: Uint8Array[];
  readonly values: Uint8Array[];
}

export type Version = readonly Chunk[];

/** A chunk is split in two when it grows beyond this. A change copies one chunk, and once a draft the list of chunks. */
const chunkPairs = 256;

export function valueIn(version: Version, key: Key): Uint8Array | undefined {
  const { chunk, index } = place(version, key);
  const found = version[chunk];
  return found?.keys[index] !== undefined && isEqual(found.keys[index], key) ? found.values[index] : undefined;
}

/** The pairs of a range in key order, from its end with `reverse`. The arrays are the version's own. */
export function* pairsIn(version: Version, { begin, end }: KeyRange, reverse: boolean): Generator<KeyValue> {
  if (Buffer.compare(begin, end) >= 0) return;
  const [from, to] = [place(version, begin), place(version, end)];
  const [first, last] = [from.chunk, Math.min(to.chunk, version.length - 1)];
  for (let count = 0; count <= last - first; count++) {
    const chunk = reverse ? last - count : first + count;
    const { keys, values } = version[chunk]!;
    const low = chunk === from.chunk ? from.index : 0;
    const high = chunk === to.chunk ? to.index : keys.length;
    for (let index = low; index < high; index++) {
      const at = reverse ? low + high - 1 - index : index;
      yield [keys[at]!, values[at]!];
    }
  }
}

/** A version in the making. */
export class Draft {
  #chunks: Chunk[] | undefined;
  readonly #base: Version;
  /** Chunks that only this draft has, so that it may change them. */
  readonly #own = new Set<Chunk>();

  constructor(base: Version) {
    this.#base = base;
  }

  /** As it is now; the next change may alter it. */
  get version(): Version {
    return this.#chunks ?? this.#base;
  }

  /** Keeps the arrays: the caller must not change them any more. */
  set(key: Uint8Array, value: Uint8Array): void {
    const chunks = this.#changeable();
    if (chunks.length === 0) chunks.push(this.#owned({ keys: [], values: [] }));
    let { chunk, index } = place(chunks, key);
    // Beyond all keys: the last chunk grows.
    if (chunk === chunks.length) {
      chunk--;
      index = chunks[chunk]!.keys.length;
    }
    const { keys, values } = this.#change(chunk);
    const there = keys[index];
    if (there !== undefined && isEqual(there, key)) {
      values[index] = value;
      return;
    }
    keys.splice(index, 0, key);
    values.splice(index, 0, value);
    if (keys.length > chunkPairs) {
      const half = keys.length >> 1;
      chunks.splice(chunk + 1, 0, this.#owned({ keys: keys.splice(half), values: values.splice(half) }));
    }
  }

  clear(key: Key): void {
    this.clearRange({ begin: key, end: keyAfter(key) });
  }

  clearRange({ begin, end }: KeyRange): void {
    if (Buffer.compare(begin, end) >= 0) return;
    const [from, to] = [place(this.version, begin), place(this.version, end)];
    if (from.chunk === to.chunk) {
      if (from.index < to.index) this.#cut(from.chunk, from.index, to.index);
      return;
    }
    // From the back, so that the places before stay true.
    if (to.index > 0) this.#cut(to.chunk, 0, to.index);
    this.#changeable().splice(from.chunk + 1, to.chunk - from.chunk - 1);
    this.#cut(from.chunk, from.index, Infinity);
  }

  #cut(chunk: number, begin: number, end: number): void {
    const { keys, values } = this.#change(chunk);
    keys.splice(begin, end - begin);
    values.splice(begin, end - begin);
    if (keys.length === 0) this.#changeable().splice(chunk, 1);
  }

  #changeable(): Chunk[] {
    this.#chunks ??= [...this.#base];
    return this.#chunks;
  }

  #change(index: number): Chunk {
    const chunks = this.#changeable();
    const chunk = chunks[index]!;
    if (this.#own.has(chunk)) return chunk;
    const copy = this.#owned({ keys: [...chunk.keys], values: [...chunk.values] });
    chunks[index] = copy;
    return copy;
  }

  #owned(chunk: Chunk): Chunk {
    this.#own.add(chunk);
    return chunk;
  }
}

/** Where the first key >= `key` is: never at the end of a chunk, unless it is beyond the last one (chunk = their number). */
function place(version: Version, key: Key): { readonly chunk: number; readonly index: number } {
  const chunk = firstWhere(version.length, (index) => {
    const highest = version[index]!.keys.at(-1);
    return highest !== undefined && Buffer.compare(highest, key) >= 0;
  });
  const keys = version[chunk]?.keys;
  if (keys === undefined) return { chunk, index: 0 };
  return { chunk, index: firstWhere(keys.length, (index) => Buffer.compare(keys[index]!, key) >= 0) };
}

/** The least index below `length` for which `holds`, given that it holds for all after that; `length` when for none. */
function firstWhere(length: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function isEqual(a: Key, b: Key): boolean {
  return Buffer.compare(a, b) === 0;
}
