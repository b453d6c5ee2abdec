// Moments in messages, in all the forms that the existing services' models take them (pipeline.md 1.4, 4.3; measured on pydantic).
import type { Value } from "../value.ts";

/** A moment to the microsecond. A text without a zone is read as UTC (docs/ingestion.md). */
export interface Moment {
  /** Seconds since the epoch, as Python's `datetime.timestamp()` gives them. */
  readonly seconds: number;
  /** Python's `isoformat()`: the zone as it was given, no fraction when it is 0. */
  readonly iso: string;
}

/** Why a value is no moment, in the words and the error type of the existing models. */
export interface Refusal {
  readonly kind: string;
  readonly reason: string;
}

export function isRefusal<T extends object>(value: T | Refusal): value is Refusal {
  return "reason" in value;
}

/** Unix numbers above this many units are milliseconds. */
const watershed = 2e10;
const maxSeconds = 253402300799;
const minSeconds = -62135596800;

const badType: Refusal = { kind: "datetime_type", reason: "Input should be a valid datetime" };
const badNumber = (reason: string): Refusal => ({
  kind: "datetime_parsing",
  reason: `Input should be a valid datetime, ${reason}`,
});
const badText = (reason: string): Refusal => ({
  kind: "datetime_from_date_parsing",
  reason: `Input should be a valid datetime or date, ${reason}`,
});
const after9999 = "dates after 9999 are not supported as unix timestamps";
const before1 = "dates before 0000 are not supported as unix timestamps";

/** ISO 8601 text, a date, or a Unix number (seconds, or milliseconds when it is large), also as text. */
export function parseMoment(value: Value | undefined): Moment | Refusal {
  if (typeof value === "string") return parseText(value);
  if (typeof value === "bigint") return fromUnix(Number(value), badNumber);
  if (typeof value === "number") {
    if (Number.isNaN(value)) return badNumber("NaN values not permitted");
    return fromUnix(value, badNumber);
  }
  return badType;
}

/** The seconds of a moment, or undefined when it is none: for readers that ignore what they cannot use. */
export function secondsOf(value: Value | undefined): number | undefined {
  if (typeof value === "string") {
    const fast = fastSeconds(value);
    if (!Number.isNaN(fast)) return fast;
  }
  const moment = parseMoment(value);
  return isRefusal(moment) ? undefined : moment.seconds;
}

/** The hot path: `2025-06-01T10:00:00.123456+00:00`, the fraction optional, as the Python client writes it. NaN for others. */
export function fastSeconds(text: string): number {
  const length = text.length;
  if (length !== 25 && length !== 32) return Number.NaN;
  if (text.charCodeAt(10) !== 0x54 || !text.endsWith("+00:00")) return Number.NaN;
  const date = text.charCodeAt(4) === 0x2d && text.charCodeAt(7) === 0x2d ? dayOf(text) : Number.NaN;
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a) return Number.NaN;
  const [hour, minute, second] = [two(text, 11), two(text, 14), two(text, 17)] as const;
  if (!(hour < 24 && minute < 60 && second < 60)) return Number.NaN;
  let micros = 0;
  if (length === 32) {
    if (text.charCodeAt(19) !== 0x2e) return Number.NaN;
    micros = two(text, 20) * 10_000 + two(text, 22) * 100 + two(text, 24);
  }
  return ((date * 86_400 + hour * 3_600 + minute * 60 + second) * 1e6 + micros) / 1e6;
}

/** Two digits at `at`, NaN for others. */
function two(text: string, at: number): number {
  const high = text.charCodeAt(at) - 0x30;
  const low = text.charCodeAt(at + 1) - 0x30;
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : Number.NaN;
}

let lastDate = "";
let lastDay = Number.NaN;

/** Days since the epoch of the date that `text` begins with; messages of one hour share theirs. */
function dayOf(text: string): number {
  const date = text.slice(0, 10);
  if (date === lastDate) return lastDay;
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(date);
  const day = parts === null ? Number.NaN : dayNumber(Number(parts[1]), Number(parts[2]), Number(parts[3]));
  lastDate = date;
  lastDay = day;
  return day;
}

