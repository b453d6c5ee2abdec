// Axes of charts: where the ticks are, and how they are labelled.
import { shortDuration, shortNumber } from "./numbers.ts";

export interface Axis {
  readonly low: number;
  readonly high: number;
  /** Ticks inside [low, high], ascending. */
  readonly ticks: readonly number[];
  readonly labels: readonly string[];
  /** Where a value lies between low (0) and high (1). Not clipped. */
  position(value: number): number;
}

/**
 * A linear axis over [low, high] with about `count` ticks at round numbers (1, 2 or 5 times a power of ten). An empty
 * range is widened around its value; `outward` widens any range to the next ticks. Works from the smallest float64 to 1e300;
 * beyond, a tick may lie outside by what float64 rounds.
 */
export function linearAxis(low: number, high: number, count: number, outward = false): Axis {
  let [from, to] = low === high ? widen(low) : [low, high];
  // Work on numbers near 1, so that neither the span nor its logarithm overflows or underflows.
  const exponent = Math.floor(Math.log10(Math.max(Math.abs(from), Math.abs(to))));
  const scale = 10 ** Math.max(-307, Math.min(308, exponent));
  // Neighbouring numbers may be the same there.
  if (to / scale === from / scale) [from, to] = widen(from);
  const step = niceStep((to / scale - from / scale) / Math.max(1, count - 1));
  if (outward) {
    from = Math.max(-Number.MAX_VALUE, Math.min(from, Math.floor(from / scale / step + 1e-9) * step * scale));
    to = Math.min(Number.MAX_VALUE, Math.max(to, Math.ceil(to / scale / step - 1e-9) * step * scale));
  }
  const start = from / scale;
  const span = to / scale - start;
  const ends = [Math.ceil(start / step - 1e-9), Math.floor((start + span) / step + 1e-9)] as const;
  const ticks = ticksBetween(from, to, ends, 4 * count, (index) => index * step * scale);
  return {
    low: from,
    high: to,
    ticks,
    labels: ticks.length === 1 ? ticks.map((tick) => shortNumber(tick)) : decimalLabels(ticks, step * scale),
    // Exact for neighbours, where it does not overflow.
    position: (value) => (to - from < Infinity ? (value - from) / (to - from) : (value / scale - start) / span),
  };
}

/** A logarithmic axis; `low` and `high` are positive. Ticks at powers of ten, with 2 and 5 between when there is room. */
export function logAxis(low: number, high: number, count: number): Axis {
  const [from, to] = low === high ? [low / 2 || low, Math.min(high * 2, Number.MAX_VALUE)] : [low, high];
  const start = Math.log10(from);
  const end = Math.log10(to);
  // Numbers so near each other that their logarithms hardly differ.
  if (end - start < 1e-9) return linearAxis(from, to, count);
  const decades = end - start;
  const stride = Math.max(1, Math.ceil(decades / Math.max(1, count)));
  const factors = decades <= count / 3 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = Math.floor(start); power <= Math.ceil(end); power++) {
    if (power % stride !== 0) continue;
    for (const factor of factors) {
      const tick = Number(`${factor}e${power}`);
      if (tick >= from && tick <= to) ticks.push(tick);
    }
  }
  if (ticks.length < 2) {
    // Less than a decade without a round number inside: a linear choice of ticks reads better than none.
    const { ticks: linear } = linearAxis(from, to, count);
    ticks.splice(0, ticks.length, ...linear.filter((tick) => tick > 0));
  }
  return {
    low: from,
    high: to,
    ticks,
    labels: ticks.map((tick) => shortNumber(tick)),
    position: (value) => (Math.log10(value) - start) / (end - start),
  };
}

/** An axis of elapsed seconds, with ticks at round seconds, minutes, hours or days. */
export function durationAxis(low: number, high: number, count: number): Axis {
  const [from, to] = low === high ? [low, low + 1] : [low, high];
  const rough = (to - from) / Math.max(1, count - 1);
  const step =
    rough < 1
      ? niceStep(rough)
      : ([1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400].find(
          (candidate) => candidate >= rough,
        ) ?? niceStep(rough / 86400) * 86400);
  const ends = [Math.ceil(from / step - 1e-9), Math.floor(to / step + 1e-9)] as const;
  const ticks = ticksBetween(from, to, ends, 4 * count, (index) => index * step);
  return {
    low: from,
    high: to,
    ticks,
    labels: ticks.map((tick) => durationLabel(tick, step)),
    position: (value) => (value - from) / (to - from),
  };
}

/** The values of the indexes from `first` to `last`, as far as they differ; at least one. */
function ticksBetween(
  from: number,
  to: number,
  [first, last]: readonly [number, number],
  most: number,
  valueAt: (index: number) => number,
): number[] {
  const ticks: number[] = [];
  // A range of a few units in the last place has fewer numbers than ticks: keep those that differ.
  // Counted from 0: far from zero `index + 1` may be the same float64 as `index`.
  for (let at = 0; at <= Math.min(last - first, most); at++) {
    const tick = Math.min(to, Math.max(from, valueAt(first + at)));
    if (tick !== ticks.at(-1)) ticks.push(tick);
  }
  // Too short for a round number at this step: its middle is better than an axis without numbers.
  if (ticks.length === 0) ticks.push(from / 2 + to / 2);
  return ticks;
}

function durationLabel(seconds: number, step: number): string {
  if (Math.abs(seconds) < step / 2) return "0";
  if (step < 1) return `${shortNumber(Number(seconds.toPrecision(12)))} s`;
  return seconds < 60 ? `${Math.round(seconds)} s` : shortDuration(seconds);
}

/** The smallest of 1, 2, 5 times a power of ten that is at least `rough`. */
function niceStep(rough: number): number {
  const power = Math.floor(Math.log10(rough));
  for (const factor of [1, 2, 5, 10]) {
    const step = Number(`${factor}e${power}`);
    if (step >= rough * (1 - 1e-9)) return step;
  }
  return Number(`1e${power + 1}`);
}

function widen(value: number): [number, number] {
  if (value === 0) return [-1, 1];
  const margin = Math.max(Math.abs(value) * 0.1, Number.MIN_VALUE);
  return [Math.max(-Number.MAX_VALUE, value - margin), Math.min(Number.MAX_VALUE, value + margin)];
}

/** Labels with as many decimals as the step between ticks needs, or exponents where plain digits would be long. */
function decimalLabels(ticks: readonly number[], step: number): string[] {
  const largest = Math.max(0, ...ticks.map(Math.abs));
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  if (largest < 1e9 && decimals <= 6)
    return ticks.map((tick) => (Math.abs(tick) < step / 2 ? "0" : tick.toFixed(decimals)));
  const digits = Math.min(15, Math.max(0, Math.floor(Math.log10(largest)) - Math.floor(Math.log10(step) + 1e-9)));
  return ticks.map((tick) => {
    if (Math.abs(tick) < step / 2) return "0";
    // Few significant digits of a number of ordinary size read better as they are.
    if (largest < 1e6 && largest >= 1e-4) return tick.toPrecision(digits + 1);
    const [mantissa, power] = tick.toExponential(digits).split("e");
    return `${mantissa!.includes(".") ? mantissa!.replace(/\.?0+$/, "") : mantissa}e${power!.replace("+", "")}`;
  });
}
