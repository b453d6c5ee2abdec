// Reads msgpack values from bytes that may hold anything. Source: storage.md section 1.3 and the msgpack specification.
import { MatyanError } from "./error.ts";
import { maxDepth, timestampType } from "./msgpackWriter.ts";
import { decodeUtf8 } from "./utf8.ts";
import { Extension, Timestamp, type Value, type ValueMap } from "./value.ts";

const two32 = 0x1_0000_0000;

// One float and its bytes (little-endian, as on all machines that Bun runs on).
const float = new Float64Array(1);
const float32 = new Float32Array(float.buffer);
const floatBytes = new Uint8Array(float.buffer);

/** @throws MatyanError `corrupt` unless `bytes` are exactly one value: nothing cut, nothing behind it, text valid, nesting up to 512. */
export function decodeValue(bytes: Uint8Array): Value {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.at !== bytes.length)
    throw corrupt(reader.at, `${bytes.length - reader.at} bytes follow the end of the value`);
  return value;
}

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
    return float32[0]!;
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
    return float[0]!;
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

function corrupt(offset: number, what: string): MatyanError {
  return new MatyanError("corrupt", `this is not a stored value: at byte ${offset}, ${what}`);
}
