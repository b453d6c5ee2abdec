// `TensorProto` read in place: dtype, shape, and the elements of every dtype that a log can hold.
// Layout: tensorflow/core/framework/tensor.proto, types.proto.
import { Wire } from "./event.ts";

interface Dtype {
  readonly name: string;
  /** Bytes of an element in `tensor_content`; complex numbers count as two elements. */
  readonly size: number;
  /** The list field that holds elements when `tensor_content` does not. */
  readonly list: number;
  readonly integer: boolean;
  readonly parts: 1 | 2;
  read(view: DataView, at: number): number | bigint;
  /** An element of a varint list, from its lower and upper 32 bits. */
  fromVarint?(low: number, high: number): number | bigint;
}

const listFields = {
  float: 5,
  double: 6,
  int: 7,
  string: 8,
  scomplex: 9,
  int64: 10,
  bool: 11,
  dcomplex: 12,
  half: 13,
  uint32: 16,
  uint64: 17,
  float8: 18,
} as const;
export const stringDtype = 7;

const int = (name: string, size: number, read: Dtype["read"]): Dtype => ({
  name,
  size,
  list: listFields.int,
  integer: true,
  parts: 1,
  read,
  fromVarint: (low) => low | 0,
});
const float = (name: string, size: number, list: number, read: Dtype["read"], parts: 1 | 2 = 1): Dtype => ({
  name,
  size,
  list,
  integer: false,
  parts,
  read,
  fromVarint: (low) => {
    scratch.setUint16(0, low, true);
    return read(scratch, 0);
  },
});
const scratch = new DataView(new ArrayBuffer(8));
const int8: Dtype["read"] = (view, at) => view.getInt8(at);
const uint8: Dtype["read"] = (view, at) => view.getUint8(at);
const int16: Dtype["read"] = (view, at) => view.getInt16(at, true);
const uint16: Dtype["read"] = (view, at) => view.getUint16(at, true);
const int32: Dtype["read"] = (view, at) => view.getInt32(at, true);
const float32: Dtype["read"] = (view, at) => view.getFloat32(at, true);
const float64: Dtype["read"] = (view, at) => view.getFloat64(at, true);

/** By the number in `types.proto`. Numbers plus 100 were reference types and do not occur in logs. */
const dtypes: Readonly<Record<number, Dtype>> = {
  1: float("float32", 4, listFields.float, float32),
  2: float("float64", 8, listFields.double, float64),
  3: int("int32", 4, int32),
  4: int("uint8", 1, uint8),
  5: int("int16", 2, int16),
  6: int("int8", 1, int8),
  8: float("complex64", 4, listFields.scomplex, float32, 2),
  9: {
    ...int("int64", 8, (view, at) => view.getBigInt64(at, true)),
    list: listFields.int64,
    fromVarint: (low, high) => BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)),
  },
  10: {
    ...int("bool", 1, (view, at) => (view.getUint8(at) === 0 ? 0 : 1)),
    list: listFields.bool,
    fromVarint: (low, high) => (low || high ? 1 : 0),
  },
  11: int("qint8", 1, int8),
  12: int("quint8", 1, uint8),
  13: int("qint32", 4, int32),
  14: float("bfloat16", 2, listFields.half, (view, at) => {
    scratch.setUint32(4, view.getUint16(at, true) << 16, true);
    return scratch.getFloat32(4, true);
  }),
  15: int("qint16", 2, int16),
  16: int("quint16", 2, uint16),
  17: int("uint16", 2, uint16),
  18: float("complex128", 8, listFields.dcomplex, float64, 2),
  19: float("float16", 2, listFields.half, (view, at) => smallFloat(view.getUint16(at, true), 5, 10)),
  22: {
    ...int("uint32", 4, (view, at) => view.getUint32(at, true)),
    list: listFields.uint32,
    fromVarint: (low) => low,
  },
  23: {
    ...int("uint64", 8, (view, at) => view.getBigUint64(at, true)),
    list: listFields.uint64,
    fromVarint: (low, high) => (BigInt(high) << 32n) | BigInt(low),
  },
  24: float("float8_e5m2", 1, listFields.float8, (view, at) => smallFloat(view.getUint8(at), 5, 2)),
  25: float("float8_e4m3fn", 1, listFields.float8, (view, at) => float8e4m3fn(view.getUint8(at))),
  29: int("int4", 1, (view, at) => (view.getUint8(at) << 28) >> 28),
  30: int("uint4", 1, (view, at) => view.getUint8(at) & 15),
};

