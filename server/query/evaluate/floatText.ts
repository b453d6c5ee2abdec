// Decimal texts of doubles with a given precision: the e, f and g forms of Python's formatting, correctly rounded.
import { scaledDecimal } from "./floats.ts";

/** x >= 0 with `places` digits behind the point. */
export function fixed(x: number, places: number): string {
  // toFixed is exact but rounds ties up; only a multiple of 2^-(places+1) can be a tie.
  if (x < 1e21 && places <= 100 && !Number.isInteger(x * 2 ** (places + 1))) return x.toFixed(places);
  const digits = scaledDecimal(x, places)
    .toString()
    .padStart(places + 1, "0");
  return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** The `places + 1` significant digits of x >= 0 and the decimal exponent of the first. */
export function significant(x: number, places: number): { digits: string; exponent: number } {
  if (x === 0) return { digits: "0".repeat(places + 1), exponent: 0 };
  let exponent = Number(x.toExponential().split("e")[1]);
  let digits = scaledDecimal(x, places - exponent).toString();
  // Rounding up may have made one digit more (9.99 -> 10.0).
  if (digits.length > places + 1) {
    exponent++;
    digits = scaledDecimal(x, places - exponent).toString();
  }
  return { digits, exponent };
}

/** x >= 0 in the form 1.25e+00 with `places` digits behind the point. */
export function exponential(x: number, places: number, alternate: boolean): string {
  const { digits, exponent } = significant(x, places);
  const point = places > 0 || alternate ? "." : "";
  return `${digits[0]}${point}${digits.slice(1)}e${exponentText(exponent)}`;
}

function exponentText(exponent: number): string {
  return `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/**
 * x >= 0 in the `g` form with `precision` significant digits. `keepPoint` is Python's form without a type: it shows at
 * least one digit behind the point and changes to exponents one digit earlier.
 */
export function general(x: number, precision: number, alternate: boolean, keepPoint: boolean): string {
  const places = Math.max(precision, 1) - 1;
  const { digits, exponent } = significant(x, places);
  const usesExponent = exponent < -4 || exponent > places - (keepPoint ? 1 : 0);
  const shown = alternate ? digits : digits.replace(/0+$/, "") || "0";
  if (usesExponent) {
    const rest = shown.slice(1);
    const point = rest !== "" || alternate ? "." : "";
    return `${shown[0]}${point}${rest}e${exponentText(exponent)}`;
  }
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${shown}`;
  const whole = shown.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = shown.slice(exponent + 1);
  if (fraction !== "") return `${whole}.${fraction}`;
  if (alternate) return `${whole}.`;
  return keepPoint ? `${whole}.0` : whole;
}
