// Python's `math`.
import { bind, integerOf } from "./arguments.ts";
import { numeric } from "./compare.ts";
import { raise, typeError, valueError } from "./exceptions.ts";
import { decompose, floatPower } from "./floats.ts";
import { bitLength, isSmall, multiply, scale, toFloat } from "./integers.ts";
import { toArray } from "./iterate.ts";
import type { Meter } from "./meter.ts";
import { errorFunction, gamma, logGamma } from "./special.ts";
import { typeName } from "./types.ts";
import { type Keywords, type Py, PyFunction, PyModule, PyTuple } from "./values.ts";

type Call = (given: readonly Py[], keywords: Keywords) => Py;

export function real(value: Py | undefined): number {
  const number = numeric(value ?? null);
  if (number === undefined) return typeError(`must be real number, not ${typeName(value ?? null)}`);
  return typeof number === "bigint" ? toFloat(number) : number;
}

/** A function of one number: NaN from a number is a domain error, infinity from a finite one an overflow. */
function one(body: (x: number) => number, mayBeInfinite = false): Call {
  return (given) => {
    if (given.length !== 1) typeError(`expected exactly one argument, got ${given.length}`);
    const x = real(given[0]);
    const y = body(x);
    if (Number.isNaN(y) && !Number.isNaN(x)) valueError("math domain error");
    if (!Number.isFinite(y) && Number.isFinite(x) && !mayBeInfinite) raise("OverflowError", "math range error");
    return y;
  };
}

function two(body: (x: number, y: number) => number): Call {
  return (given) => {
    if (given.length !== 2) typeError(`expected 2 arguments, got ${given.length}`);
    return body(real(given[0]), real(given[1]));
  };
}

/** Logarithms take integers of any size and refuse what has none. */
function logarithm(value: Py | undefined, log: (x: number) => number, ofTwo: number): number {
  const number = numeric(value ?? null);
  if (number === undefined) return typeError(`must be real number, not ${typeName(value ?? null)}`);
  if (number <= 0) return valueError("math domain error");
  if (typeof number === "number") return log(number);
  const bits = bitLength(number);
  if (bits <= 1000) return log(Number(number));
  const drop = bits - 64;
  return log(Number(number >> BigInt(drop))) + drop * ofTwo;
}

function integral(name: "ceil" | "floor" | "trunc"): Call {
  return ([value = null]) => {
    const number = numeric(value);
    if (number === undefined) return typeError(`must be real number, not ${typeName(value)}`);
    if (typeof number === "bigint") return number;
    if (Number.isNaN(number)) return valueError("cannot convert float NaN to integer");
    if (!Number.isFinite(number)) return raise("OverflowError", "cannot convert float infinity to integer");
    return BigInt(Math[name](number));
  };
}

function greatestCommonDivisor(a: bigint, b: bigint, meter: Meter): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) {
    meter.charge(isSmall(x) ? 1 : 8);
    [x, y] = [y, x % y];
  }
  return x;
}

function integerRoot(n: bigint): bigint {
  if (n < 0n) valueError("isqrt() argument must be nonnegative");
  if (n < 2n) return n;
  let x = 1n << BigInt((bitLength(n) + 1) >> 1);
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}

/** The exactly rounded sum of doubles. */
function exactSum(values: readonly number[]): number {
  const special = values.filter((value) => !Number.isFinite(value));
  if (special.length > 0) {
    const sum = special.reduce((a, b) => a + b, 0);
    if (Number.isNaN(sum) && !special.some(Number.isNaN)) valueError("-inf + inf in fsum");
    return sum;
  }
  let total = 0n;
  for (const value of values) {
    const { mantissa, exponent } = decompose(Math.abs(value));
    const units = mantissa << BigInt(exponent + 1074);
    total += value < 0 ? -units : units;
  }
  const size = total < 0n ? -total : total;
  // One unit is 2^-1074: keep 64 bits with a sticky last one, then round to double once.
  const drop = Math.max(0, bitLength(size) - 64);
  let top = size >> BigInt(drop);
  if (drop > 0 && top << BigInt(drop) !== size) top |= 1n;
  const value = scale(Number(top), drop - 1074);
  return total < 0n ? -value : value;
}

