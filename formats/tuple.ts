// FoundationDB's tuple layer: typed tuples as bytes whose order is the order of the elements.
// Source: the public "Tuple layer" design document of FoundationDB; storage.md section 1.2.
import { MatyanError } from "./error.ts";
import { decodeAscii, decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** A 32-bit float by its bits, since a JavaScript number cannot carry every NaN. */
export class SingleFloat {
  /** IEEE-754 bits, 0..2^32-1. */
  readonly bits: number;
  constructor(bits: number) {
    this.bits = bits >>> 0;
  }
  static of(value: number): SingleFloat {
    scratch.setFloat32(0, value);
    return new SingleFloat(Number.isNaN(value) ? 0x7fc00000 : scratch.getUint32(0));
  }
  get value(): number {
    scratch.setUint32(0, this.bits);
    return scratch.getFloat32(0);
  }
}

/**
 * A double that is NaN with other bits than 7ff8000000000000 (x86 makes fff8000000000000). The engine would fold it
 * into the usual NaN, and the key would not be found again.
 */
export class NanDouble {
  readonly bits: bigint;
  constructor(bits: bigint) {
    if ((bits & 0x7ff0000000000000n) !== 0x7ff0000000000000n || (bits & 0xfffffffffffffn) === 0n || bits >> 64n !== 0n)
      throw new RangeError(`${bits} are not the bits of a NaN`);
    this.bits = bits;
  }
}

export class Uuid {
  /** 16 bytes. */
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    if (bytes.length !== 16) throw new RangeError(`a UUID has 16 bytes, not ${bytes.length}`);
    this.bytes = bytes;
  }
  static parse(text: string): Uuid {
    const hex = text.replaceAll("-", "");
    if (!/^[0-9a-f]{32}$/i.test(hex)) throw new MatyanError("usage", `"${text}" is not a UUID`);
    return new Uuid(Uint8Array.fromHex(hex));
  }
  toString(): string {
    return this.bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }
}

export class Versionstamp {
  /** 10 bytes of transaction version, in the 96-bit form followed by 2 bytes of user version. */
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    if (bytes.length !== 10 && bytes.length !== 12)
      throw new RangeError(`a versionstamp has 10 or 12 bytes, not ${bytes.length}`);
    this.bytes = bytes;
  }
}

/** `bigint` is an integer, `number` a double. */
export type TupleElement =
  | null
  | Uint8Array
  | string
  | bigint
  | number
  | boolean
  | SingleFloat
  | NanDouble
  | Uuid
  | Versionstamp
  | TupleElement[];

const code = {
  null: 0x00,
  bytes: 0x01,
  string: 0x02,
  nested: 0x05,
  negativeBig: 0x0b,
  zero: 0x14,
  positiveBig: 0x1d,
  single: 0x20,
  double: 0x21,
  false: 0x26,
  true: 0x27,
  uuid: 0x30,
  versionstamp80: 0x32,
  versionstamp96: 0x33,
} as const;

/** A key has at most 10,000 bytes, so deeper nesting is damage, and recursion stays bounded. */
const maxDepth = 512;
const scratch = new DataView(new ArrayBuffer(8));
const two32 = 0x1_0000_0000;

/** The bytes of a tuple. Throws `usage` on text with a lone surrogate, `too_large` on an integer of over 255 bytes. */
export function pack(elements: readonly TupleElement[]): Uint8Array {
  const writer = new TupleWriter(64);
  for (const element of elements) writer.element(element);
  return writer.finish();
}

/** The elements of a packed tuple. Throws `corrupt` on anything but exactly what `pack` writes. */
export function unpack(bytes: Uint8Array, offset = 0): TupleElement[] {
  const reader = new TupleReader(bytes, offset);
  const elements: TupleElement[] = [];
  while (reader.at < bytes.length) elements.push(reader.element(0));
  return elements;
}

/** All tuples that start with `prefix` and are longer: `[prefix+00, prefix+FF)`. */
export function rangeOf(prefix: Uint8Array): { begin: Uint8Array; end: Uint8Array } {
  const begin = new Uint8Array(prefix.length + 1);
  begin.set(prefix);
  const end = begin.slice();
  end[prefix.length] = 0xff;
  return { begin, end };
}

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
    if (count > 0xff)
      throw new MatyanError(
        "too_large",
        `an integer of ${count} bytes does not fit into a key; the limit is 255 bytes`,
        {
          hint: "Store it as a string.",
        },
      );
    const mask = negative ? 0xff : 0;
    if (count <= 8) this.#byte(negative ? code.zero - count : code.zero + count);
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
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Bytes needed for a value of 1..2^32-1. */
function byteCount(value: number): number {
  return (39 - Math.clz32(value)) >>> 3;
}

/** Reads the integer element that starts at `offset`; `next` is the position behind it. Throws `corrupt` if it is none. */
export function readInteger(bytes: Uint8Array, offset: number): { value: bigint; next: number } {
  const reader = new TupleReader(bytes, offset);
  const type = bytes[offset] ?? 0;
  if (type < code.negativeBig || type > code.positiveBig) throw corrupt(offset, "there is no integer");
  const value = reader.integer();
  return { value, next: reader.at };
}

/**
 * The cheap form for hot loops: the integer element at `offset` when it is a safe integer, else NaN (then `readInteger`
 * has the value, or the error).
 */
