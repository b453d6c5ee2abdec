// Size, SHA-256 and record count of every file of an archive, as listed and as seen: about 150 bytes a file, since an
// archive may hold millions of blobs.

export interface FileFacts {
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly records?: number;
}

const entryBytes = 64;
const entriesPerBlock = 4096;
const pathBlockBytes = 1 << 20;
/** Entry: SHA-256 (32), size (8), records (8, NaN for none), place of the path (8), hash of it (4), its length (2), flags (1). */
const at = { size: 32, records: 40, path: 48, hash: 56, length: 60, flags: 62 } as const;

export const listed = 1;
export const seen = 2;

export class FileTable {
  readonly #blocks: DataView[] = [];
  readonly #paths: Buffer[] = [];
  /** Against archives made to collide. */
  readonly #seed = Math.floor(Math.random() * 0x1_0000_0000);
  #pathEnd = 0;
  #count = 0;
  /** Entry number + 1 by hash, open addressing; 0 is free. */
  #slots = new Int32Array(1024);

  get count(): number {
    return this.#count;
  }

  /** The number of the entry for `path`, or -1. */
  find(path: string): number {
    const bytes = Buffer.from(path);
    return this.#slots[this.#slot(bytes, this.#hash(bytes))]! - 1;
  }

  /** Adds an entry for a path that has none. `flag` is `listed` or `seen`. Returns its number. */
  add(path: string, facts: FileFacts, flag: number): number {
    const bytes = Buffer.from(path);
    const hash = this.#hash(bytes);
    if (this.#count * 2 >= this.#slots.length) this.#grow();
    const number = this.#count++;
    if (number % entriesPerBlock === 0) this.#blocks.push(new DataView(new ArrayBuffer(entryBytes * entriesPerBlock)));
    const [view, base] = this.#entry(number);
    Buffer.from(view.buffer, base, 32).write(facts.sha256, "hex");
    view.setFloat64(base + at.size, facts.size);
    view.setFloat64(base + at.records, facts.records ?? Number.NaN);
    view.setFloat64(base + at.path, this.#keep(bytes));
    view.setUint32(base + at.hash, hash);
    view.setUint16(base + at.length, bytes.length);
    view.setUint8(base + at.flags, flag);
    this.#slots[this.#slot(bytes, hash)] = number + 1;
    return number;
  }

  flags(number: number): number {
    const [view, base] = this.#entry(number);
    return view.getUint8(base + at.flags);
  }

  mark(number: number, flag: number): void {
    const [view, base] = this.#entry(number);
    view.setUint8(base + at.flags, view.getUint8(base + at.flags) | flag);
  }

  facts(number: number): FileFacts {
    const [view, base] = this.#entry(number);
    const records = view.getFloat64(base + at.records);
    return {
      size: view.getFloat64(base + at.size),
      sha256: Buffer.from(view.buffer, base, 32).toString("hex"),
      ...(Number.isNaN(records) ? {} : { records }),
    };
  }

  path(number: number): string {
    return this.#path(number).toString();
  }

  #entry(number: number): [DataView, number] {
    return [this.#blocks[Math.floor(number / entriesPerBlock)]!, (number % entriesPerBlock) * entryBytes];
  }

  #path(number: number): Buffer {
    const [view, base] = this.#entry(number);
    const place = view.getFloat64(base + at.path);
    const start = place % pathBlockBytes;
    return this.#paths[Math.floor(place / pathBlockBytes)]!.subarray(start, start + view.getUint16(base + at.length));
  }

  #keep(bytes: Buffer): number {
    if (this.#paths.length === 0 || this.#pathEnd + bytes.length > pathBlockBytes) {
      this.#paths.push(Buffer.allocUnsafeSlow(pathBlockBytes));
      this.#pathEnd = 0;
    }
    const place = (this.#paths.length - 1) * pathBlockBytes + this.#pathEnd;
    bytes.copy(this.#paths.at(-1)!, this.#pathEnd);
    this.#pathEnd += bytes.length;
    return place;
  }

  #hash(bytes: Uint8Array): number {
    return Bun.hash.xxHash32(bytes, this.#seed);
  }

  /** The slot of the entry for this path, or the free one where it belongs. */
  #slot(path: Buffer, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot]! - 1;
      if (number < 0) return slot;
      const [view, base] = this.#entry(number);
      if (view.getUint32(base + at.hash) === hash && this.#path(number).equals(path)) return slot;
    }
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#count; number++) {
      const [view, base] = this.#entry(number);
      let slot = view.getUint32(base + at.hash) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}