function binomial(n: bigint, k: bigint, ordered: boolean, meter: Meter): bigint {
  if (n < 0n || k < 0n) valueError("must be a non-negative integer");
  if (k > n) return 0n;
  const count = !ordered && k > n - k ? n - k : k;
  let out = 1n;
  for (let i = 0n; i < count; i++) {
    meter.charge(1);
    out = multiply(out, n - i, meter);
    if (!ordered) out /= i + 1n;
  }
  return out;
}

function isClose(given: readonly Py[], keywords: Keywords): boolean {
  const [a, b, relative = 1e-9, absolute = 0] = bind("isclose", ["a", "b", "rel_tol", "abs_tol"], 2, given, keywords);
  const [x, y, r, t] = [real(a), real(b), real(relative), real(absolute)];
  if (r < 0 || t < 0) valueError("tolerances must be non-negative");
  if (x === y) return true;
  if (!Number.isFinite(x) || !Number.isFinite(y)) return false;
  const difference = Math.abs(x - y);
  return difference <= Math.abs(r * y) || difference <= Math.abs(r * x) || difference <= t;
}

function nextAfter(x: number, y: number): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
  if (x === y) return y;
  if (x === 0) return y > 0 ? 5e-324 : -5e-324;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigInt64(0);
  view.setBigInt64(0, x < y === x > 0 ? bits + 1n : bits - 1n);
  return view.getFloat64(0);
}

function fraction(x: number): [mantissa: number, exponent: number] {
  if (x === 0 || !Number.isFinite(x)) return [x, 0];
  let exponent = Math.max(-1023, Math.floor(Math.log2(Math.abs(x))) + 1);
  let mantissa = scale(x, -exponent);
  while (Math.abs(mantissa) < 0.5) {
    mantissa *= 2;
    exponent--;
  }
  while (Math.abs(mantissa) >= 1) {
    mantissa /= 2;
    exponent++;
  }
  return [mantissa, exponent];
}

