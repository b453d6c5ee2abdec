// The moment that `--since` names: ISO 8601 dates and times, how long ago, or words; local when no zone is given.
import { casual } from "chrono-node/en";
import { MatyanError } from "../../formats/error.ts";
import { parseDuration } from "../listing/duration.ts";

const iso =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?$/i;

/**
 * Seconds since the epoch of `2026-01-31`, `2026-01-31T12:00`, `2026-01-31 12:00:00.5`, `20260131T120000Z` or
 * `2026-01-31T12:00:00+02:00`; of `24h` or `2 days ago`; of `yesterday`, `last monday` or `jan 31 14:00`. Without an offset
 * the machine's zone counts, as for the existing backup; a day without a time is its beginning. `now` is in seconds.
 * @throws MatyanError `usage` when the text is none of these or names no day or time that exists.
 */
export function parseSince(text: string, now: number = Date.now() / 1000): number {
  const parts = iso.exec(text.trim());
  if (parts !== null) return isoMoment(text, parts);
  const ago = parseDuration(text.trim().replace(/\s+ago$/i, ""));
  const moment = ago !== undefined ? now - ago : spokenMoment(text.trim(), now);
  if (moment === undefined) throw unknownDate(text);
  return moment;
}

function isoMoment(text: string, parts: RegExpExecArray): number {
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0)) as Six;
  const fraction = parts[7] === undefined ? 0 : Number(`0.${parts[7]}`);
  const inRange =
    month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) && hour < 24 && minute < 60 && second < 60;
  if (!inRange) throw unknownDate(text);
  const zone = parts[8];
  if (zone === undefined) return new Date(year, month - 1, day, hour, minute, second).getTime() / 1000 + fraction;
  const utc = Date.UTC(year, month - 1, day, hour, minute, second) / 1000 + fraction;
  return utc - offsetSeconds(zone);
}

/** Words: all of them must be understood, and a date such as 1/2, which means two days to two people, is not. */
function spokenMoment(text: string, now: number): number | undefined {
  if (!/[a-z]/i.test(text)) return undefined;
  const [spoken] = casual.parse(text, new Date(now * 1000));
  if (spoken === undefined || spoken.text.length !== text.length || spoken.end != null) return undefined;
  const date = spoken.start.date();
  if (!spoken.start.isCertain("hour") && text.toLowerCase() !== "now") date.setHours(0, 0, 0, 0);
  return date.getTime() / 1000;
}

type Six = [number, number, number, number, number, number];

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function offsetSeconds(zone: string): number {
  if (zone.toUpperCase() === "Z") return 0;
  const sign = zone.startsWith("-") ? -1 : 1;
  const minutes = zone.slice(3).replace(":", "");
  return sign * (Number(zone.slice(1, 3)) * 3600 + Number(minutes || 0) * 60);
}

function unknownDate(text: string): MatyanError {
  return new MatyanError("usage", `'${text}' is not a date`, {
    hint: "Give a date or time such as 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00:00+02:00, or 24h, 'yesterday', 'last monday'.",
  });
}
