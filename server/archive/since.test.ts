// Dates as people type them for --since.
import { expect, test } from "bun:test";
import { parseSince } from "./since.ts";

test("a time with a zone is that moment, in every spelling", () => {
  const moment = Date.UTC(2026, 0, 31, 12) / 1000;
  for (const text of [
    "2026-01-31T12:00Z",
    "2026-01-31 12:00:00Z",
    "2026-01-31T12:00:00.000+00:00",
    "20260131T120000Z",
    "2026-01-31T14:00+02:00",
    "2026-01-31T14:00:00+0200",
    "2026-01-31t06:30:00-05:30",
    " 2026-01-31T14+02 ",
  ])
    expect(parseSince(text)).toBe(moment);
  expect(parseSince("2026-01-31T12:00:00.25Z")).toBe(moment + 0.25);
});

test("a date or time without a zone is local", () => {
  expect(parseSince("2026-01-31")).toBe(new Date(2026, 0, 31).getTime() / 1000);
  expect(parseSince("2026-07-31 12:30:15.5")).toBe(new Date(2026, 6, 31, 12, 30, 15, 500).getTime() / 1000);
  expect(parseSince("2028-02-29")).toBe(new Date(2028, 1, 29).getTime() / 1000);
});

test("how long ago and words are counted from now, days from their beginning", () => {
  // A Friday.
  const now = new Date(2026, 0, 30, 15, 45, 30).getTime() / 1000;
  const cases: [string, Date | number][] = [
    ["24h", now - 86_400],
    ["1h30m", now - 5_400],
    ["90 min", now - 5_400],
    ["2 days ago", now - 172_800],
    ["1 week, 2 days", now - 9 * 86_400],
    ["now", now],
    ["today", new Date(2026, 0, 30)],
    ["yesterday", new Date(2026, 0, 29)],
    ["Yesterday 14:00", new Date(2026, 0, 29, 14)],
    ["last monday", new Date(2026, 0, 26)],
    ["jan 3", new Date(2026, 0, 3)],
    ["3 Jan 2025 8:15", new Date(2025, 0, 3, 8, 15)],
  ];
  for (const [text, moment] of cases)
    expect({ text, at: parseSince(text, now) }).toEqual({
      text,
      at: typeof moment === "number" ? moment : moment.getTime() / 1000,
    });
});

test("what is no date is refused with examples", () => {
  for (const text of [
    "",
    "soon",
    "yesterday or so",
    "from monday to friday",
    "12 parsecs",
    "2026-13-01",
    "2026-02-29",
    "2026-01-31T25:00",
    "2026-01-31T12:60",
    "31.01.2026",
    "1/2/2026",
    "1767225600",
  ])
    expect(() => parseSince(text)).toThrow(`'${text}' is not a date`);
});