export function mathModule(meter: Meter): PyModule {
  const functions: Readonly<Record<string, Call>> = {
    ceil: integral("ceil"),
    floor: integral("floor"),
    trunc: integral("trunc"),
    fabs: one(Math.abs, true),
    sqrt: one(Math.sqrt, true),
    cbrt: one(Math.cbrt, true),
    exp: one(Math.exp),
    exp2: one((x) => 2 ** x),
    expm1: one(Math.expm1),
    log1p: one((x) => (x <= -1 ? Number.NaN : Math.log1p(x))),
    sin: one(Math.sin),
    cos: one(Math.cos),
    tan: one(Math.tan),
    asin: one(Math.asin),
    acos: one(Math.acos),
    atan: one(Math.atan),
    sinh: one(Math.sinh),
    cosh: one(Math.cosh),
    tanh: one(Math.tanh),
    asinh: one(Math.asinh),
    acosh: one(Math.acosh),
    atanh: one((x) => (Math.abs(x) === 1 ? Number.NaN : Math.atanh(x))),
    erf: one(errorFunction),
    erfc: one((x) => 1 - errorFunction(x)),
    gamma: one((x) => (Number.isInteger(x) && x <= 0 ? Number.NaN : gamma(x))),
    lgamma: one((x) => (Number.isInteger(x) && x <= 0 ? Number.NaN : logGamma(x))),
    degrees: one((x) => x * (180 / Math.PI)),
    radians: one((x) => x * (Math.PI / 180)),
    isfinite: ([x]) => Number.isFinite(real(x)),
    isinf: ([x]) => Math.abs(real(x)) === Infinity,
    isnan: ([x]) => Number.isNaN(real(x)),
    isclose: isClose,
    log: (given) => {
      if (given.length < 1 || given.length > 2) typeError(`log expected 1 or 2 arguments, got ${given.length}`);
      const top = logarithm(given[0], Math.log, Math.LN2);
      if (given[1] === undefined) return top;
      const bottom = logarithm(given[1], Math.log, Math.LN2);
      return bottom === 0 ? raise("ZeroDivisionError", "float division by zero") : top / bottom;
    },
    log2: ([x]) => logarithm(x, Math.log2, 1),
    log10: ([x]) => logarithm(x, Math.log10, Math.LOG10E * Math.LN2),
    pow: two((x, y) => {
      if (x === 0 && y < 0) return valueError("math domain error");
      if (x < 0 && Number.isFinite(x) && Number.isFinite(y) && !Number.isInteger(y))
        return valueError("math domain error");
      const value = floatPower(x, y);
      return typeof value === "number" ? value : valueError("math domain error");
    }),
    fmod: two((x, y) => {
      const rest = x % y;
      return Number.isNaN(rest) && !Number.isNaN(x) && !Number.isNaN(y) ? valueError("math domain error") : rest;
    }),
    remainder: two((x, y) => {
      if (y === 0 || Math.abs(x) === Infinity) return valueError("math domain error");
      if (!Number.isFinite(y)) return x;
      const size = Math.abs(y);
      let rest = Math.abs(x) % size;
      const other = size - rest;
      if (rest > other) rest = -other;
      else if (rest === other) rest -= 2 * ((0.5 * (Math.abs(x) - rest)) % size);
      return x < 0 || Object.is(x, -0) ? -rest : rest;
    }),
    copysign: two((x, y) => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x))),
    atan2: two(Math.atan2),
    nextafter: two(nextAfter),
    ulp: one((x) => {
      const size = Math.abs(x);
      return Number.isFinite(size) ? nextAfter(size, Infinity) - size : size;
    }, true),
    ldexp: ([x, power]) => {
      const y = scale(real(x), Number(integerOf(power)));
      return !Number.isFinite(y) && Number.isFinite(real(x)) ? raise("OverflowError", "math range error") : y;
    },
    frexp: ([x]) => {
      const [mantissa, exponent] = fraction(real(x));
      return new PyTuple([mantissa, BigInt(exponent)]);
    },
    modf: ([x]) => {
      const value = real(x);
      if (!Number.isFinite(value)) return new PyTuple([Number.isNaN(value) ? value : value < 0 ? -0 : 0, value]);
      return new PyTuple([value % 1, Math.trunc(value)]);
    },
    hypot: (given) => Math.hypot(...given.map(real)),
    dist: ([p, q]) => {
      const a = toArray(p ?? null, meter).map(real);
      const b = toArray(q ?? null, meter).map(real);
      if (a.length !== b.length) valueError("both points must have the same number of dimensions");
      return Math.hypot(...a.map((x, index) => x - b[index]!));
    },
    factorial: ([value]) => {
      const n = integerOf(value);
      if (n < 0n) valueError("factorial() not defined for negative values");
      if (n > 0x7fffffffffffffffn) raise("OverflowError", "factorial() argument should not exceed 9223372036854775807");
      let out = 1n;
      for (let i = 2n; i <= n; i++) {
        meter.charge(1);
        out = multiply(out, i, meter);
      }
      return out;
    },
    gcd: (given) => given.map(integerOf).reduce((a, b) => greatestCommonDivisor(a, b, meter), 0n),
    lcm: (given) =>
      given.map(integerOf).reduce((a, b) => {
        if (a === 0n || b === 0n) return 0n;
        const product = multiply(a, b, meter) / greatestCommonDivisor(a, b, meter);
        return product < 0n ? -product : product;
      }, 1n),
    isqrt: ([value]) => integerRoot(integerOf(value)),
    comb: ([n, k]) => binomial(integerOf(n), integerOf(k), false, meter),
    perm: ([n, k]) => binomial(integerOf(n), k === undefined || k === null ? integerOf(n) : integerOf(k), true, meter),
    fsum: ([values]) => exactSum(toArray(values ?? null, meter).map(real)),
    prod: (given, keywords) => {
      const [values, start = 1n] = bind("prod", ["iterable", "start"], 1, given, keywords, 1);
      let out = numeric(start) ?? typeError("unsupported start");
      for (const item of toArray(values ?? null, meter)) {
        const factor = numeric(item);
        if (factor === undefined) typeError(`unsupported operand type(s) for *: 'int' and '${typeName(item)}'`);
        out =
          typeof out === "bigint" && typeof factor === "bigint"
            ? multiply(out, factor, meter)
            : Number(out) * Number(factor);
      }
      return out;
    },
    sumprod: ([p, q]) => {
      const a = toArray(p ?? null, meter);
      const b = toArray(q ?? null, meter);
      if (a.length !== b.length) valueError("Inputs are not the same length");
      return a.reduce<number>((sum, x, index) => sum + real(x) * real(b[index]), 0);
    },
  };
  const members = new Map<string, Py>(
    Object.entries(functions).map(([name, call]) => [name, new PyFunction(name, call)]),
  );
  members.set("pi", Math.PI);
  members.set("e", Math.E);
  members.set("tau", 2 * Math.PI);
  members.set("inf", Infinity);
  members.set("nan", Number.NaN);
  return new PyModule("math", members);
}
