// `TensorProto` read in place: its shape, and where and what its elements are. Layout: tensorflow/core/framework/tensor.proto.
import { parsePythonFloat } from "../floatText.ts";
import { Wire } from "./event.ts";
import { dtypes, listFields, numpyTypes, stringDtype } from "./tensorDtypes.ts";

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

  /** Numpy's type of the elements (`<f4`), for dtypes that numpy has. */
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
      parsePythonFloat(Buffer.from(this.#bytes.subarray(this.#lists[1]!, this.#lists[2]!)).toString("latin1")) !==
      undefined
    );
  }
}
