// The growing buffer that tree streams are written into. Plain loops: every scalar of every answer goes through here.

const two32 = 0x1_0000_0000;
/** A buffer that one huge frame has grown beyond this is dropped at the next reset. */
const keptCapacity = 1 << 22;

export class StreamBytes {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets all that follows the first `length` bytes. */
  reset(length: number): void {
    this.#length = length;
    if (length === 0 && this.#bytes.length > keptCapacity) this.#use(new Uint8Array(4_096));
  }

  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  u32(value: number): void {
    this.#room(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  f64(value: number): void {
    this.#room(8);
    if (Number.isNaN(value)) this.#view.setBigUint64(this.#length, 0x7ff8000000000000n, true);
    else this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** 64 bits, two's complement, little-endian, of an integer below 2^32 in size. */
  smallInt(value: number): void {
    this.#room(8);
    this.#view.setUint32(this.#length, value >>> 0, true);
    this.#view.setUint32(this.#length + 4, value < 0 ? 0xffffffff : 0, true);
    this.#length += 8;
  }

  bigEndian(value: bigint): void {
    this.#room(8);
    this.#view.setBigInt64(this.#length, value);
    this.#length += 8;
  }

  /** The path component of an array index: `FE`, eight bytes, `FE`. */
  index(index: number): void {
    this.#room(10);
    const at = this.#length;
    this.#bytes[at] = 0xfe;
    this.#view.setUint32(at + 1, Math.floor(index / two32));
    this.#view.setUint32(at + 5, index >>> 0);
    this.#bytes[at + 9] = 0xfe;
    this.#length = at + 10;
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  append(other: StreamBytes): void {
    const count = other.#length;
    this.#room(count);
    const from = other.#bytes;
    // Paths are short: a loop beats a call into native code.
    if (count < 64) for (let i = 0; i < count; i++) this.#bytes[this.#length + i] = from[i]!;
    else this.#bytes.set(from.subarray(0, count), this.#length);
    this.#length += count;
  }

  /** UTF-8; a lone surrogate becomes U+FFFD. */
  text(text: string): void {
    this.#room(text.length);
    const bytes = this.#bytes;
    const start = this.#length;
    if (text.length <= 32) {
      let i = 0;
      for (; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 0x7f) break;
        bytes[start + i] = unit;
      }
      if (i === text.length) {
        this.#length = start + i;
        return;
      }
    }
    this.#room(text.length * 3);
    this.#length += encoder.encodeInto(text, this.#bytes.subarray(start)).written;
  }

  #room(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#use(larger);
  }

  #use(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

const encoder = new TextEncoder();
