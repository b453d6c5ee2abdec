// Charts as approved text, and their properties for any numbers.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { durationAxis, linearAxis, logAxis } from "./axis.ts";
import { type ChartOptions, drawChart } from "./chart.ts";
import { createStyle } from "./style.ts";
import { textWidth } from "./text.ts";

const options: ChartOptions = {
  title: "loss",
  xTitle: "step",
  x: "number",
  yLog: false,
  width: 60,
  height: 8,
  style: createStyle(false),
};
const xs = Array.from({ length: 200 }, (_, index) => index * 5);
const falling = { legend: ["3f9c1a20", "baseline", "subset=train"], xs, ys: xs.map((x) => Math.exp(-x / 200)) };
const rising = { legend: ["b81e77aa", "other", "subset=val"], xs, ys: xs.map((x) => x / 1000) };

function chart(series: Parameters<typeof drawChart>[0], change: Partial<ChartOptions> = {}): string {
  return (drawChart(series, { ...options, ...change }) ?? ["nothing"]).join("\n");
}

test("one series is a line between round ticks", () => {
  expect(chart([falling])).toMatchInlineSnapshot(`
    "loss
    1.0 ┤⠱⡄
        │ ⠈⢦⡀
        │   ⠘⢦⡀
        │     ⠉⠢⣄
    0.5 ┤       ⠈⠑⠢⣄
        │           ⠉⠓⠦⣄⣀
        │               ⠈⠉⠑⠒⠦⠤⢄⣀⣀⡀
      0 ┤                        ⠉⠉⠉⠙⠒⠒⠒⠒⠒⠢⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀⣀⣀
        └┬──────────────────────────┬───────────────────────────
         0                         500
                                  step
    ⠒⠒  3f9c1a20  baseline  subset=train"
  `);
});

test("several series without colour carry their legend's letters", () => {
  const text = chart([falling, rising]);
  expect(text).toMatchInlineSnapshot(`
    "loss
    1.0 ┤⠱⡄                                              ⢀⣀⡠⠤⠔⠒⠉
        │ ⠈⢦⡀                                     ⢀⣀⣠⠤⠖⠒⠉B
        │   ⠘⢦⡀                            ⢀⣀⡠⠤⠖⠒⠉⠉
        │     ⠉A⣄                   ⢀⣀⡠B⠒⠒⠉⠁
    0.5 ┤       ⠈⠑⠢⣄         ⢀⣀⡤⠤⠖⠚⠉⠉
        │           ⠉⠓⢦⣄⣤⠤⠒⠚⠉⠉
        │      ⢀⣀⡤⠤⠒⠊B⠁ ⠈⠉⠑⠒⠦⠤⢄⣀⣀⡀
      0 ┤⣀⡤⠴⠒⠚⠉⠁                 A⠉⠉⠙⠒⠒⠒⠒⠒⠢⠤⠤⠤⠤⠤⠤⠤⠤A⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀⣀⣀
        └┬──────────────────────────┬───────────────────────────
         0                         500
                                  step
    A  3f9c1a20  baseline  subset=train
    B  b81e77aa  other     subset=val"
  `);
  expect(text).toContain("A  3f9c1a20  baseline  subset=train");
});

test("several series with colour are told apart by it and have no letters", () => {
  const lines = drawChart([falling, rising], { ...options, style: createStyle(true) })!;
  expect(lines.at(-1)).toContain("\x1b[33m━━\x1b[39m  b81e77aa");
  const drawing = lines.slice(1, 9).join("");
  expect(drawing).not.toMatch(/[AB]/);
  expect(drawing).toContain("\x1b[36m");
  expect(drawing).toContain("\x1b[33m");
});

test("values that are no numbers are gaps in the line", () => {
  const gap = { legend: ["x"], xs: [0, 1, 2, 3, 4, 5], ys: [1, 1, Number.NaN, Number.POSITIVE_INFINITY, 1, 1] };
  expect(chart([gap], { width: 40, height: 4 })).toMatchInlineSnapshot(`
    "loss
    1.1 ┤
        │
    1.0 ┤⠉⠉⠉⠉⠉⠉⠉⠁                   ⠈⠉⠉⠉⠉⠉⠉⠉
    0.9 ┤
        └┬─────────────────────────────────┬
         0                                 5
                        step
    ⠒⠒  x"
  `);
});

test("a single point can be seen, a constant series has an axis around it", () => {
  expect(chart([{ legend: ["x"], xs: [7], ys: [3] }], { width: 30, height: 4 })).toMatchInlineSnapshot(`
    "loss
    3.5 ┤
        │
    3.0 ┤            ⠘⠃
    2.5 ┤
        └────────────┬────────────
                     7
                   step
    ⠒⠒  x"
  `);
  expect(chart([{ legend: ["x"], xs: [0, 1], ys: [3, 3] }], { width: 30, height: 4 })).toContain("3.");
});

