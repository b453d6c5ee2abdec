// Tags by their bytes: each gets a small number, so that the hot path never makes a string.

export class TagTable {
  /** All tags' bytes, one after the other; tag `id` lies at [starts[id], starts[id + 1]). */
  #pool = new Uint8Array(4096);
  #poolView = new DataView(this.#pool.buffer);
  readonly #starts: number[] = [0];
  /** Open addressing; holds id + 1, 0 is free. */
  #slots = new Int32Array(256);
  /** Writers log their tags in the same order again and again: the tag that came after this one last time. */
  readonly #following: number[] = [];
  #last = 0;

  get size(): number {
    return this.#starts.length - 1;
  }

  bytes(id: number): Uint8Array {
    return this.#pool.subarray(this.#starts[id], this.#starts[id + 1]);
  }

  /** The id of the tag in `source[start, end)`, or -1. `view` covers the same memory as `source`. */
  find(source: Uint8Array, view: DataView, start: number, end: number): number {
    if (this.size === 0) return -1;
    const expected = this.#following[this.#last]!;
    if (this.#equals(expected, source, view, start, end)) {
      this.#last = expected;
      return expected;
    }
    const mask = this.#slots.length - 1;
    for (let slot = hash(source, start, end) & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot]! - 1;
      if (id < 0) return -1;
      if (this.#equals(id, source, view, start, end)) {
        this.#following[this.#last] = id;
        this.#last = id;
        return id;
      }
    }
  }

  /** The id of the tag, new if it was not met before. */
  intern(source: Uint8Array, view: DataView, start: number, end: number): number {
    const known = this.find(source, view, start, end);
    if (known >= 0) return known;
    const id = this.size;
    const from = this.#starts[id]!;
    const to = from + end - start;
    if (to > this.#pool.length) {
      const grown = new Uint8Array(Math.max(to, this.#pool.length * 2));
      grown.set(this.#pool.subarray(0, from));
      this.#pool = grown;
      this.#poolView = new DataView(grown.buffer);
    }
    this.#pool.set(source.subarray(start, end), from);
    this.#starts.push(to);
    this.#following.push(0);
    if (id > 0) this.#following[this.#last] = id;
    this.#last = id;
    if (this.size * 2 > this.#slots.length) this.#rehash();
    else this.#place(id);
    return id;
  }

  #equals(id: number, source: Uint8Array, view: DataView, start: number, end: number): boolean {
    const pool = this.#pool;
    const poolView = this.#poolView;
    let at = this.#starts[id]!;
    if (this.#starts[id + 1]! - at !== end - start) return false;
    let index = start;
    for (; index + 4 <= end; index += 4) {
      if (poolView.getInt32(at, true) !== view.getInt32(index, true)) return false;
      at += 4;
    }
    for (; index < end; index++) if (pool[at++] !== source[index]) return false;
    return true;
  }

  #place(id: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash(this.#pool, this.#starts[id]!, this.#starts[id + 1]!) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = id + 1;
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 4);
    for (let id = 0; id < this.size; id++) this.#place(id);
  }
}

/** FNV-1a, 32 bits, folded. */
function hash(source: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let index = start; index < end; index++) value = Math.imul(value ^ source[index]!, 0x01000193);
  return value ^ (value >>> 15);
}
