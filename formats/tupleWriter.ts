// Packs tuples. Source: the public "Tuple layer" design document of FoundationDB; storage.md section 1.2.
import { MatyanError } from "./error.ts";
import { code, maxDepth, NanDouble, SingleFloat, type TupleElement, Uuid, Versionstamp } from "./tupleElements.ts";
import { encodeUtf8 } from "./utf8.ts";

const two32 = 0x1_0000_0000;
/** A buffer that one huge element has grown beyond this is dropped at the next reset. */
const keptCapacity = 1 << 20;

/**
 * A growable buffer that tuples are written into, element by element; the reusable form of `pack` for hot paths:
 * write what many keys share, keep `length`, then `reset(length)` before each key's own elements.
 */
export class TupleWriter {
  #buffer: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** A copy of what was written. The writer may go on. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  /** Forgets all that follows the first `length` bytes. */
  reset(length = 0): this {
    if (length < 0 || length > this.#length) throw new RangeError(`cannot reset to ${length} of ${this.#length} bytes`);
    this.#length = length;
    if (length === 0 && this.#buffer.length > keptCapacity) this.#use(new Uint8Array(256));
    return this;
  }

  /** Bytes as they are, such as a directory's prefix or an already packed tuple. */
  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  null(): this {
    return this.#byte(code.null);
  }

  boolean(value: boolean): this {
    return this.#byte(value ? code.true : code.false);
  }

  string(text: string): this {
    this.#room(text.length + 2);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = code.string;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      // NUL needs an escape, the others more than one byte.
      if (unit === 0 || unit > 0x7f) return this.#escaped(code.string, encodeUtf8(text));
      buffer[at++] = unit;
    }
    buffer[at++] = 0;
    this.#length = at;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.#escaped(code.bytes, bytes);
  }

  /** An integer of any size; a number must be a safe integer (`RangeError` otherwise: it would be another integer). */
  integer(value: bigint | number): this {
    if (typeof value === "bigint") {
      if (value < -9007199254740991n || value > 9007199254740991n) return this.#bigInteger(value);
      value = Number(value);
    } else if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`);
    if (value === 0) return this.#byte(code.zero);
    const negative = value < 0;
    const size = negative ? -value : value;
    // A negative integer of n bytes is stored as the complement of its size, so that larger sizes come first.
    const mask = negative ? 0xff : 0;
    const low = size >>> 0;
    const high = (size - low) / two32;
    const count = high === 0 ? byteCount(low) : 4 + byteCount(high);
    this.#room(count + 1);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = negative ? code.zero - count : code.zero + count;
    for (let shift = (count - 5) * 8; shift >= 0; shift -= 8) buffer[at++] = ((high >>> shift) & 0xff) ^ mask;
    for (let shift = (Math.min(count, 4) - 1) * 8; shift >= 0; shift -= 8)
      buffer[at++] = ((low >>> shift) & 0xff) ^ mask;
    this.#length = at;
    return this;
  }

  double(value: number): this {
    this.#room(9);
    const at = this.#length;
    this.#buffer[at] = code.double;
    if (Number.isNaN(value)) this.#view.setBigUint64(at + 1, 0x7ff8000000000000n);
    else this.#view.setFloat64(at + 1, value);
    return this.#ordered(at + 1, 8);
  }

  element(element: TupleElement): this {
    return this.#element(element, 0);
  }

  #element(element: TupleElement, depth: number): this {
    switch (typeof element) {
      case "string":
        return this.string(element);
      case "bigint":
        return this.integer(element);
      case "number":
        return this.double(element);
      case "boolean":
        return this.boolean(element);
    }
    if (element === null) return this.null();
    if (element instanceof Uint8Array) return this.bytes(element);
    if (Array.isArray(element)) return this.#nested(element, depth + 1);
    if (element instanceof Uuid) return this.#byte(code.uuid).raw(element.bytes);
    if (element instanceof Versionstamp)
      return this.#byte(element.bytes.length === 10 ? code.versionstamp80 : code.versionstamp96).raw(element.bytes);
    if (element instanceof SingleFloat) {
      this.#byte(code.single).#room(4);
      this.#view.setUint32(this.#length, element.bits);
      return this.#ordered(this.#length, 4);
    }
    if (element instanceof NanDouble) {
      this.#byte(code.double).#room(8);
      this.#view.setBigUint64(this.#length, element.bits);
      return this.#ordered(this.#length, 8);
    }
    throw new TypeError(`a tuple cannot hold ${String(element)}`);
  }

  #nested(elements: readonly TupleElement[], depth: number): this {
    if (depth > maxDepth)
      throw new MatyanError("too_large", `a tuple is nested more than ${maxDepth} deep`, { hint: "Flatten the key." });
    this.#byte(code.nested);
    for (const element of elements) {
      // Inside a tuple a bare 00 would end it.
      if (element === null) this.null().#byte(0xff);
      else this.#element(element, depth);
    }
    return this.#byte(0);
  }

  /** Makes the big-endian IEEE bits at `at` sort as unsigned bytes, and takes them in. */
  #ordered(at: number, count: number): this {
    const buffer = this.#buffer;
    if (buffer[at]! & 0x80) for (let i = at; i < at + count; i++) buffer[i]! ^= 0xff;
    else buffer[at]! ^= 0x80;
    this.#length = at + count;
    return this;
  }

  #bigInteger(value: bigint): this {
    const negative = value < 0n;
    let hex = (negative ? -value : value).toString(16);
    if (hex.length & 1) hex = `0${hex}`;
    const count = hex.length / 2;
    if (count > 0xff) {
      const message = `an integer of ${count} bytes does not fit into a key; the limit is 255 bytes`;
      throw new MatyanError("too_large", message, { hint: "Store it as a string." });
    }
    const mask = negative ? 0xff : 0;
    // FoundationDB's Python binding, which wrote the existing stores, uses the long form from 2^64-1 on.
    if (count <= 8 && hex !== "ffffffffffffffff") this.#byte(negative ? code.zero - count : code.zero + count);
    else this.#byte(negative ? code.negativeBig : code.positiveBig).#byte(count ^ mask);
    this.#room(count);
    for (let i = 0; i < hex.length; i += 2)
      this.#buffer[this.#length++] = Number.parseInt(hex.slice(i, i + 2), 16) ^ mask;
    return this;
  }

  #escaped(type: number, bytes: Uint8Array): this {
    this.#room(bytes.length * 2 + 2);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = type;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      buffer[at++] = byte;
      if (byte === 0) buffer[at++] = 0xff;
    }
    buffer[at++] = 0;
    this.#length = at;
    return this;
  }

  #byte(byte: number): this {
    this.#room(1);
    this.#buffer[this.#length++] = byte;
    return this;
  }

  #room(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#use(grown);
  }

  #use(buffer: Uint8Array<ArrayBuffer>): void {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
  }
}

/** Bytes needed for a value of 1..2^32-1. */
function byteCount(value: number): number {
  return (39 - Math.clz32(value)) >>> 3;
}