test("a logarithmic axis has powers of ten and leaves out what is not positive", () => {
  const decades = { legend: ["x"], xs: [0, 1, 2, 3], ys: [0, 1e-6, -1, 1] };
  expect(chart([decades], { yLog: true, width: 40, height: 7 })).toMatchInlineSnapshot(`
    "loss
         1 ┤                               ⠛
           │
      0.01 ┤
           │
    0.0001 ┤
           │
      1e-6 ┤⣤
           └────────────────┬───────────────
                            2
                          step
    ⠒⠒  x"
  `);
});

test("time has ticks at round durations", () => {
  const hours = { legend: ["x"], xs: [0, 3600, 7200], ys: [0, 1, 4] };
  expect(
    chart([hours], { x: "seconds", xTitle: "time since the first point", width: 60, height: 4 }),
  ).toMatchInlineSnapshot(`
    "loss
    4 ┤                                                ⣀⣀⡠⠤⠤⠒⠒⠊⠉
      │                                     ⢀⣀⣀⠤⠤⠤⠒⠒⠊⠉⠉
    2 ┤                         ⣀⣀⣀⣀⣀⠤⠤⠔⠒⠒⠉⠉⠁
    0 ┤⣀⣀⣀⣀⠤⠤⠤⠤⠤⠤⠤⠒⠒⠒⠒⠒⠒⠒⠉⠉⠉⠉⠉⠉⠉
      └┬───────────────────────────┬───────────────────────────┬
       0                        1h 00m                    2h 00m
                      time since the first point
    ⠒⠒  x"
  `);
});

test("nothing to draw is undefined, not an empty frame", () => {
  expect(drawChart([{ legend: [], xs: [1], ys: [Number.NaN] }], options)).toBeUndefined();
  expect(drawChart([{ legend: [], xs: [1], ys: [-1] }], { ...options, yLog: true })).toBeUndefined();
  expect(drawChart([], options)).toBeUndefined();
});

test("no line is wider than asked, for any numbers and any size", () => {
  const number = fc.oneof(
    fc.double(),
    fc.constantFrom(Number.MAX_VALUE, -Number.MAX_VALUE, 5e-324, 1e-300, 0, -0, 1e16, 1e16 + 2, Number.NaN),
    fc.double({ min: -1, max: 1 }),
  );
  const series = fc
    .array(fc.tuple(fc.integer({ min: -(2 ** 53), max: 2 ** 53 }), number), { maxLength: 12 })
    .map((points) => ({
      legend: ["hash", "a name 実験", "ctx=1"],
      xs: points.map(([x]) => x).sort((a, b) => a - b),
      ys: points.map(([, y]) => y),
    }));
  fc.assert(
    fc.property(
      fc.array(series, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 24, max: 220 }),
      fc.integer({ min: 4, max: 40 }),
      fc.boolean(),
      fc.constantFrom("number" as const, "seconds" as const),
      (many, width, height, yLog, x) => {
        const lines = drawChart(many, { ...options, width, height, yLog, x });
        for (const line of lines ?? []) {
          expect(textWidth(line)).toBeLessThanOrEqual(width);
          expect(line).not.toMatch(/NaN|undefined|Infinity/);
        }
        expect(lines === undefined || lines.length === height + 4 + many.length).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

test("ticks of every axis lie inside it, ascend, and have labels that differ", () => {
  const positive = fc.double({ min: 1e-300, max: 1e300, noNaN: true });
  const anyNumber = fc.double({ min: -1e300, max: 1e300, noNaN: true });
  const check = ({ low, high, ticks, labels, position }: ReturnType<typeof linearAxis>) => {
    expect(low).toBeLessThan(high);
    expect(labels).toHaveLength(ticks.length);
    for (const [index, tick] of ticks.entries()) {
      expect(position(tick)).toBeGreaterThanOrEqual(-1e-6);
      expect(position(tick)).toBeLessThanOrEqual(1 + 1e-6);
      if (index > 0) expect(tick).toBeGreaterThan(ticks[index - 1]!);
    }
    expect(ticks.length).toBeLessThan(60);
  };
  fc.assert(
    fc.property(anyNumber, anyNumber, fc.integer({ min: 2, max: 10 }), fc.boolean(), (a, b, count, outward) => {
      check(linearAxis(Math.min(a, b), Math.max(a, b), count, outward));
    }),
  );
  fc.assert(
    fc.property(positive, positive, fc.integer({ min: 2, max: 10 }), (a, b, count) => {
      check(logAxis(Math.min(a, b), Math.max(a, b), count));
      check(durationAxis(0, Math.max(a, b), count));
    }),
  );
  // Neighbours, of which chance finds few.
  for (const low of [1e-300, 1.0000000000000009e-300, 0.1, 1, 123456.789, 1e300])
    for (const high of [low * (1 + 2 ** -52), low * (1 + 2 ** -50), low * (1 + 2 ** -40)]) {
      check(linearAxis(low, high, 2));
      check(linearAxis(-high, -low, 5, true));
      check(logAxis(low, high, 2));
      check(durationAxis(low, high, 2));
    }
  expect(linearAxis(0, 1, 6).labels).toEqual(["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
  expect(linearAxis(1_000_000, 1_000_004, 5).labels).toEqual(["1000000", "1000001", "1000002", "1000003", "1000004"]);
});
