// Numbers as people read them.
import { expect, test } from "bun:test";
import { isoTime, relativeTime, shortBytes, shortCount, shortDuration, shortNumber } from "./numbers.ts";

test("measured numbers keep about five digits and never grow long", () => {
  const cases: [number | bigint, string][] = [
    [0, "0"],
    [0.1, "0.1"],
    [0.0123456789, "0.012346"],
    [1234.56789, "1234.6"],
    [99999.6, "100000"],
    [123456.7, "123457"],
    [1e-7, "1e-7"],
    [1.23456e-9, "1.235e-9"],
    [1e16, "1e16"],
    [123456, "123456"],
    [-0.5, "-0.5"],
    [12n, "12"],
    [10n ** 20n, "1e20"],
    [Number.NaN, "nan"],
    [Number.NEGATIVE_INFINITY, "-inf"],
    [Number.MAX_VALUE, "1.798e308"],
    [5e-324, "4.941e-324"],
  ];
  for (const [value, text] of cases) expect(shortNumber(value)).toBe(text);
});

test("durations have at most two units", () => {
  const cases: [number, string][] = [
    [0.04, "0.0 s"],
    [3.21, "3.2 s"],
    [9.97, "10 s"],
    [59.4, "59 s"],
    [59.6, "1m 00s"],
    [200, "3m 20s"],
    [3599.7, "1h 00m"],
    [7500, "2h 05m"],
    [86399, "1d 0h"],
    [90000, "1d 1h"],
    [Number.NaN, "?"],
    [-5, "-5.0 s"],
  ];
  for (const [seconds, text] of cases) expect(shortDuration(seconds)).toBe(text);
});

test("times are relative within a week and a day behind that", () => {
  const now = 1_700_000_000;
  expect(relativeTime(now - 10, now)).toBe("just now");
  expect(relativeTime(now - 180, now)).toBe("3 min ago");
  expect(relativeTime(now - 7200, now)).toBe("2 h ago");
  expect(relativeTime(now - 3 * 86400, now)).toBe("3 d ago");
  expect(relativeTime(now - 30 * 86400, now)).toBe("2023-10-15");
  expect(relativeTime(now + 1000, now)).toBe("2023-11-14");
  expect(isoTime(1704164645)).toBe("2024-01-02T03:04:05Z");
  expect(isoTime(1704164645.25)).toBe("2024-01-02T03:04:05.250Z");
  expect(isoTime(1e300)).toBeUndefined();
});

test("counts and bytes are short", () => {
  expect([0, 5, 0.5, 950, 12_345, 999_600, 1_400_000, 2e9].map(shortCount)).toEqual([
    "0",
    "5",
    "0.5",
    "950",
    "12.3k",
    "1.0M",
    "1.4M",
    "2.0G",
  ]);
  expect([12, 1400, 2_500_000].map(shortBytes)).toEqual(["12 B", "1.4 kB", "2.5 MB"]);
});
