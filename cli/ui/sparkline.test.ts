// Sparklines: heights, gaps, and numbers at the ends of what a float64 holds.
import { expect, test } from "bun:test";
import { sparkline } from "./sparkline.ts";

test("values become bars from the lowest to the highest", () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe("▁▂▃▄▅▆▇█");
  expect(sparkline([1, 0.5, 0.25, 0.125])).toBe("█▄▂▁");
});

test("NaN and infinities are gaps and do not spoil the others' heights", () => {
  expect(sparkline([0, Number.NaN, 7, Number.POSITIVE_INFINITY, 3.5])).toBe("▁ █ ▅");
  expect(sparkline([Number.NaN, Number.NEGATIVE_INFINITY])).toBe("  ");
});

test("a constant series is drawn at middle height, an empty one not at all", () => {
  expect(sparkline([3, 3, 3])).toBe("▄▄▄");
  expect(sparkline([])).toBe("");
});

test("huge and tiny ranges do not overflow", () => {
  expect(sparkline([-Number.MAX_VALUE, 0, Number.MAX_VALUE])).toBe("▁▅█");
  expect(sparkline([1e-320, 2e-320])).toHaveLength(2);
});
