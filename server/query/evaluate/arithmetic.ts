// Python's binary and unary operators.
import type { BinaryOperator, UnaryOperator } from "../ast.ts";
import { complexOf, numeric, truth } from "./compare.ts";
import { PyDatetime, PyTimedelta } from "./datetime.ts";
import { raise, typeError, valueError } from "./exceptions.ts";
import { divide, divideWithRest, floatPower, ratio, roundToInteger } from "./floats.ts";
import { PyDict, PySet } from "./hashed.ts";
import {
  add,
  floorDivide,
  floorModulo,
  isSmall,
  multiply,
  power,
  shift,
  shiftRight,
  toFloat,
  trueDivide,
} from "./integers.ts";
import type { Meter } from "./meter.ts";
import { formatPercent } from "./percent.ts";
import { unwrap } from "./stored.ts";
import { typeName } from "./types.ts";
import { DictProxy, type Py, PyComplex, PyList, PyTuple } from "./values.ts";

export function binary(op: BinaryOperator, a: Py, b: Py, meter: Meter): Py {
  const left = numeric(a);
  const right = numeric(b);
  if (left !== undefined && right !== undefined) {
    if (typeof left === "bigint" && typeof right === "bigint") {
      if ((op === "&" || op === "|" || op === "^") && typeof a === "boolean" && typeof b === "boolean") {
        return op === "&" ? a && b : op === "|" ? a || b : a !== b;
      }
      return integers(op, left, right, meter);
    }
    return floats(op, left, right, a, b);
  }
  return objects(op, a, b, meter) ?? unsupported(op, a, b);
}

function unsupported(op: BinaryOperator, a: Py, b: Py): never {
  return typeError(`unsupported operand type(s) for ${op}: '${typeName(a)}' and '${typeName(b)}'`);
}

function integers(op: BinaryOperator, a: bigint, b: bigint, meter: Meter): Py {
  switch (op) {
    case "+":
      return add(a, b, meter);
    case "-":
      return add(a, -b, meter);
    case "*":
      return multiply(a, b, meter);
    case "/":
      return trueDivide(a, b);
    case "//":
      return floorDivide(a, b);
    case "%":
      return floorModulo(a, b);
    case "**":
      return b >= 0n ? power(a, b, meter) : floatPower(nonZeroBase(a), toFloat(b));
    case "<<":
      return shift(a, b, meter);
    case ">>":
      return shiftRight(a, b);
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "@":
      return unsupported(op, a, b);
  }
}

function nonZeroBase(a: bigint): number {
  if (a === 0n) raise("ZeroDivisionError", "0.0 cannot be raised to a negative power");
  return toFloat(a);
}

function floats(op: BinaryOperator, left: bigint | number, right: bigint | number, a: Py, b: Py): Py {
  const x = typeof left === "bigint" ? toFloat(left) : left;
  const y = typeof right === "bigint" ? toFloat(right) : right;
  switch (op) {
    case "+":
      return x + y;
    case "-":
      return x - y;
    case "*":
      return x * y;
    case "/":
      return divide(x, y);
    case "//":
      return divideWithRest(x, y)[0];
    case "%":
      if (y === 0) raise("ZeroDivisionError", "float modulo");
      return divideWithRest(x, y)[1];
    case "**":
      return floatPower(x, y);
    default:
      return unsupported(op, a, b);
  }
}

function objects(op: BinaryOperator, a: Py, b: Py, meter: Meter): Py | undefined {
  switch (op) {
    case "+":
      return plus(a, b, meter);
    case "*":
      return times(a, b, meter);
    case "%":
      if (typeof a === "string") return formatPercent(a, b, meter);
      if (a instanceof PyTimedelta && b instanceof PyTimedelta)
        return new PyTimedelta(floorModulo(a.micros, nonZero(b)));
      return undefined;
    case "-":
      return minus(a, b);
    case "/":
      return over(a, b);
    case "//":
      if (a instanceof PyTimedelta) {
        if (b instanceof PyTimedelta) return floorDivide(a.micros, nonZero(b));
        if (typeof b === "bigint") return new PyTimedelta(floorDivide(a.micros, b));
      }
      return undefined;
    case "**":
      return complexPower(a, b);
    case "&":
    case "|":
    case "^":
      return setOperation(op, a, b, meter);
    default:
      return undefined;
  }
}

function nonZero(delta: PyTimedelta): bigint {
  if (delta.micros === 0n) raise("ZeroDivisionError", "integer division or modulo by zero");
  return delta.micros;
}

