// Arithmetic of Python's int: unbounded, floored division, exact division to float.
import { raise, valueError } from "./exceptions.ts";
import type { Meter } from "./meter.ts";

const small = 1n << 62n;

export function isSmall(n: bigint): boolean {
  return n < small && n > -small;
}

export function bitLength(n: bigint): number {
  const size = n < 0n ? -n : n;
  if (size === 0n) return 0;
  const hex = size.toString(16);
  return (hex.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hex[0]!, 16)));
}

export function multiply(a: bigint, b: bigint, meter: Meter): bigint {
  if (!isSmall(a) || !isSmall(b)) {
    const bits = bitLength(a) + bitLength(b);
    meter.integer(bits);
    meter.charge((bits >> 6) * (bits >> 9));
  }
  return a * b;
}

export function add(a: bigint, b: bigint, meter: Meter): bigint {
  if (!isSmall(a) || !isSmall(b)) meter.integer(Math.max(bitLength(a), bitLength(b)) + 1);
  return a + b;
}

export function floorDivide(a: bigint, b: bigint): bigint {
  if (b === 0n) raise("ZeroDivisionError", "integer division or modulo by zero");
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

export function floorModulo(a: bigint, b: bigint): bigint {
  if (b === 0n) raise("ZeroDivisionError", "integer modulo by zero");
  const rest = a % b;
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}

/** a / b rounded to the nearest double, ties to even, whatever their sizes. */
export function trueDivide(a: bigint, b: bigint): number {
  if (b === 0n) raise("ZeroDivisionError", "division by zero");
  const exact = 9007199254740992n;
  if (a <= exact && a >= -exact && b <= exact && b >= -exact) return Number(a) / Number(b);
  if (a === 0n) return 0;
  const value = quotientToFloat(a < 0n ? -a : a, b < 0n ? -b : b, 0);
  if (!Number.isFinite(value)) raise("OverflowError", "integer division result too large for a float");
  return a < 0n !== b < 0n ? -value : value;
}

/** top / bottom * 2^exponent rounded once to the nearest double, ties to even; both positive. */
export function quotientToFloat(top: bigint, bottom: bigint, exponent: number): number {
  // A quotient of at least 66 bits, its last bit made sticky, rounds to double as the exact one does.
  const shift = 66 - (bitLength(top) - bitLength(bottom));
  const scaledTop = shift > 0 ? top << BigInt(shift) : top;
  const scaledBottom = shift < 0 ? bottom << BigInt(-shift) : bottom;
  let quotient = scaledTop / scaledBottom;
  if (scaledTop % scaledBottom !== 0n) quotient |= 1n;
  return scaleExactly(quotient, exponent - shift);
}

/** n * 2^exponent as a double with one rounding, also where the result is subnormal. */
function scaleExactly(n: bigint, exponent: number): number {
  const length = bitLength(n);
  const top = length + exponent;
  if (top > 1024) return Infinity;
  // Bits that a double of this size keeps: 53, fewer below 2^-1021.
  const kept = Math.min(53, top + 1074);
  if (kept < 0) return 0;
  const dropped = BigInt(length - kept);
  let mantissa = dropped > 0n ? n >> dropped : n;
  const lost = dropped > 0n ? n - (mantissa << dropped) : 0n;
  const half = dropped > 0n ? 1n << (dropped - 1n) : 0n;
  if (dropped > 0n && (lost > half || (lost === half && (mantissa & 1n) === 1n))) mantissa += 1n;
  return scale(Number(mantissa), exponent + (dropped > 0n ? Number(dropped) : 0));
}

/** Beyond twice the range of doubles every result is 0 or infinite. */
const furthestExponent = 5_000;

/** x * 2^exponent, in steps that stay in range. */
export function scale(x: number, exponent: number): number {
  let value = x;
  let left = Math.max(-furthestExponent, Math.min(furthestExponent, exponent));
  while (left > 1000) {
    value *= 2 ** 1000;
    left -= 1000;
  }
  while (left < -1000) {
    value *= 2 ** -1000;
    left += 1000;
  }
  return value * 2 ** left;
}

export function power(a: bigint, b: bigint, meter: Meter): bigint {
  if (a !== 0n && a !== 1n && a !== -1n) {
    const bits = bitLength(a) * Number(b);
    meter.integer(bits);
    meter.charge((bits >> 6) * (bits >> 9));
  }
  return a === -1n ? (b % 2n === 0n ? 1n : -1n) : a ** b;
}

export function powerModulo(base: bigint, exponent: bigint, modulus: bigint, meter: Meter): bigint {
  if (modulus === 0n) valueError("pow() 3rd argument cannot be 0");
  let b = floorModulo(base, modulus);
  let e = exponent;
  if (e < 0n) {
    b = inverse(b, modulus, meter);
    e = -e;
  }
  let result = floorModulo(1n, modulus);
  const cost = 1 + (bitLength(modulus) >> 6);
  for (; e > 0n; e >>= 1n) {
    meter.charge(cost * cost);
    if (e & 1n) result = floorModulo(result * b, modulus);
    b = floorModulo(b * b, modulus);
  }
  return result;
}

function inverse(value: bigint, modulus: bigint, meter: Meter): bigint {
  let [r, s] = [modulus, value];
  let [t, u] = [0n, 1n];
  while (s !== 0n) {
    meter.charge(isSmall(r) ? 1 : 8);
    const quotient = floorDivide(r, s);
    [r, s] = [s, r - quotient * s];
    [t, u] = [u, t - quotient * u];
  }
  if (r !== 1n && r !== -1n) valueError("base is not invertible for the given modulus");
  return floorModulo(t * r, modulus);
}

export function shift(a: bigint, by: bigint, meter: Meter): bigint {
  if (by < 0n) valueError("negative shift count");
  if (a !== 0n) meter.integer(bitLength(a) + Number(by));
  return a << by;
}

export function shiftRight(a: bigint, by: bigint): bigint {
  if (by < 0n) valueError("negative shift count");
  return by > 1_000_000_000n ? (a < 0n ? -1n : 0n) : a >> by;
}

/** @throws OverflowError when no double is near enough. */
export function toFloat(n: bigint): number {
  const value = Number(n);
  if (!Number.isFinite(value)) raise("OverflowError", "int too large to convert to float");
  return value;
}

const maximalDigits = 4300;

/** Decimal text; Python refuses more than 4300 digits. */
export function decimal(n: bigint): string {
  if (isSmall(n)) return n.toString();
  if (bitLength(n) > 14_300) {
    valueError(`Exceeds the limit (${maximalDigits} digits) for integer string conversion`);
  }
  const text = n.toString();
  if (text.length - (n < 0n ? 1 : 0) > maximalDigits) {
    valueError(`Exceeds the limit (${maximalDigits} digits) for integer string conversion`);
  }
  return text;
}
