// Numbers, durations, sizes and moments as people read them. English, no locale: output is the same on every machine.
import { Timestamp, type Value } from "../../formats/value.ts";

/** `1234567` as `1,234,567`. */
export function groupDigits(count: number | bigint): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** `1 run`, `1,234 runs`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${groupDigits(count)} ${count === 1 ? noun : plural}`;
}

/** A count that may be large in few characters: `950`, `12.3k`, `1.4M`, `2.0G`. */
export function shortCount(count: number): string {
  if (count < 10) return count.toFixed(count > 0 && count < 9.95 && !Number.isInteger(count) ? 1 : 0);
  let scaled = count;
  for (const unit of ["", "k", "M", "G"]) {
    if (scaled < 999.5 || unit === "G")
      return unit !== "" && scaled < 99.95 ? `${scaled.toFixed(1)}${unit}` : `${Math.round(scaled)}${unit}`;
    scaled /= 1000;
  }
  return String(count);
}

/** Bytes: `512 B`, `1.4 MB` (powers of 1000, as the units say). */
export function shortBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  let scaled = bytes / 1000;
  for (const unit of ["kB", "MB", "GB"]) {
    if (scaled < 999.95) return `${scaled.toFixed(1)} ${unit}`;
    scaled /= 1000;
  }
  return `${scaled.toFixed(1)} TB`;
}

/** Seconds in at most two units: `0.4 s`, `42 s`, `3m 20s`, `2h 05m`, `3d 4h`. */
export function shortDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 0) return `-${shortDuration(-seconds)}`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (part: number) => String(part).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** Seconds since the epoch as `2024-01-02T03:04:05Z`, fractions only when there are any; undefined when no year 0-9999. */
export function isoTime(seconds: number): string | undefined {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return undefined;
  const text = date.toISOString();
  return text.length > 24 ? undefined : text.replace(/\.000Z$/, "Z");
}

/** For lists that people read: how long ago within a week, else the day. */
export function relativeTime(seconds: number, now: number): string {
  const age = now - seconds;
  if (age >= 0 && age < 45) return "just now";
  if (age >= 0 && age < 45 * 60) return `${Math.max(1, Math.round(age / 60))} min ago`;
  if (age >= 0 && age < 22 * 3600) return `${Math.max(1, Math.round(age / 3600))} h ago`;
  if (age >= 0 && age < 7 * 86400) return `${Math.max(1, Math.round(age / 86400))} d ago`;
  return isoTime(seconds)?.slice(0, 10) ?? String(seconds);
}

/** A measured number to about five digits: `0.012346`, `1234.6`, `1.2e-7`. Integers up to 10^15 stay whole. */
export function shortNumber(value: number | bigint): string {
  if (typeof value === "bigint") return shortNumberOfInteger(value);
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return String(value);
  if (size >= 1e9 || size < 1e-4) return trimExponent(value.toExponential(3));
  return size >= 1e5 ? value.toFixed(0) : trimZeros(Number(value.toPrecision(5)).toString());
}

function shortNumberOfInteger(value: bigint): string {
  return value > -1_000_000_000_000_000n && value < 1_000_000_000_000_000n ? String(value) : shortNumber(Number(value));
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function trimExponent(text: string): string {
  const [digits, exponent] = text.split("e");
  return `${trimZeros(digits!)}e${exponent!.replace("+", "")}`;
}

/** A stored value where only a measured one is expected: the last value of a sequence. */
export function shortValue(value: Value | undefined): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "number" || typeof value === "bigint") return shortNumber(value);
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (value instanceof Timestamp) return isoTime(value.seconds) ?? String(value.seconds);
  return value instanceof Uint8Array ? `${value.length} bytes` : "…";
}
