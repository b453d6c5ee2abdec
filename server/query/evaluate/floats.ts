// Arithmetic of Python's float where it differs from JavaScript's, and exact decimal digits of doubles.
import { raise, typeError, valueError } from "./exceptions.ts";
import { quotientToFloat } from "./integers.ts";
import { PyComplex } from "./values.ts";

export function divide(a: number, b: number): number {
  if (b === 0) raise("ZeroDivisionError", "float division by zero");
  return a / b;
}

/** Floored quotient and remainder with the divisor's sign, as CPython computes them. */
export function divideWithRest(a: number, b: number): [quotient: number, rest: number] {
  if (b === 0) raise("ZeroDivisionError", "float floor division by zero");
  let rest = a % b;
  let quotient = (a - rest) / b;
  if (rest !== 0) {
    if (b < 0 !== rest < 0) {
      rest += b;
      quotient -= 1;
    }
  } else {
    rest = signed(0, b);
  }
  let floored: number;
  if (quotient !== 0) {
    floored = Math.floor(quotient);
    if (quotient - floored > 0.5) floored += 1;
  } else {
    floored = signed(0, a / b);
  }
  return [floored, rest];
}

function signed(size: number, like: number): number {
  return like < 0 || Object.is(like, -0) ? -size : size;
}

export function floatPower(a: number, b: number): number | PyComplex {
  if (b === 0 || a === 1) return 1;
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN;
  if (a === -1 && !Number.isFinite(b)) return 1;
  if (a === 0 && b < 0) raise("ZeroDivisionError", "0.0 cannot be raised to a negative power");
  if (a < 0 && Number.isFinite(a) && Number.isFinite(b) && !Number.isInteger(b)) {
    const size = (-a) ** b;
    return new PyComplex(size * Math.cos(Math.PI * b), size * Math.sin(Math.PI * b));
  }
  const value = Number.isInteger(b) ? integerPower(a, b) : a ** b;
  if (!Number.isFinite(value) && Number.isFinite(a) && Number.isFinite(b)) {
    raise("OverflowError", "(34, 'Numerical result out of range')");
  }
  return value;
}

/** Largest exponent for which a power is computed exactly. */
const exactExponent = 512;

/**
 * a^n rounded once. JavaScriptCore multiplies repeatedly for integer exponents, which is off by several units in the last
 * place (1e-7 ** 3), where C libraries round correctly.
 */
function integerPower(a: number, n: number): number {
  if (n === 1 || a === 0 || !Number.isFinite(a) || Math.abs(n) > exactExponent) return a ** n;
  if (n === 2) return a * a;
  if (n === -1) return 1 / a;
  const { mantissa, exponent } = decompose(Math.abs(a));
  const power = mantissa ** BigInt(Math.abs(n));
  const value = n > 0 ? quotientToFloat(power, 1n, exponent * n) : quotientToFloat(1n, power, exponent * n);
  return a < 0 && n % 2 !== 0 ? -value : value;
}

/** The nearest integer, ties to even. */
export function roundToInteger(x: number): bigint {
  return BigInt(roundHalfEven(finite(x)));
}

function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest < 0.5) return low;
  if (rest > 0.5) return low + 1;
  return low % 2 === 0 ? low : low + 1;
}

function finite(x: number): number {
  if (Number.isNaN(x)) valueError("cannot convert float NaN to integer");
  if (!Number.isFinite(x)) raise("OverflowError", "cannot convert float infinity to integer");
  return x;
}

export function truncate(x: number): bigint {
  return BigInt(Math.trunc(finite(x)));
}

/** `round(x, places)`: the double nearest to the correctly rounded decimal. */
export function roundToPlaces(x: number, places: bigint): number {
  if (!Number.isFinite(x) || x === 0 || places > 323n) return x;
  if (places < -308n) return signed(0, x);
  const count = Number(places);
  const digits = scaledDecimal(Math.abs(x), count);
  const value = Number(count > 0 ? `${digits}e-${count}` : `${digits}e${-count}`);
  if (!Number.isFinite(value)) raise("OverflowError", "rounded value too large to represent");
  return signed(value, x);
}