export function readIntegerNumber(bytes: Uint8Array, offset: number): number {
  const size = bytes[offset]! - code.zero;
  if (size > 0 && size <= 7) {
    let value = 0;
    for (let at = offset + 1; at <= offset + size; at++) value = value * 256 + bytes[at]!;
    return value <= Number.MAX_SAFE_INTEGER ? value : Number.NaN;
  }
  if (size === 0) return 0;
  if (size < 0 && size >= -7) {
    let value = 0;
    for (let at = offset + 1; at <= offset - size; at++) value = value * 256 + (bytes[at]! ^ 0xff);
    return value <= Number.MAX_SAFE_INTEGER && offset - size < bytes.length ? -value : Number.NaN;
  }
  return Number.NaN;
}

class TupleReader {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  element(depth: number): TupleElement {
    const start = this.at;
    const type = this.#bytes[start]!;
    if (type >= code.negativeBig && type <= code.positiveBig) return this.integer();
    this.at++;
    switch (type) {
      case code.null:
        return null;
      case code.string:
        return this.#string();
      case code.bytes:
        return this.#unescaped();
      case code.nested:
        return this.#nested(start, depth + 1);
      case code.double:
        return this.#double();
      case code.single:
        return new SingleFloat(this.#ordered(4).getUint32(0));
      case code.false:
        return false;
      case code.true:
        return true;
      case code.uuid:
        return new Uuid(this.#take(16));
      case code.versionstamp80:
        return new Versionstamp(this.#take(10));
      case code.versionstamp96:
        return new Versionstamp(this.#take(12));
    }
    throw corrupt(start, `there is no element type ${type.toString(16).padStart(2, "0")}`);
  }

  integer(): bigint {
    const bytes = this.#bytes;
    const start = this.at++;
    const type = bytes[start]!;
    let count = type - code.zero;
    const negative = count < 0;
    const mask = negative ? 0xff : 0;
    if (type === code.negativeBig || type === code.positiveBig) {
      count = (this.#take(1)[0] ?? 0) ^ mask;
      if (count <= 8) throw corrupt(start, `an integer of ${count} bytes is in the form for more than 8`);
    } else if (negative) count = -count;
    if (count === 0) return 0n;
    const from = this.at;
    this.#skip(count);
    if (bytes[from] === mask) throw corrupt(start, "an integer has more bytes than it needs");
    if (count <= 6) {
      let size = 0;
      for (let i = from; i < this.at; i++) size = size * 256 + (bytes[i]! ^ mask);
      return BigInt(negative ? -size : size);
    }
    let size = 0n;
    for (let i = from; i < this.at; i++) size = (size << 8n) | BigInt(bytes[i]! ^ mask);
    return negative ? -size : size;
  }

  #double(): number | NanDouble {
    const view = this.#ordered(8);
    const value = view.getFloat64(0);
    if (!Number.isNaN(value)) return value;
    const bits = view.getBigUint64(0);
    return bits === 0x7ff8000000000000n ? value : new NanDouble(bits);
  }

  /** The IEEE bits of the next `count` bytes, big-endian, in the scratch view. */
  #ordered(count: number): DataView {
    const from = this.at;
    this.#skip(count);
    const bytes = this.#bytes;
    const positive = bytes[from]! & 0x80;
    scratch.setUint8(0, bytes[from]! ^ (positive ? 0x80 : 0xff));
    for (let i = 1; i < count; i++) scratch.setUint8(i, bytes[from + i]! ^ (positive ? 0 : 0xff));
    return scratch;
  }

  #string(): string {
    const bytes = this.#bytes;
    const from = this.at;
    let at = from;
    while (at < bytes.length && bytes[at]! < 0x80 && bytes[at] !== 0) at++;
    if (bytes[at] === 0 && bytes[at + 1] !== 0xff) {
      this.at = at + 1;
      return decodeAscii(bytes, from, at);
    }
    const plain = this.#unescaped();
    return decodeUtf8(plain, 0, plain.length, `the string in the key at byte ${from}`);
  }

  #unescaped(): Uint8Array {
    const bytes = this.#bytes;
    const from = this.at;
    let end = from;
    let escapes = 0;
    for (; ; end++) {
      end = bytes.indexOf(0, end);
      if (end === -1) throw corrupt(from - 1, "a string or byte string has no end");
      if (bytes[end + 1] !== 0xff) break;
      escapes++;
      end++;
    }
    this.at = end + 1;
    if (escapes === 0) return bytes.slice(from, end);
    const plain = new Uint8Array(end - from - escapes);
    for (let source = from, target = 0; source < end; source++) {
      plain[target++] = bytes[source]!;
      if (bytes[source] === 0) source++;
    }
    return plain;
  }

  #nested(start: number, depth: number): TupleElement[] {
    if (depth > maxDepth) throw corrupt(start, `a tuple is nested more than ${maxDepth} deep`);
    const bytes = this.#bytes;
    const elements: TupleElement[] = [];
    for (;;) {
      if (this.at >= bytes.length) throw corrupt(start, "a nested tuple has no end");
      if (bytes[this.at] !== 0) elements.push(this.element(depth));
      else if (bytes[this.at + 1] === 0xff) {
        this.at += 2;
        elements.push(null);
      } else {
        this.at++;
        return elements;
      }
    }
  }

  #take(count: number): Uint8Array {
    const from = this.at;
    this.#skip(count);
    return this.#bytes.slice(from, this.at);
  }

  #skip(count: number): void {
    if (this.at + count > this.#bytes.length)
      throw corrupt(this.at, `${count} bytes are expected and ${this.#bytes.length - this.at} are left`);
    this.at += count;
  }
}

function corrupt(offset: number, what: string): MatyanError {
  return new MatyanError("corrupt", `this is not a tuple key: at byte ${offset}, ${what}`, {
    hint: "The store holds bytes that this program did not write; `matyan inspect` shows them.",
  });
}
