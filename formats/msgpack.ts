// Stored values as msgpack: shortest integers, floats always 64 bits, text and bytes apart. Source: storage.md section 1.3
// and the public msgpack specification.
import { MatyanError } from "./error.ts";
import { decodeUtf8, encodeUtf8, writeUtf8 } from "./utf8.ts";
import { Extension, Timestamp, type Value, type ValueMap } from "./value.ts";

/** The extension type of a moment; its payload is a msgpack float of seconds. */
const timestampType = 1;
/** As deep as the reference's codec goes; recursion stays bounded. */
const maxDepth = 512;
/** A scratch buffer that one huge value has grown beyond this is dropped again. */
const keptCapacity = 1 << 20;
const two32 = 0x1_0000_0000;

/**
 * The bytes of a value. Throws `too_large` on an integer outside of [-2^63, 2^64) or nesting beyond 512, `usage` on text
 * with a lone surrogate.
 */
export function encodeValue(value: Value): Uint8Array {
  switch (typeof value) {
    case "number":
      return encodeFloat(value);
    case "boolean":
      return new Uint8Array([value ? 0xc3 : 0xc2]);
    case "bigint":
      if (value >= 0n && value < 128n) return new Uint8Array([Number(value)]);
      break;
    case "object":
      if (value === null) return new Uint8Array([0xc0]);
  }
  scratch.value(value, 0);
  return scratch.finish();
}

/** A float64 value: `cb` and 8 bytes, big-endian. Every NaN is written as 7ff8000000000000. */
export function encodeFloat(value: number): Uint8Array {
  const bytes = new Uint8Array(9);
  floatIn[0] = value;
  bytes[0] = 0xcb;
  bytes[1] = floatBytes[7]!;
  bytes[2] = floatBytes[6]!;
  bytes[3] = floatBytes[5]!;
  bytes[4] = floatBytes[4]!;
  bytes[5] = floatBytes[3]!;
  bytes[6] = floatBytes[2]!;
  bytes[7] = floatBytes[1]!;
  bytes[8] = floatBytes[0]!;
  return bytes;
}

/** Throws `corrupt` unless `bytes` are exactly one value: nothing cut, nothing behind it, text valid, nesting up to 512. */
export function decodeValue(bytes: Uint8Array): Value {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.at !== bytes.length)
    throw corrupt(reader.at, `${bytes.length - reader.at} bytes follow the end of the value`);
  return value;
}

// One float and its bytes (little-endian, as on all machines that Bun runs on).
const floatIn = new Float64Array(1);
const floatBytes = new Uint8Array(floatIn.buffer);

class Writer {
  #buffer = new Uint8Array(1024);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  /** A copy of what was written; the writer is empty again. */
  finish(): Uint8Array {
    const bytes = this.#buffer.slice(0, this.#length);
    this.clear();
    return bytes;
  }

  clear(): void {
    this.#length = 0;
    if (this.#buffer.length > keptCapacity) {
      this.#buffer = new Uint8Array(1024);
      this.#view = new DataView(this.#buffer.buffer);
    }
  }

  value(value: Value, depth: number): void {
    if (depth === 0) this.clear();
    if (typeof value === "number") this.#float(value);
    else if (typeof value === "bigint") this.#integer(value);
    else if (typeof value === "string") this.#string(value);
    else if (typeof value === "boolean") this.#byte(value ? 0xc3 : 0xc2);
    else if (value === null) this.#byte(0xc0);
    else if (value instanceof Uint8Array) {
      this.#head(value.length, 0, 0, 0xc4);
      this.#raw(value);
    } else if (value instanceof Timestamp) this.#extension(timestampType, encodeFloat(value.seconds));
    else if (value instanceof Extension) this.#extension(value.type, value.data);
    else this.#container(value, depth);
  }