function plus(a: Py, b: Py, meter: Meter): Py | undefined {
  if (typeof a === "string" && typeof b === "string") {
    meter.text(a.length + b.length);
    return a + b;
  }
  if (a instanceof PyList && b instanceof PyList) {
    meter.items(a.items.length + b.items.length);
    return new PyList([...a.items, ...b.items]);
  }
  if (a instanceof PyTuple && b instanceof PyTuple) {
    meter.items(a.items.length + b.items.length);
    return new PyTuple([...a.items, ...b.items]);
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    meter.text(a.length + b.length);
    const out = new Uint8Array(a.length + b.length);
    out.set(a);
    out.set(b, a.length);
    return out;
  }
  if (a instanceof PyTimedelta) {
    if (b instanceof PyTimedelta) return new PyTimedelta(a.micros + b.micros);
    if (b instanceof PyDatetime) return new PyDatetime(b.naive + a.micros, b.offset);
  }
  if (a instanceof PyDatetime && b instanceof PyTimedelta) return new PyDatetime(a.naive + b.micros, a.offset);
  return complexOperation(a, b, (x, y) => new PyComplex(x.re + y.re, x.im + y.im));
}

function minus(a: Py, b: Py): Py | undefined {
  if (a instanceof PyTimedelta && b instanceof PyTimedelta) return new PyTimedelta(a.micros - b.micros);
  if (a instanceof PyDatetime) {
    if (b instanceof PyTimedelta) return new PyDatetime(a.naive - b.micros, a.offset);
    if (b instanceof PyDatetime) {
      if ((a.offset === null) !== (b.offset === null)) {
        typeError("can't subtract offset-naive and offset-aware datetimes");
      }
      return new PyTimedelta(a.utc - b.utc);
    }
  }
  if (a instanceof PySet && b instanceof PySet) {
    const out = new PySet(a.frozen);
    for (const [hash, value] of a.entries) if (!b.entries.has(hash)) out.entries.set(hash, value);
    return out;
  }
  return complexOperation(a, b, (x, y) => new PyComplex(x.re - y.re, x.im - y.im));
}

function times(a: Py, b: Py, meter: Meter): Py | undefined {
  if (a instanceof PyTimedelta || b instanceof PyTimedelta) {
    const [delta, factor] = a instanceof PyTimedelta ? [a, b] : [b as PyTimedelta, a];
    if (typeof factor === "bigint" || typeof factor === "boolean") {
      return new PyTimedelta(delta.micros * BigInt(factor));
    }
    if (typeof factor === "number") {
      const [top, bottom] = ratio(factor);
      return new PyTimedelta(divideHalfEven(delta.micros * top, bottom));
    }
    return undefined;
  }
  const [sequence, count] = isCount(b) ? [a, b] : isCount(a) ? [b, a] : [undefined, undefined];
  if (sequence !== undefined && count !== undefined && !(sequence instanceof PyComplex)) {
    return repeat(sequence, BigInt(count), meter);
  }
  return complexOperation(a, b, (x, y) => new PyComplex(x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re));
}

function isCount(value: Py): value is bigint | boolean {
  return typeof value === "bigint" || typeof value === "boolean";
}

function repeat(sequence: Py, count: bigint, meter: Meter): Py | undefined {
  const times = count < 0n ? 0 : Number(count);
  if (typeof sequence === "string") {
    meter.text(sequence.length * times);
    return sequence === "" ? "" : sequence.repeat(times);
  }
  if (sequence instanceof PyList || sequence instanceof PyTuple) {
    const { items } = sequence;
    meter.items(items.length * times);
    const out: Py[] = [];
    if (items.length > 0) for (let i = 0; i < times; i++) out.push(...items);
    return sequence instanceof PyList ? new PyList(out) : new PyTuple(out);
  }
  if (sequence instanceof Uint8Array) {
    meter.text(sequence.length * times);
    const out = new Uint8Array(sequence.length * times);
    for (let i = 0; i < out.length; i += sequence.length) out.set(sequence, i);
    return out;
  }
  return undefined;
}

