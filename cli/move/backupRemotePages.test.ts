// Pages of steps: every step in exactly one of them, however the points lie.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { rangeText, type Stretch, stepPages } from "./backupRemotePages.ts";

const steps = fc.oneof(
  fc.uniqueArray(fc.bigInt({ min: -50n, max: 5_000n }), { minLength: 1, maxLength: 200 }),
  fc.uniqueArray(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), { minLength: 1, maxLength: 20 }),
);

test("pages hold every point once, those outside the known ends too, in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.bigInt({ min: 1n, max: 1_000n }),
      fc.integer({ min: 1, max: 30 }),
      async (given, width, target) => {
        const sorted = given.toSorted((a, b) => (a < b ? -1 : 1));
        // What is known may be old: more has come on both sides.
        const [first, last] = [sorted[sorted.length >> 2]!, sorted[(sorted.length * 3) >> 2]!];
        const read = async ({ from, to }: Stretch) => {
          const points = sorted.filter(
            (step) => (from === undefined || step >= from) && (to === undefined || step < to),
          );
          return { points, load: points.length / target };
        };
        const got: bigint[] = [];
        for await (const { points } of stepPages({ first, last }, width, read)) got.push(...points);
        expect(got).toEqual(sorted);
      },
    ),
  );
});

test("pages grow over gaps and shrink where points lie close", async () => {
  const widths: bigint[] = [];
  const read = async ({ from = 0n, to }: Stretch) => {
    if (to !== undefined) widths.push(to - from);
    return { load: from < 500n ? 0 : 3 };
  };
  for await (const _ of stepPages({ first: 0n, last: 40_000n }, 10n, read));
  expect(widths.slice(0, 4)).toEqual([10n, 80n, 640n, 5_120n]);
  expect(widths.at(-1)!).toBeLessThan(2_000n);
});

test("a range is text as the API takes it", () => {
  expect(rangeText({ from: undefined, to: undefined })).toBe("");
  expect(rangeText({ from: -3n, to: undefined })).toBe("-3:");
  expect(rangeText({ from: undefined, to: 7n })).toBe(":7");
});
