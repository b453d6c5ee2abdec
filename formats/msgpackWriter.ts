// Writes values as msgpack: shortest integers, floats always 64 bits. Source: storage.md section 1.3 and the msgpack specification.
import { MatyanError } from "./error.ts";
import { encodeUtf8, writeUtf8 } from "./utf8.ts";
import { Extension, Timestamp, type Value, type ValueMap } from "./value.ts";

/** The extension type of a moment; its payload is a msgpack float of seconds. */
export const timestampType = 1;
/** As deep as the reference's codec goes; recursion stays bounded. */
export const maxDepth = 512;
/** The one NaN that is written. */
const nanBits = 0x7ff8000000000000n;
/** A scratch buffer that one huge value has grown beyond this is dropped again. */
const keptCapacity = 1 << 20;
const two32 = 0x1_0000_0000;

// One float and its bytes (little-endian, as on all machines that Bun runs on).
const float = new Float64Array(1);
const floatBytes = new Uint8Array(float.buffer);

/** A float64 value: `cb` and 8 bytes, big-endian. Every NaN is written as 7ff8000000000000. */
export function encodeFloat(value: number): Uint8Array {
  const bytes = new Uint8Array(9);
  bytes[0] = 0xcb;
  if (Number.isNaN(value)) {
    bytes[1] = 0x7f;
    bytes[2] = 0xf8;
    return bytes;
  }
  float[0] = value;
  for (let i = 0; i < 8; i++) bytes[8 - i] = floatBytes[i]!;
  return bytes;
}

/** An integer value in its shortest form. @throws MatyanError `too_large` outside of [-2^63, 2^64). */
export function encodeInteger(value: bigint): Uint8Array {
  const size = Number(value);
  if (size >= 0 && size < 0x100) {
    const bytes = new Uint8Array(size < 0x80 ? 1 : 2);
    bytes[0] = 0xcc;
    bytes[bytes.length - 1] = size;
    return bytes;
  }
  if (size >= 0 && size < two32) {
    const width = size < 0x10000 ? 2 : 4;
    const bytes = new Uint8Array(width + 1);
    bytes[0] = width === 2 ? 0xcd : 0xce;
    for (let i = 1; i <= width; i++) bytes[i] = (size >>> ((width - i) * 8)) & 0xff;
    return bytes;
  }
  return encodeByWriter(value);
}

/** Any value, by way of a scratch buffer. Errors as of `encodeValue`. */
export function encodeByWriter(value: Value): Uint8Array {
  scratch.clear();
  scratch.value(value, 0);
  return scratch.finish();
}

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
      throw new MatyanError("too_large", `a value is nested more than ${maxDepth} deep`, { hint: "Flatten it." });
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
    // Arithmetic makes NaNs with a sign on x86, and the engine hands their bits through.
    if (Number.isNaN(value)) this.#view.setBigUint64(this.#length + 1, nanBits);
    this.#length += 9;
  }

  #integer(value: bigint): void {
    this.#room(9);
    // Exact for all that the short forms hold; larger ones are compared as they are.
    const size = Number(value);
    if (size >= 0) {
      if (size < 0x80) this.#byte(size);
      else if (size < 0x100) this.#sized(0xcc, size, 1);
      else if (size < 0x10000) this.#sized(0xcd, size, 2);
      else if (size < two32) this.#sized(0xce, size, 4);
      else if (value < 0x10000000000000000n) this.#long(0xcf, value);
      else throw outOfRange(value);
    } else if (size >= -0x20) this.#byte(size & 0xff);
    else if (size >= -0x80) this.#sized(0xd0, size, 1);
    else if (size >= -0x8000) this.#sized(0xd1, size, 2);
    else if (size >= -0x80000000) this.#sized(0xd2, size, 4);
    else if (value >= -0x8000000000000000n) this.#long(0xd3, value);
    else throw outOfRange(value);
  }

  #long(type: number, value: bigint): void {
    this.#view.setUint8(this.#length, type);
    this.#view.setBigInt64(this.#length + 1, value);
    this.#length += 9;
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

function outOfRange(value: bigint): MatyanError {
  const text = String(value);
  const shown = text.length > 40 ? `${text.slice(0, 40)}... (${text.length} characters)` : text;
  const message = `the integer ${shown} does not fit into 64 bits`;
  return new MatyanError("too_large", message, { hint: "Store it as a float or as text." });
}
