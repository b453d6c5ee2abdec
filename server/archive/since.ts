// The moment that `--since` names: ISO 8601 dates and times, local when no zone is given.
import { MatyanError } from "../../formats/error.ts";

const iso =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?$/i;

/**
 * Seconds since the epoch of e.g. `2026-01-31`, `2026-01-31T12:00`, `2026-01-31 12:00:00.5`, `20260131T120000Z` or
 * `2026-01-31T12:00:00+02:00`. Without an offset the machine's zone counts, as for the existing backup.
 * @throws MatyanError `usage` when the text is none of these or names no day or time that exists.
 */
export function parseSince(text: string): number {
  const parts = iso.exec(text.trim());
  if (parts === null) throw unknownDate(text);
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
    hint: "Give an ISO date or time such as 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00:00+02:00.",
  });
}
