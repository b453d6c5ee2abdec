// Every dtype that a tensor of a log can have, and how one element of it is read (tensorflow/core/framework/types.proto).

export interface Dtype {
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

/** Numbers of the fields of `TensorProto` that list elements. */
export const listFields = {
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
export const dtypes: Readonly<Record<number, Dtype>> = {
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

/** Numpy's type of little-endian elements, by name of the dtype, for dtypes that numpy has. */
export const numpyTypes: Readonly<Record<string, string>> = {
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