  #container(value: Value[] | ValueMap, depth: number): void {
    if (depth >= maxDepth)
      throw new MatyanError("too_large", `a value is nested more than ${maxDepth} deep`, {
        hint: "Flatten the value.",
      });
    if (Array.isArray(value)) {
      this.#head(value.length, 0x90, 16, 0xdb);
      for (const item of value) this.value(item, depth + 1);
    } else if (value instanceof Map) {
      this.#head(value.size, 0x80, 16, 0xdd);
      for (const [key, item] of value) {
        this.#string(key);
        this.value(item, depth + 1);
      }
    } else throw new TypeError(`a stored value cannot be ${String(value)}`);
  }

  #float(value: number): void {
    this.#room(9);
    this.#buffer[this.#length] = 0xcb;
    this.#view.setFloat64(this.#length + 1, value);
    this.#length += 9;
  }

  #integer(value: bigint): void {
    this.#room(9);
    const view = this.#view;
    const at = this.#length;
    if (value >= 0n) {
      if (value < 128n) this.#byte(Number(value));
      else if (value < 0x100n) this.#sized(0xcc, Number(value), 1);
      else if (value < 0x10000n) this.#sized(0xcd, Number(value), 2);
      else if (value < 0x100000000n) this.#sized(0xce, Number(value), 4);
      else if (value < 0x10000000000000000n) {
        view.setUint8(at, 0xcf);
        view.setBigUint64(at + 1, value);
        this.#length += 9;
      } else throw outOfRange(value);
    } else if (value >= -32n) this.#byte(Number(value) & 0xff);
    else if (value >= -0x80n) this.#sized(0xd0, Number(value), 1);
    else if (value >= -0x8000n) this.#sized(0xd1, Number(value), 2);
    else if (value >= -0x80000000n) this.#sized(0xd2, Number(value), 4);
    else if (value >= -0x8000000000000000n) {
      view.setUint8(at, 0xd3);
      view.setBigInt64(at + 1, value);
      this.#length += 9;
    } else throw outOfRange(value);
  }

  #string(text: string): void {
    // Short text in one pass: its length in bytes is known when all of it turned out to be ASCII.
    if (text.length < 32) {
      this.#room(text.length * 3 + 2);
      const start = this.#length;
      const end = writeUtf8(text, this.#buffer, start + 1);
      const length = end - start - 1;
      if (length < 32) {
        this.#buffer[start] = 0xa0 | length;
        this.#length = end;
        return;
      }
    }
    const bytes = encodeUtf8(text);
    this.#head(bytes.length, 0xa0, 32, 0xd9);
    this.#raw(bytes);
  }

  #extension(type: number, data: Uint8Array): void {
    if (!Number.isInteger(type) || type < -128 || type > 127)
      throw new RangeError(`there is no extension type ${type}`);
    const size = data.length;
    if (size === 1 || size === 2 || size === 4 || size === 8 || size === 16) this.#byte(0xd4 + Math.log2(size));
    else this.#head(size, 0, 0, 0xc7);
    this.#byte(type & 0xff);
    this.#raw(data);
  }

  /** A length: in the type byte itself when under `limit`, else in 8 (if the type has that form), 16 or 32 bits after `type`. */
  #head(length: number, fixed: number, limit: number, type: number): void {
    if (length < limit) this.#byte(fixed | length);
    else if (length < 0x100 && type < 0xdb) this.#sized(type, length, 1);
    else if (length < 0x10000) this.#sized(type + 1, length, 2);
    else if (length < two32) this.#sized(type + 2, length, 4);
    else throw new MatyanError("too_large", `a value of ${length} bytes or items cannot be stored`);
  }

  #sized(type: number, value: number, size: number): void {
    this.#room(5);
    const view = this.#view;
    const at = this.#length;
    view.setUint8(at, type);
    if (size === 1) view.setUint8(at + 1, value);
    else if (size === 2) view.setUint16(at + 1, value);
    else view.setUint32(at + 1, value);
    this.#length = at + 1 + size;
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#buffer[this.#length++] = byte;
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
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