function over(a: Py, b: Py): Py | undefined {
  if (a instanceof PyTimedelta) {
    if (b instanceof PyTimedelta) return trueDivide(a.micros, b.micros);
    if (typeof b === "bigint") {
      if (b === 0n) raise("ZeroDivisionError", "integer division or modulo by zero");
      return new PyTimedelta(divideHalfEven(a.micros, b));
    }
    if (typeof b === "number") {
      if (b === 0) raise("ZeroDivisionError", "division by zero");
      const [top, bottom] = ratio(b);
      return new PyTimedelta(divideHalfEven(a.micros * bottom, top));
    }
  }
  return complexOperation(a, b, (x, y) => {
    const size = y.re * y.re + y.im * y.im;
    if (size === 0) raise("ZeroDivisionError", "complex division by zero");
    return new PyComplex((x.re * y.re + x.im * y.im) / size, (x.im * y.re - x.re * y.im) / size);
  });
}

/** a / b rounded to an integer, ties to even. */
export function divideHalfEven(a: bigint, b: bigint): bigint {
  const [top, bottom] = b < 0n ? [-a, -b] : [a, b];
  const quotient = floorDivide(top, bottom);
  const twice = (top - quotient * bottom) * 2n;
  return twice > bottom || (twice === bottom && quotient % 2n !== 0n) ? quotient + 1n : quotient;
}

function complexOperation(a: Py, b: Py, compute: (x: PyComplex, y: PyComplex) => PyComplex): Py | undefined {
  if (!(a instanceof PyComplex || b instanceof PyComplex)) return undefined;
  const x = complexOf(a);
  const y = complexOf(b);
  return x === undefined || y === undefined ? undefined : compute(x, y);
}

function complexPower(a: Py, b: Py): Py | undefined {
  return complexOperation(a, b, (x, y) => {
    if (y.re === 0 && y.im === 0) return new PyComplex(1, 0);
    const size = Math.hypot(x.re, x.im);
    if (size === 0) return new PyComplex(0, 0);
    const angle = Math.atan2(x.im, x.re);
    const length = size ** y.re * Math.exp(-angle * y.im);
    const turn = angle * y.re + Math.log(size) * y.im;
    return new PyComplex(length * Math.cos(turn), length * Math.sin(turn));
  });
}

function setOperation(op: "&" | "|" | "^", a: Py, b: Py, meter: Meter): Py | undefined {
  const left = a instanceof DictProxy ? unwrap(a) : a;
  const right = b instanceof DictProxy ? unwrap(b) : b;
  if (op === "|" && left instanceof PyDict && right instanceof PyDict) {
    meter.items(left.entries.size + right.entries.size);
    const out = new PyDict();
    for (const source of [left, right]) {
      for (const [hash, entry] of source.entries) out.entries.set(hash, { key: entry.key, value: entry.value });
    }
    return out;
  }
  if (!(left instanceof PySet && right instanceof PySet)) return undefined;
  meter.items(left.entries.size + right.entries.size);
  const out = new PySet(left.frozen);
  for (const [hash, value] of left.entries) {
    if (op === "|" || right.entries.has(hash) === (op === "&")) out.entries.set(hash, value);
  }
  if (op === "&") return out;
  for (const [hash, value] of right.entries) {
    if (!left.entries.has(hash)) out.entries.set(hash, value);
  }
  return out;
}

export function unary(op: UnaryOperator, value: Py): Py {
  if (op === "not") return !truth(value);
  const number = numeric(value);
  if (op === "~") {
    if (typeof number === "bigint") return -number - 1n;
    return typeError(`bad operand type for unary ~: '${typeName(value)}'`);
  }
  if (number !== undefined) return op === "-" ? -number : number;
  if (value instanceof PyTimedelta) return op === "-" ? new PyTimedelta(-value.micros) : value;
  if (value instanceof PyComplex) return op === "-" ? new PyComplex(-value.re, -value.im) : value;
  return typeError(`bad operand type for unary ${op}: '${typeName(value)}'`);
}

/** `round(value[, places])`. */
export function round(value: Py, places: Py, roundFloat: (x: number, places: bigint) => number): Py {
  const number = numeric(value);
  const digits = places === null ? null : numeric(places);
  if (number === undefined) return typeError(`type ${typeName(value)} doesn't define __round__ method`);
  if (digits !== null && typeof digits !== "bigint") {
    return typeError(`'${typeName(places)}' object cannot be interpreted as an integer`);
  }
  if (typeof number === "number") return digits === null ? roundToInteger(number) : roundFloat(number, digits);
  if (digits === null || digits >= 0n) return number;
  if (-digits > 20_000n) return isSmall(number) ? 0n : valueError("too many digits to round away");
  const unit = 10n ** -digits;
  return divideHalfEven(number, unit) * unit;
}