/** NaN for a date that does not exist. */
function dayNumber(year: number, month: number, day: number): number {
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return Number.NaN;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime() / 86_400_000;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

const timePattern = /^[Tt _](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:([Zz])|([+\-\u2212])(\d\d):?(\d\d))?$/;

function parseText(text: string): Moment | Refusal {
  const number = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (number !== null) return fromUnixText(number[1] === "-", number[2]!, number[3] ?? "");
  if (text.length < 10) return badText("input is too short");
  if (!/^\d{4}/.test(text)) return badText("invalid character in year");
  if (text[4] !== "-") return badText("invalid date separator, expected `-`");
  if (!/^\d\d/.test(text.slice(5))) return badText("invalid character in month");
  if (text[7] !== "-") return badText("invalid date separator, expected `-`");
  if (!/^\d\d/.test(text.slice(8))) return badText("invalid character in day");
  const [year, month, day] = [Number(text.slice(0, 4)), Number(text.slice(5, 7)), Number(text.slice(8, 10))] as const;
  if (month < 1 || month > 12) return badText("month value is outside expected range of 1-12");
  if (day < 1 || day > daysIn(year, month)) return badText("day value is outside expected range");
  if (year === 0) return badNumber("year 0 is out of range");
  const midnight = dayNumber(year, month, day) * 86_400;
  if (text.length === 10) return moment(midnight, 0, undefined);
  const time = timePattern.exec(text.slice(10));
  const [hour, minute, second] = [Number(time?.[1]), Number(time?.[2]), Number(time?.[3] ?? 0)] as const;
  const zone = time?.[6] === undefined ? 0 : Number(time[7]) * 60 + Number(time[8]);
  const zoneIsOk = time?.[6] === undefined || (Number(time[7]) < 24 && Number(time[8]) < 60);
  const fraction = time?.[4] ?? "";
  if (time === null || !(hour < 24 && minute < 60 && second < 60) || !zoneIsOk || fraction.length > 10)
    return badText("unexpected extra characters at the end of the input");
  const offset = time[5] !== undefined ? 0 : time[6] === undefined ? undefined : time[6] === "+" ? zone : -zone;
  const micros = Number(fraction.slice(0, 6).padEnd(6, "0"));
  return moment(midnight + hour * 3_600 + minute * 60 + second, micros, offset);
}

/** Digits of a text are exact where a float is not: 1748772000.1234565 stays that. */
function fromUnixText(negative: boolean, whole: string, fraction: string): Moment | Refusal {
  const value = Number(`${negative ? "-" : ""}${whole}.${fraction}0`);
  return fromUnix(value, badText);
}

function fromUnix(value: number, refuse: (reason: string) => Refusal): Moment | Refusal {
  const seconds = Math.abs(value) > watershed ? value / 1000 : value;
  if (seconds >= maxSeconds + 1) return refuse(after9999);
  if (seconds < minSeconds) return refuse(before1);
  const floor = Math.floor(seconds);
  const rest = Math.abs(value) > watershed ? (((value % 1000) + 1000) % 1000) / 1000 : seconds - floor;
  const micros = Math.round(rest * 1e6);
  return micros === 1e6 ? moment(floor + 1, 0, 0) : moment(floor, micros, 0);
}

/** `local` whole seconds of the clock on the wall, `offset` of its zone in minutes (undefined: it does not say). */
function moment(local: number, micros: number, offset: number | undefined): Moment {
  const utc = local - (offset ?? 0) * 60;
  return {
    seconds: (utc * 1e6 + micros) / 1e6,
    iso: isoOf(local, micros) + (offset === undefined ? "" : zoneText(offset)),
  };
}

function isoOf(local: number, micros: number): string {
  const text = new Date(local * 1000).toISOString().slice(0, 19);
  return micros === 0 ? text : `${text}.${String(micros).padStart(6, "0")}`;
}

function zoneText(offset: number): string {
  const size = Math.abs(offset);
  const part = (value: number) => String(value).padStart(2, "0");
  return `${offset < 0 ? "-" : "+"}${part(Math.floor(size / 60))}:${part(size % 60)}`;
}

/** `2025-06-01T10:00:00.250000Z`, the form of a message's timestamp on the topics; no fraction when it is 0. */
export function formatTimestamp(seconds: number): string {
  const micros = Math.round(seconds * 1e6);
  const whole = Math.floor(micros / 1e6);
  return `${isoOf(whole, micros - whole * 1e6)}Z`;
}