/** IEEE 754 binary floats of few bits (half; OCP FP8 E5M2). */
function smallFloat(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >>> (exponentBits + fractionBits) ? -1 : 1;
  const exponent = (bits >>> fractionBits) & ((1 << exponentBits) - 1);
  const fraction = (bits & ((1 << fractionBits) - 1)) / (1 << fractionBits);
  const bias = (1 << (exponentBits - 1)) - 1;
  if (exponent === (1 << exponentBits) - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** OCP FP8 E4M3: no infinities, one NaN pattern, so the top exponent holds ordinary numbers. */
function float8e4m3fn(bits: number): number {
  if ((bits & 127) === 127) return Number.NaN;
  const sign = bits >>> 7 ? -1 : 1;
  const exponent = (bits >>> 3) & 15;
  const fraction = (bits & 7) / 8;
  return exponent === 0 ? sign * fraction * 2 ** -6 : sign * (1 + fraction) * 2 ** (exponent - 7);
}

/** A tensor that claims more elements than its bytes hold (repeated or zero) is only believed up to here. */
const maxRepeated = 1 << 20;

/** Shape classes of values: together with a tag's plugin they say what a value becomes. Numbers below 16. */
export const Shape = {
  none: 0,
  simple: 1,
  image: 2,
  histo: 3,
  audio: 4,
  /** Numeric tensors: rank 0, [1], [k, 3], others. */
  number: 5,
  single: 6,
  rows3: 7,
  numbers: 8,
  /** String tensors: rank 0 holding a number, rank 0, rank 1, others. */
  numberText: 9,
  string: 10,
  strings: 11,
  stringTable: 12,
  /** A dtype that has no numbers (resource, variant) or that is unknown. */
  opaque: 13,
  oldHisto: 14,
} as const;

/** One tensor at a time; after `read` the fields hold its header and where its elements are. */
export class TensorReader {
  readonly #wire: Wire;
  readonly #inner: Wire;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  dtype = 0;
  /** Sizes per dimension; -1 or unreadable sizes stay as they are and make the tensor unusable. */
  readonly shape: number[] = [];
  #contentStart = -1;
  #contentEnd = -1;
  /** List fields as triples: field number, start, end (packed, or one element). */
  readonly #lists: number[] = [];

  constructor(bytes: Uint8Array, view: DataView) {
    this.#bytes = bytes;
    this.#view = view;
    this.#wire = new Wire(bytes, view);
    this.#inner = new Wire(bytes, view);
  }

  /** False if the bytes are no `TensorProto`. */
  read(start: number, end: number): boolean {
    const wire = this.#wire.open(start, end);
    this.dtype = 0;
    this.shape.length = 0;
    this.#lists.length = 0;
    this.#contentStart = -1;
    while (wire.at < wire.end) {
      const key = wire.varint();
      if (key < 8 || wire.high !== 0) return false;
      const field = key >>> 3;
      if (key === 8) {
        this.dtype = wire.varint();
      } else if (key === 18 || key === 34) {
        const length = wire.length();
        if (!wire.ok) return false;
        if (field === 2) {
          if (length > 0 && !this.#readShape(wire.at, wire.at + length)) return false;
        } else {
          this.#contentStart = wire.at;
          this.#contentEnd = wire.at + length;
        }
        wire.at += length;
      } else if (field >= 5 && field <= 18) {
        const length = (key & 7) === 2 ? wire.length() : 0;
        const from = wire.at;
        if ((key & 7) === 2) wire.at += length;
        else wire.skip(key & 7);
        if (!wire.ok) return false;
        this.#lists.push(field, from, wire.at);
      } else {
        wire.skip(key & 7);
      }
      if (!wire.ok) return false;
    }
    return true;
  }

  #readShape(start: number, end: number): boolean {
    const wire = this.#wire;
    const outer = { at: wire.at, end: wire.end };
    wire.open(start, end);
    while (wire.at < wire.end) {
      const key = wire.varint();
      if (key < 8) return false;
      if (key !== 18) {
        // unknown_rank or something newer
        if (key === 24 && wire.varint() !== 0) this.shape.push(-1);
        else if (key !== 24) wire.skip(key & 7);
        continue;
      }
      const length = wire.length();
      if (!wire.ok) return false;
      const inner = this.#inner.open(wire.at, wire.at + length);
      let size = 0;
      while (inner.at < inner.end) {
        const field = inner.varint();
        if (field < 8) return false;
        if (field === 8) {
          const low = inner.varint();
          size = inner.high > 0x1fffff ? -1 : inner.high * 4294967296 + low;
        } else {
          inner.skip(field & 7);
        }
      }
      if (!inner.ok) return false;
      this.shape.push(size);
      wire.at += length;
    }
    if (!wire.ok) return false;
    wire.open(outer.at, outer.end);
    return true;
  }

  get dtypeName(): string {
    return this.dtype === stringDtype ? "string" : (dtypes[this.dtype]?.name ?? `dtype ${this.dtype}`);
  }

  /** Whether elements are integers (or booleans). */
  get integer(): boolean {
    return dtypes[this.dtype]?.integer ?? false;
  }

  /** How many elements the shape says; NaN when it is unknown. Complex numbers count twice, as [re, im] pairs. */
  get count(): number {
    let count: number = dtypes[this.dtype]?.parts ?? 1;
    for (const size of this.shape) count = size < 0 ? Number.NaN : count * size;
    return count;
  }

  classify(): number {
    const { shape } = this;
    if (this.dtype === stringDtype) {
      if (shape.length === 0) return this.#firstStringIsNumber() ? Shape.numberText : Shape.string;
      return shape.length === 1 ? Shape.strings : Shape.stringTable;
    }
    const dtype = dtypes[this.dtype];
    if (dtype === undefined) return Shape.opaque;
    if (dtype.parts === 2) return Shape.numbers;
    if (shape.length === 0) return Shape.number;
    if (shape.length === 1 && shape[0] === 1) return Shape.single;
    return shape.length === 2 && shape[1] === 3 ? Shape.rows3 : Shape.numbers;
  }

  /** The element of a tensor that has one, as a double. Undefined if the bytes do not fit the dtype. */
  scalar(): number | undefined {
    const dtype = dtypes[this.dtype];
    if (dtype === undefined) return undefined;
    if (this.#contentStart >= 0 && this.#contentEnd > this.#contentStart) {
      if (this.#contentEnd - this.#contentStart !== dtype.size) return undefined;
      return Number(dtype.read(this.#view, this.#contentStart));
    }
    const lists = this.#lists;
    for (let index = 0; index < lists.length; index += 3) {
      if (lists[index] !== dtype.list || lists[index + 1] === lists[index + 2]) continue;
      const start = lists[index + 1]!;
      if (dtype.list === listFields.float || dtype.list === listFields.double)
        return lists[index + 2]! - start >= dtype.size ? Number(dtype.read(this.#view, start)) : undefined;
      if (dtype.list === listFields.float8) return Number(dtype.read(this.#view, start));
      const wire = this.#inner.open(start, lists[index + 2]!);
      const low = wire.varint();
      return wire.ok ? Number(dtype.fromVarint!(low, wire.high)) : undefined;
    }
    return 0;
  }

  /** All elements in row-major order: bigints for 64-bit integers. Undefined if bytes and shape do not fit together. */
  numbers(): (number | bigint)[] | undefined {
    const dtype = dtypes[this.dtype];
    const { count } = this;
    if (dtype === undefined || !Number.isSafeInteger(count)) return undefined;
    const raw = this.rawRange();
    const found: (number | bigint)[] = [];
    if (raw !== undefined) {
      for (let at = raw.start; at < raw.end; at += dtype.size) found.push(dtype.read(this.#view, at));
      return found;
    }
    if (this.#contentStart >= 0 && this.#contentEnd > this.#contentStart) return undefined;
    const lists = this.#lists;
    for (let index = 0; index < lists.length; index += 3) {
      if (lists[index] !== dtype.list) continue;
      const end = lists[index + 2]!;
      let at = lists[index + 1]!;
      const fixed =
        dtype.list === listFields.float || dtype.list === listFields.scomplex
          ? 4
          : dtype.list === listFields.double || dtype.list === listFields.dcomplex
            ? 8
            : dtype.list === listFields.float8
              ? 1
              : 0;
      if (fixed > 0) {
        for (; at + fixed <= end; at += fixed) found.push(dtype.read(this.#view, at));
        continue;
      }
      const wire = this.#inner.open(at, end);
      while (wire.at < wire.end) {
        const low = wire.varint();
        if (!wire.ok) return undefined;
        found.push(dtype.fromVarint!(low, wire.high));
      }
    }
    if (found.length > count) return undefined;
    if (found.length < count && count > maxRepeated) return undefined;
    const zero = this.dtype === 9 || this.dtype === 23 ? 0n : 0;
    const filler = found.at(-1) ?? zero;
    while (found.length < count) found.push(filler);
    return found;
  }

  /** Where the elements lie as raw little-endian bytes, when they do and fit the shape. */
  rawRange(): { start: number; end: number } | undefined {
    const dtype = dtypes[this.dtype];
    if (dtype === undefined) return undefined;
    const bytes = this.count * dtype.size;
    if (this.#contentEnd - this.#contentStart === bytes && this.#contentStart >= 0)
      return { start: this.#contentStart, end: this.#contentEnd };
    const packed = dtype.list === listFields.float || dtype.list === listFields.double;
    if (
      packed &&
      this.#contentStart < 0 &&
      this.#lists.length === 3 &&
      this.#lists[0] === dtype.list &&
      this.#lists[2]! - this.#lists[1]! === bytes
    )
      return { start: this.#lists[1]!, end: this.#lists[2]! };
    return undefined;
  }

  /** Bytes of an element and numpy's name of its type, for dtypes that numpy has. */
  get numpyType(): string | undefined {
    return numpyTypes[dtypes[this.dtype]?.name ?? ""];
  }

  /** The strings of a string tensor as pairs start, end. */
  strings(): number[] {
    const ranges: number[] = [];
    for (let index = 0; index < this.#lists.length; index += 3)
      if (this.#lists[index] === listFields.string) ranges.push(this.#lists[index + 1]!, this.#lists[index + 2]!);
    return ranges;
  }

  #firstStringIsNumber(): boolean {
    const index = this.#lists.indexOf(listFields.string);
    if (index !== 0 || this.#lists[2]! - this.#lists[1]! > 40) return false;
    return (
      textNumber(Buffer.from(this.#bytes.subarray(this.#lists[1]!, this.#lists[2]!)).toString("latin1")) !== undefined
    );
  }
}

const numpyTypes: Readonly<Record<string, string>> = {
  float32: "<f4",
  float64: "<f8",
  float16: "<f2",
  int8: "|i1",
  uint8: "|u1",
  bool: "|b1",
  int16: "<i2",
  uint16: "<u2",
  int32: "<i4",
  uint32: "<u4",
  int64: "<i8",
  uint64: "<u8",
};

/** The number that a text is, as Python's `float()` reads it; undefined if it is none. */
export function textNumber(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[+-]?\d+(_\d+)*)?$/i.test(trimmed))
    return Number(trimmed.replaceAll("_", ""));
  const special = /^([+-]?)(nan|inf(inity)?)$/i.exec(trimmed);
  if (special === null) return undefined;
  if (special[2]!.toLowerCase() === "nan") return Number.NaN;
  return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
