// Fields of stored records as the API's types: times are floats, counts integers, and what is missing is null or empty.
import { isMap, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { ApiRequest } from "./request.ts";

/** Text, or null. */
export function textOrNull(fields: ValueMap, name: string): string | null {
  const value = fields.get(name);
  return typeof value === "string" ? value : null;
}

export function textOf(fields: ValueMap, name: string): string {
  return textOrNull(fields, name) ?? "";
}

/** A time in seconds as a float, or null. */
export function timeOrNull(value: Value | undefined): number | null {
  return toNumber(value) ?? null;
}

export function countOf(fields: ValueMap, name: string): bigint {
  const value = fields.get(name);
  return typeof value === "bigint" ? value : typeof value === "number" ? BigInt(Math.trunc(value)) : 0n;
}

export function isTrue(value: Value | undefined): boolean {
  return value === true;
}

export function mapOrEmpty(value: Value | undefined): ValueMap {
  return isMap(value) ? value : new Map();
}

/**
 * The time of a note or report for whoever asks. The web UI, which sends its time zone with each request, hands these to a
 * parser of dates that takes numbers for milliseconds and shows January 1970 (W21): it gets ISO 8601 text. Programs get
 * seconds since the epoch, as everywhere else.
 */
export function shownTime(request: ApiRequest, value: Value | undefined): Value {
  const seconds = timeOrNull(value);
  if (seconds === null || !request.headers.has("x-timezone-offset")) return seconds;
  const date = new Date(seconds * 1_000);
  return Number.isNaN(date.getTime()) ? seconds : date.toISOString();
}