const view = new DataView(new ArrayBuffer(8));

/** `x` as mantissa * 2^exponent, both exact; x finite and not negative. */
export function decompose(x: number): { mantissa: bigint; exponent: number } {
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  return exponent === 0
    ? { mantissa: fraction, exponent: -1074 }
    : { mantissa: fraction | 0x10000000000000n, exponent: exponent - 1075 };
}

/** x * 10^places rounded to an integer, ties to even, exactly; x finite and not negative. */
export function scaledDecimal(x: number, places: number): bigint {
  const { mantissa, exponent } = decompose(x);
  let top = mantissa;
  let bottom = 1n;
  if (exponent > 0) top <<= BigInt(exponent);
  else bottom <<= BigInt(-exponent);
  if (places > 0) top *= 10n ** BigInt(places);
  else bottom *= 10n ** BigInt(-places);
  const quotient = top / bottom;
  const twice = (top - quotient * bottom) * 2n;
  return twice > bottom || (twice === bottom && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

/** The quotient of two integers that is exactly this double. */
export function ratio(x: number): [bigint, bigint] {
  if (Number.isNaN(x)) valueError("cannot convert NaN to integer ratio");
  if (!Number.isFinite(x)) raise("OverflowError", "cannot convert Infinity to integer ratio");
  let { mantissa, exponent } = decompose(Math.abs(x));
  while (exponent < 0 && mantissa % 2n === 0n && mantissa > 0n) {
    mantissa /= 2n;
    exponent++;
  }
  if (mantissa === 0n) return [0n, 1n];
  const top = exponent > 0 ? mantissa << BigInt(exponent) : mantissa;
  return [x < 0 ? -top : top, exponent < 0 ? 1n << BigInt(-exponent) : 1n];
}

/** `float("…")`: Python's spelling of numbers, with underscores, inf and nan. */
export function parseFloatText(text: string): number {
  const plain = text.trim();
  if (/^[+-]?(?:inf|infinity)$/i.test(plain)) return plain.startsWith("-") ? -Infinity : Infinity;
  if (/^[+-]?nan$/i.test(plain)) return Number.NaN;
  const digits = "[0-9](?:_?[0-9])*";
  const shape = new RegExp(`^[+-]?(?:${digits}\\.?(?:${digits})?|\\.${digits})(?:[eE][+-]?${digits})?$`);
  if (!shape.test(plain)) valueError(`could not convert string to float: '${text}'`);
  return Number(plain.replaceAll("_", ""));
}

/** `int("…", base)`. */
export function parseInteger(text: string, base: number): bigint {
  const bad = (): never => valueError(`invalid literal for int() with base ${base}: '${text}'`);
  if (base !== 0 && (base < 2 || base > 36)) valueError("int() base must be >= 2 and <= 36, or 0");
  let plain = text.trim().toLowerCase();
  const negative = plain.startsWith("-");
  if (/^[+-]/.test(plain)) plain = plain.slice(1);
  let radix = base;
  const prefixes: Readonly<Record<string, number>> = { "0x": 16, "0o": 8, "0b": 2 };
  const prefix = prefixes[plain.slice(0, 2)];
  if (prefix !== undefined && (radix === 0 || radix === prefix)) {
    radix = prefix;
    plain = plain.slice(2).replace(/^_/, "");
  } else if (radix === 0) {
    radix = 10;
    if (/^0[0_]*[1-9]/.test(plain)) bad();
  }
  if (!/^[0-9a-z]+(?:_[0-9a-z]+)*$/.test(plain)) bad();
  const digits = plain.replaceAll("_", "");
  if (digits.length > 4300) valueError("Exceeds the limit (4300 digits) for integer string conversion");
  for (const digit of digits) if (Number.parseInt(digit, 36) >= radix) bad();
  let value = 0n;
  if (radix === 10) value = BigInt(digits);
  else for (const digit of digits) value = value * BigInt(radix) + BigInt(Number.parseInt(digit, 36));
  return negative ? -value : value;
}

export function notANumber(what: string, type: string): never {
  return typeError(`${what} argument must be a number, not '${type}'`);
}