/** Encoding is synchronous and calls nobody, so one buffer serves all values. */
const scratch = new Writer();

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  value(depth: number): Value {
    const start = this.at;
    const type = this.#unsigned(1);
    if (type < 0x80) return BigInt(type);
    if (type >= 0xe0) return BigInt(type - 0x100);
    if (type < 0x90) return this.#map(type & 0x0f, depth);
    if (type < 0xa0) return this.#array(type & 0x0f, depth);
    if (type < 0xc0) return this.#string(type & 0x1f);
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#copy(this.#unsigned(1 << (type - 0xc4)));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(start, this.#unsigned(1 << (type - 0xc7)));
      case 0xca:
        return this.#float32();
      case 0xcb:
        return this.#float64();
      case 0xcc:
      case 0xcd:
      case 0xce:
        return BigInt(this.#unsigned(1 << (type - 0xcc)));
      case 0xcf:
        return this.#unsigned64();
      case 0xd0:
        return BigInt((this.#unsigned(1) << 24) >> 24);
      case 0xd1:
        return BigInt((this.#unsigned(2) << 16) >> 16);
      case 0xd2:
        return BigInt(this.#unsigned(4) | 0);
      case 0xd3:
        return BigInt.asIntN(64, this.#unsigned64());
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(start, 1 << (type - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#unsigned(1 << (type - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#unsigned(2 << (type - 0xdc)), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#unsigned(2 << (type - 0xde)), depth);
    }
    throw corrupt(start, `there is no value type ${type.toString(16)}`);
  }

  #array(count: number, depth: number): Value[] {
    this.#enter(count, depth);
    const items: Value[] = [];
    for (let i = 0; i < count; i++) items.push(this.value(depth + 1));
    return items;
  }

  #map(count: number, depth: number): ValueMap {
    this.#enter(count * 2, depth);
    const map: ValueMap = new Map();
    for (let i = 0; i < count; i++) {
      const key = this.#key();
      map.set(key, this.value(depth + 1));
    }
    return map;
  }

  /** A key is text; one that was written as bytes is taken as the text that it spells. */
  #key(): string {
    const start = this.at;
    const type = this.#unsigned(1);
    if (type >= 0xa0 && type < 0xc0) return this.#string(type & 0x1f);
    if (type >= 0xd9 && type <= 0xdb) return this.#string(this.#unsigned(1 << (type - 0xd9)));
    if (type >= 0xc4 && type <= 0xc6) return this.#string(this.#unsigned(1 << (type - 0xc4)));
    throw corrupt(start, "a map has a key that is not text");
  }

  /** Every item takes a byte at least, so a count beyond what is left is a lie, found before it costs memory. */
  #enter(items: number, depth: number): void {
    if (depth >= maxDepth) throw corrupt(this.at, `the value is nested more than ${maxDepth} deep`);
    if (items > this.#bytes.length - this.at)
      throw corrupt(this.at, `${items} items are announced and ${this.#bytes.length - this.at} bytes are left`);
  }

  #string(length: number): string {
    const from = this.#skip(length);
    return decodeUtf8(this.#bytes, from, from + length, "the text in a stored value");
  }

  #copy(length: number): Uint8Array {
    const from = this.#skip(length);
    return new Uint8Array(this.#bytes.subarray(from, from + length));
  }

  #extension(start: number, length: number): Timestamp | Extension {
    const type = (this.#unsigned(1) << 24) >> 24;
    const data = this.#copy(length);
    if (type !== timestampType) return new Extension(type, data);
    const reader = new Reader(data);
    const seconds = length === 0 ? null : reader.value(maxDepth);
    if ((typeof seconds !== "number" && typeof seconds !== "bigint") || reader.at !== length)
      throw corrupt(start, "a moment (extension 1) does not hold one number");
    return new Timestamp(Number(seconds));
  }

  #float32(): number {
    const from = this.#skip(4);
    for (let i = 0; i < 4; i++) floatBytes[i] = this.#bytes[from + 3 - i]!;
    return float32In[0]!;
  }

  #float64(): number {
    const from = this.#skip(8);
    const bytes = this.#bytes;
    floatBytes[7] = bytes[from]!;
    floatBytes[6] = bytes[from + 1]!;
    floatBytes[5] = bytes[from + 2]!;
    floatBytes[4] = bytes[from + 3]!;
    floatBytes[3] = bytes[from + 4]!;
    floatBytes[2] = bytes[from + 5]!;
    floatBytes[1] = bytes[from + 6]!;
    floatBytes[0] = bytes[from + 7]!;
    return floatIn[0]!;
  }

  #unsigned64(): bigint {
    const high = this.#unsigned(4);
    const low = this.#unsigned(4);
    return high < 0x200000 ? BigInt(high * two32 + low) : (BigInt(high) << 32n) | BigInt(low);
  }

  /** An unsigned number of 1, 2 or 4 bytes. */
  #unsigned(size: number): number {
    const bytes = this.#bytes;
    const from = this.#skip(size);
    if (size === 1) return bytes[from]!;
    if (size === 2) return (bytes[from]! << 8) | bytes[from + 1]!;
    return ((bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!) >>> 0;
  }

  /** Takes `count` bytes and returns where they start. */
  #skip(count: number): number {
    const from = this.at;
    const end = from + count;
    if (end > this.#bytes.length)
      throw corrupt(from, `${count} bytes are expected and ${this.#bytes.length - from} are left`);
    this.at = end;
    return from;
  }
}

const float32In = new Float32Array(floatIn.buffer);

function corrupt(offset: number, what: string): MatyanError {
  return new MatyanError("corrupt", `this is not a stored value: at byte ${offset}, ${what}`);
}

function outOfRange(value: bigint): MatyanError {
  const text = String(value);
  return new MatyanError(
    "too_large",
    `the integer ${text.length > 40 ? `${text.slice(0, 40)}...` : text} does not fit into 64 bits`,
    {
      hint: "Store it as a float or as text.",
    },
  );
}
