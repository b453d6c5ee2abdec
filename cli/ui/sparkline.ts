// A series of numbers as one short word of bars.

const bars = "▁▂▃▄▅▆▇█";

/**
 * One bar per value, from the smallest to the largest finite one. NaN and infinities are gaps; a constant series is
 * drawn at middle height, since it has no bottom or top.
 */
export function sparkline(values: readonly number[]): string {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  let text = "";
  for (const value of values) {
    if (!Number.isFinite(value)) text += " ";
    else if (low === high) text += bars[3];
    // Halves keep the difference of two huge numbers finite.
    else text += bars[Math.min(7, Math.floor(((value / 2 - low / 2) / (high / 2 - low / 2)) * 8))];
  }
  return text;
}
