// The proleptic Gregorian calendar in microseconds since 0001-01-01T00:00, as Python's datetime counts.
import { trueDivide } from "./integers.ts";

export const microsPerSecond = 1_000_000n;
export const microsPerDay = 86_400n * microsPerSecond;
/** 1970-01-01 in microseconds since 0001-01-01. */
export const epoch = 719_162n * microsPerDay;
/** Microseconds from 0001-01-01 to 10000-01-01. */
export const lastMicros = 3_652_059n * microsPerDay;

export interface CivilTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly microsecond: number;
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 0001-01-01 (which is 0). */
export function dayNumber(year: number, month: number, day: number): number {
  const before = year - 1;
  let days = before * 365 + Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  for (let m = 1; m < month; m++) days += daysInMonth(year, m);
  return days + day - 1;
}

/** What is wrong with a civil time, or undefined. The words are Python's. */
export function civilFault(time: CivilTime): string | undefined {
  const { year, month, day, hour, minute, second, microsecond } = time;
  if (year < 1 || year > 9999) return `year ${year} is out of range`;
  if (month < 1 || month > 12) return "month must be in 1..12";
  if (day < 1 || day > daysInMonth(year, month)) return "day is out of range for month";
  if (hour < 0 || hour > 23) return "hour must be in 0..23";
  if (minute < 0 || minute > 59) return "minute must be in 0..59";
  if (second < 0 || second > 59) return "second must be in 0..59";
  if (microsecond < 0 || microsecond > 999_999) return "microsecond must be in 0..999999";
  return undefined;
}

export function microsOf(time: CivilTime): bigint {
  const seconds = time.hour * 3600 + time.minute * 60 + time.second;
  return (
    BigInt(dayNumber(time.year, time.month, time.day)) * microsPerDay +
    BigInt(seconds) * microsPerSecond +
    BigInt(time.microsecond)
  );
}

export function civilOf(micros: bigint): CivilTime {
  const days = Number(micros / microsPerDay);
  let rest = Number(micros % microsPerDay);
  let year = Math.floor(days / 365.2425) + 1;
  while (dayNumber(year, 1, 1) > days) year--;
  while (dayNumber(year + 1, 1, 1) <= days) year++;
  let day = days - dayNumber(year, 1, 1);
  let month = 1;
  while (day >= daysInMonth(year, month)) day -= daysInMonth(year, month++);
  const microsecond = rest % 1_000_000;
  rest = Math.floor(rest / 1_000_000);
  return {
    year,
    month,
    day: day + 1,
    hour: Math.floor(rest / 3600),
    minute: Math.floor(rest / 60) % 60,
    second: rest % 60,
    microsecond,
  };
}

/** Seconds since the epoch of microseconds (UTC) since 0001-01-01, rounded as Python rounds them. */
export function secondsSinceEpoch(utcMicros: bigint): number {
  return trueDivide(utcMicros - epoch, microsPerSecond);
}

/**
 * Seconds since the epoch of the local time year, month, day[, hour[, minute[, second[, microsecond]]]], where
 * local time + `offsetMinutes` = UTC; undefined when there is no such time.
 */
export function timestampOf(parts: readonly number[], offsetMinutes: number): number | undefined {
  if (parts.length < 3 || parts.length > 7) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, microsecond = 0] = parts;
  const time = { year, month, day, hour, minute, second, microsecond };
  if (civilFault(time) !== undefined) return undefined;
  return secondsSinceEpoch(microsOf(time) + BigInt(offsetMinutes) * 60n * microsPerSecond);
}
