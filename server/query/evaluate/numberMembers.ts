// Attributes and methods of int, float, bool, complex and bytes.
import { textOf } from "./arguments.ts";
import { PyException, raise, valueError } from "./exceptions.ts";
import { ratio } from "./floats.ts";
import { bitLength } from "./integers.ts";
import { type Py, PyComplex, PyFunction, PyTuple } from "./values.ts";

function method(name: string, body: (given: readonly Py[]) => Py): PyFunction {
  return new PyFunction(name, body);
}

/** A member of an int (a bool counts as one), or undefined. */
export function integerMember(value: bigint, name: string): Py | undefined {
  switch (name) {
    case "real":
    case "numerator":
      return value;
    case "imag":
      return 0n;
    case "denominator":
      return 1n;
    case "bit_length":
      return method(name, () => BigInt(bitLength(value)));
    case "bit_count":
      return method(name, () => BigInt((value < 0n ? -value : value).toString(2).replaceAll("0", "").length));
    case "conjugate":
      return method(name, () => value);
    case "is_integer":
      return method(name, () => true);
    case "as_integer_ratio":
      return method(name, () => new PyTuple([value, 1n]));
    default:
      return undefined;
  }
}

export function floatMember(value: number, name: string): Py | undefined {
  switch (name) {
    case "real":
      return value;
    case "imag":
      return 0;
    case "conjugate":
      return method(name, () => value);
    case "is_integer":
      return method(name, () => Number.isInteger(value));
    case "as_integer_ratio":
      return method(name, () => new PyTuple(ratio(value)));
    case "hex":
      return method(name, () => hexText(value));
    default:
      return undefined;
  }
}

function hexText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return `${sign}inf`;
  if (size === 0) return `${sign}0x0.0p+0`;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, size);
  const bits = view.getBigUint64(0);
  const exponent = Number(bits >> 52n);
  const fraction = (bits & 0xfffffffffffffn).toString(16).padStart(13, "0");
  const power = exponent === 0 ? -1022 : exponent - 1023;
  return `${sign}0x${exponent === 0 ? 0 : 1}.${fraction}p${power < 0 ? "" : "+"}${power}`;
}

export function complexMember(value: PyComplex, name: string): Py | undefined {
  if (name === "real") return value.re;
  if (name === "imag") return value.im;
  return name === "conjugate" ? method(name, () => new PyComplex(value.re, -value.im)) : undefined;
}

export function bytesMember(value: Uint8Array, name: string): Py | undefined {
  switch (name) {
    case "hex":
      return method(name, () => Buffer.from(value).toString("hex"));
    case "decode":
      return method(name, ([encoding = "utf-8"]) => decode(value, textOf("decode() argument", encoding)));
    case "startswith":
      return method(name, ([prefix]) => prefix instanceof Uint8Array && Buffer.from(value).indexOf(prefix) === 0);
    default:
      return undefined;
  }
}

export function decode(bytes: Uint8Array, encoding: string): string {
  const name = encoding.toLowerCase().replaceAll("-", "_");
  if (name === "latin_1" || name === "iso_8859_1") return Array.from(bytes, (b) => String.fromCharCode(b)).join("");
  if (name === "ascii" && bytes.some((byte) => byte > 127)) {
    throw new PyException("UnicodeDecodeError", "'ascii' codec can't decode byte");
  }
  if (name !== "ascii" && name !== "utf_8" && name !== "utf8") raise("LookupError", `unknown encoding: ${encoding}`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return valueError("'utf-8' codec can't decode the bytes");
  }
}
