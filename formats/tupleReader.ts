// Unpacks tuples from bytes that may hold anything. Source: the public "Tuple layer" design document of FoundationDB.
import { MatyanError } from "./error.ts";
import { code, maxDepth, NanDouble, SingleFloat, type TupleElement, Uuid, Versionstamp } from "./tupleElements.ts";
import { decodeAscii, decodeUtf8 } from "./utf8.ts";

const scratch = new DataView(new ArrayBuffer(8));

/** Reads the integer element that starts at `offset`; `next` is the position behind it. @throws MatyanError `corrupt` if it is none. */
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

/** Reads element after element; `at` is where the next one starts. */
export class TupleReader {
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
    const longForm = type === code.negativeBig || type === code.positiveBig;
    if (longForm) {
      count = (this.#take(1)[0] ?? 0) ^ mask;
      if (count < 8) throw corrupt(start, `an integer of ${count} bytes is in the form for more than 8`);
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
    // Bindings differ on the form of 2^64-1 alone, so both of its forms are read.
    if (longForm && size < 0xffffffffffffffffn) throw corrupt(start, "an integer of 8 bytes is in the form for more");
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
    if (escapes === 0) return new Uint8Array(bytes.subarray(from, end));
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
    return new Uint8Array(this.#bytes.subarray(from, this.at));
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
