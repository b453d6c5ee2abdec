// Memory that JavaScript and the client library share. The library copies what a call is given before the call returns
// (C API reference: "the caller may free or reuse"), so one area serves all calls, and nothing is allocated for a put.
import { type Pointer, ptr } from "bun:ffi";
import type { KeyValue } from "../index.ts";
import type { Libc } from "./libc.ts";
import { type Address, offset } from "./native.ts";

/** Where functions of the library leave their answers: a pointer and two integers. */
const outBytes = 24;
/** A key and a value of the largest kind, and some room. */
const usualInputBytes = 128 * 1024;
const usualLandingBytes = 256 * 1024;
/** sizeof(FDBKeyValue): a pointer and an int for the key, the same for the value, packed to 4 bytes. */
const pairBytes = 24;
/**
 * Two pieces of native memory less than a page apart are copied with what lies between: all of it is in the pages of the one
 * or the other, so it can be read. The pairs of one answer lie together: most batches are one copy.
 */
const nearBytes = 4096;

export class Arena {
  readonly #libc: Libc;
  readonly #out = new Uint8Array(outBytes);
  readonly #outWords = new Int32Array(this.#out.buffer);
  readonly #outLong = new BigInt64Array(this.#out.buffer);
  readonly #outUnsigned = new Uint32Array(this.#out.buffer);
  #input: Uint8Array;
  #landing: Uint8Array;
  /** Addresses of the areas, which stay where they are as long as this object refers to them. */
  readonly outPointer: Address;
  readonly outFirst: Address;
  readonly outSecond: Address;
  #inputAt: Address;
  #landingAt: Address;
  #secondAt: Address;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.outPointer = ptr(this.#out);
    this.outFirst = offset(this.outPointer, 8);
    this.outSecond = offset(this.outPointer, 12);
    this.#input = new Uint8Array(usualInputBytes);
    this.#inputAt = ptr(this.#input);
    this.#secondAt = this.#inputAt;
    this.#landing = new Uint8Array(usualLandingBytes);
    this.#landingAt = ptr(this.#landing);
  }

  /** Where `place` put its first piece. */
  get first(): Address {
    return this.#inputAt;
  }

  /** Where `place` put its second piece. */
  get second(): Address {
    return this.#secondAt;
  }

  /** Copies what the next call of the library is given. */
  place(first: Uint8Array, second?: Uint8Array): void {
    const size = first.length + (second?.length ?? 0);
    if (size > this.#input.length) {
      this.#input = new Uint8Array(2 * size);
      this.#inputAt = ptr(this.#input);
    }
    this.#input.set(first);
    if (second === undefined) return;
    this.#input.set(second, first.length);
    this.#secondAt = offset(this.#inputAt, first.length);
  }

  get pointer(): Address {
    return addressOf(this.#outUnsigned[0]!, this.#outUnsigned[1]!);
  }

  /** The 64-bit integer at `outPointer`. */
  get integer(): bigint {
    return this.#outLong[0]!;
  }

  get firstInteger(): number {
    return this.#outWords[2]!;
  }

  get secondInteger(): number {
    return this.#outWords[3]!;
  }

  /** A copy of native memory. */
  copy(from: Address, size: number): Uint8Array {
    this.#land(0, from, size);
    return this.#landing.slice(0, size);
  }

  /** Copies of the pairs of an FDBKeyValue array. */
  copyPairs(array: Address, count: number): KeyValue[] {
    if (count === 0) return [];
    const tableBytes = count * pairBytes;
    this.#land(0, array, tableBytes);
    // A copy: the landing area is about to move on when it must grow.
    const table = new Uint32Array(this.#landing.buffer.slice(0, tableBytes));
    const starts = new Uint32Array(2 * count);
    let landed = 0;
    let runStart = 0;
    let runEnd = -1;
    for (let piece = 0; piece < 2 * count; piece++) {
      const at = table[3 * piece]! + table[3 * piece + 1]! * 0x1_0000_0000;
      const size = table[3 * piece + 2]!;
      if (runEnd < 0 || at < runEnd || at - runEnd >= nearBytes) {
        if (runEnd > runStart) this.#land(landed, runStart as Pointer, runEnd - runStart);
        if (runEnd >= 0) landed += runEnd - runStart;
        runStart = at;
      }
      starts[piece] = landed + at - runStart;
      runEnd = at + size;
    }
    if (runEnd > runStart) this.#land(landed, runStart as Pointer, runEnd - runStart);
    const pairs = new Array<KeyValue>(count);
    for (let index = 0; index < count; index++) {
      const [key, value] = [starts[2 * index]!, starts[2 * index + 1]!];
      pairs[index] = [
        this.#landing.slice(key, key + table[6 * index + 2]!),
        this.#landing.slice(value, value + table[6 * index + 5]!),
      ];
    }
    return pairs;
  }

  /** Copies native memory into the landing area behind its first `landed` bytes, which are kept. */
  #land(landed: number, from: Address, size: number): void {
    if (landed + size > this.#landing.length) {
      const larger = new Uint8Array(2 * (landed + size));
      larger.set(this.#landing.subarray(0, landed));
      this.#landing = larger;
      this.#landingAt = ptr(larger);
    }
    if (size > 0) this.#libc.memcpy(offset(this.#landingAt, landed), from, size);
  }
}

/** Addresses of user space have 47 bits: a double holds them exactly. */
function addressOf(low: number, high: number): Address {
  return (low + high * 0x1_0000_0000) as Pointer;
}
