// What a tuple can hold beside JavaScript's own types, and the type bytes of FoundationDB's tuple layer.
import { MatyanError } from "./error.ts";

/** A 32-bit float by its bits, since a JavaScript number cannot carry every NaN. */
export class SingleFloat {
  /** IEEE-754 bits, 0..2^32-1. */
  readonly bits: number;
  constructor(bits: number) {
    this.bits = bits >>> 0;
  }
  static of(value: number): SingleFloat {
    bits.setFloat32(0, value);
    return new SingleFloat(Number.isNaN(value) ? 0x7fc00000 : bits.getUint32(0));
  }
  get value(): number {
    bits.setUint32(0, this.bits);
    return bits.getFloat32(0);
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

/** The type bytes; between `negativeBig` and `positiveBig` the distance from `zero` is the number of bytes. */
export const code = {
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
export const maxDepth = 512;

const bits = new DataView(new ArrayBuffer(4));
