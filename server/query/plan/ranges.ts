// Which stored numbers compare in a given way with a literal: integers, doubles and booleans lie in separate blocks of the index
// although Python compares them by value (storage.md 9.2, item 2).
import type { NumberRange, RangeOperator } from "./nodes.ts";

/** A superset, tight but for the ends, of the numbers x for which `x op value` holds; `value` is not NaN. */
export function rangeFor(op: RangeOperator, value: bigint | number): NumberRange {
  const below = op === "<" || op === "<=" || op === "==";
  const above = op === ">" || op === ">=" || op === "==";
  const nearest = Number(value);
  return {
    integers: integerBounds(op, value, below, above),
    doubles: {
      from: above ? belowZero(nearest) : -Infinity,
      to: below ? aboveZero(nearest) : Infinity,
    },
    booleans: [false, true].filter((candidate) => holds(op, candidate ? 1n : 0n, value)),
  };
}

function belowZero(x: number): number {
  return x === 0 ? -0 : x;
}

function aboveZero(x: number): number {
  return x === 0 ? 0 : x;
}

function integerBounds(
  op: RangeOperator,
  value: bigint | number,
  below: boolean,
  above: boolean,
): NumberRange["integers"] {
  if (typeof value === "number" && !Number.isFinite(value)) {
    const everyInteger = (value > 0 && (op === "<" || op === "<=")) || (value < 0 && (op === ">" || op === ">="));
    return everyInteger ? {} : undefined;
  }
  const floor = typeof value === "bigint" ? value : BigInt(Math.floor(value));
  const ceiling = typeof value === "bigint" ? value : BigInt(Math.ceil(value));
  const exact = floor === ceiling;
  let from: bigint | undefined;
  let to: bigint | undefined;
  if (above) from = op === ">" && exact ? ceiling + 1n : ceiling;
  if (below) to = op === "<" && exact ? floor - 1n : floor;
  return from !== undefined && to !== undefined && from > to ? undefined : { from, to };
}

export function holds(op: RangeOperator | "!=", a: bigint | number, b: bigint | number): boolean {
  switch (op) {
    case "==":
      // biome-ignore lint/suspicious/noDoubleEquals: an int equals the float of exactly its value, which only == says
      return a == b;
    case "!=":
      // biome-ignore lint/suspicious/noDoubleEquals: as above
      return a != b;
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
  }
}
