// strftime and strptime of datetimes: the directives of Python's library reference, in the C locale.
import { type CivilTime, civilFault, civilOf, dayNumber, microsOf, microsPerSecond } from "./calendar.ts";
import { PyDatetime } from "./datetime.ts";
import { valueError } from "./exceptions.ts";
import { offsetText } from "./repr.ts";

export const monthNames = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;
export const dayNames = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] as const;

/** 0 is Monday. */
export function weekday(time: CivilTime): number {
  return dayNumber(time.year, time.month, time.day) % 7;
}

export function dayOfYear(time: CivilTime): number {
  return dayNumber(time.year, time.month, time.day) - dayNumber(time.year, 1, 1) + 1;
}

/** ISO 8601 year, week and weekday (1 is Monday). */
export function isoCalendar(time: CivilTime): [year: number, week: number, day: number] {
  const day = weekday(time);
  const thursday = dayNumber(time.year, time.month, time.day) - day + 3;
  let year = time.year;
  if (thursday < dayNumber(year, 1, 1)) year--;
  else if (thursday >= dayNumber(year + 1, 1, 1)) year++;
  return [year, Math.floor((thursday - dayNumber(year, 1, 1)) / 7) + 1, day + 1];
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

export function formatTime(value: PyDatetime, template: string): string {
  const time = civilOf(value.naive);
  const day = weekday(time);
  const hour12 = time.hour % 12 === 0 ? 12 : time.hour % 12;
  const directive = (letter: string): string => {
    switch (letter) {
      case "a":
        return dayNames[day]!.slice(0, 3);
      case "A":
        return dayNames[day]!;
      case "w":
        return String((day + 1) % 7);
      case "u":
        return String(day + 1);
      case "d":
        return pad(time.day, 2);
      case "e":
        return String(time.day).padStart(2, " ");
      case "b":
      case "h":
        return monthNames[time.month - 1]!.slice(0, 3);
      case "B":
        return monthNames[time.month - 1]!;
      case "m":
        return pad(time.month, 2);
      case "y":
        return pad(time.year % 100, 2);
      case "Y":
        return String(time.year);
      case "H":
        return pad(time.hour, 2);
      case "I":
        return pad(hour12, 2);
      case "p":
        return time.hour < 12 ? "AM" : "PM";
      case "M":
        return pad(time.minute, 2);
      case "S":
        return pad(time.second, 2);
      case "f":
        return pad(time.microsecond, 6);
      case "z":
        return offsetText(value, "");
      case "Z":
        return value.offset === null ? "" : value.offset === 0n ? "UTC" : `UTC${offsetText(value, ":")}`;
      case "j":
        return pad(dayOfYear(time), 3);
      case "U":
        return pad(Math.floor((dayOfYear(time) + 6 - ((day + 1) % 7)) / 7), 2);
      case "W":
        return pad(Math.floor((dayOfYear(time) + 6 - day) / 7), 2);
      case "G":
        return String(isoCalendar(time)[0]);
      case "V":
        return pad(isoCalendar(time)[1], 2);
      case "c":
        return formatTime(value, "%a %b %e %H:%M:%S %Y");
      case "x":
      case "D":
        return formatTime(value, "%m/%d/%y");
      case "X":
      case "T":
        return formatTime(value, "%H:%M:%S");
      case "F":
        return formatTime(value, "%Y-%m-%d");
      case "R":
        return formatTime(value, "%H:%M");
      case "n":
        return "\n";
      case "t":
        return "\t";
      case "%":
        return "%";
      default:
        return `%${letter}`;
    }
  };
  return template.replace(/%([\s\S])/g, (_, letter: string) => directive(letter));
}

const patterns: Readonly<Record<string, string>> = {
  Y: "\\d{4}",
  m: "1[0-2]|0?[1-9]",
  d: "3[01]|[12]\\d|0?[1-9]| [1-9]",
  H: "2[0-3]|[01]?\\d",
  I: "1[0-2]|0?[1-9]",
  M: "[0-5]?\\d",
  S: "6[01]|[0-5]?\\d",
  f: "\\d{1,6}",
  y: "\\d{2}",
  j: "36[0-6]|3[0-5]\\d|[12]\\d\\d|0?[1-9]\\d|0?0?[1-9]",
  z: "[+-]\\d\\d:?[0-5]\\d|Z",
  p: "am|pm",
  b: monthNames.map((name) => name.slice(0, 3)).join("|"),
  B: monthNames.join("|"),
  a: dayNames.map((name) => name.slice(0, 3)).join("|"),
  A: dayNames.join("|"),
};

/** `datetime.strptime(text, template)`. @throws ValueError when the text does not have that form. */
export function parseTime(text: string, template: string): PyDatetime {
  const order: string[] = [];
  const body = template
    .replace(/%F/g, "%Y-%m-%d")
    .replace(/%T/g, "%H:%M:%S")
    .replace(/%([\s\S])|([^%\s]+)|(\s+)|%$/g, (_, letter?: string, literal?: string, space?: string) => {
      if (literal !== undefined) return literal.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
      if (space !== undefined) return "\\s+";
      if (letter === "%") return "%";
      const pattern = letter === undefined ? undefined : patterns[letter];
      if (pattern === undefined) valueError(`'${letter ?? ""}' is a bad directive in format '${template}'`);
      // As in Python, and it keeps the pattern from trying many ways to divide the digits.
      if (order.includes(letter!)) valueError(`the directive %${letter} may occur once`);
      order.push(letter!);
      return `(${pattern})`;
    });
  const match = new RegExp(`^${body}$`, "i").exec(text);
  if (match === null) valueError(`time data '${text}' does not match format '${template}'`);
  return assemble(new Map(order.map((letter, index) => [letter, match[index + 1]!])));
}

function assemble(found: ReadonlyMap<string, string>): PyDatetime {
  const number = (letter: string, fallback: number): number => Number(found.get(letter) ?? fallback);
  let year = number("Y", 1900);
  if (found.has("y")) year = number("y", 0) + (number("y", 0) < 69 ? 2000 : 1900);
  const named = (letter: "b" | "B"): number =>
    monthNames.findIndex((name) => name.toLowerCase().startsWith(found.get(letter)!.toLowerCase())) + 1;
  let month = found.has("b") ? named("b") : found.has("B") ? named("B") : number("m", 1);
  let day = number("d", 1);
  if (found.has("j") && !found.has("m")) {
    const date = civilOf(BigInt(dayNumber(year, 1, 1) + number("j", 1) - 1) * 86_400n * microsPerSecond);
    ({ month, day } = date);
  }
  let hour = number("H", 0);
  if (found.has("I")) hour = (number("I", 12) % 12) + (found.get("p")?.toLowerCase() === "pm" ? 12 : 0);
  const time: CivilTime = {
    year,
    month,
    day,
    hour,
    minute: number("M", 0),
    second: number("S", 0),
    microsecond: Number((found.get("f") ?? "0").padEnd(6, "0")),
  };
  const fault = civilFault(time);
  if (fault !== undefined) valueError(fault);
  return new PyDatetime(microsOf(time), parseOffset(found.get("z")));
}

/** Microseconds east of UTC of `+0200`, `+02:00` or `Z`. */
export function parseOffset(text: string | undefined): bigint | null {
  if (text === undefined || text === "") return null;
  if (text === "Z" || text === "z") return 0n;
  const digits = text.slice(1).replaceAll(":", "");
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2, 4));
  return BigInt(text.startsWith("-") ? -minutes : minutes) * 60n * microsPerSecond;
}

/** `datetime.fromisoformat(text)` for the forms YYYY-MM-DD[(T| )HH:MM[:SS[.ffffff]][offset]]. */
export function parseIso(text: string): PyDatetime {
  const shape = /^(\d{4})-?(\d\d)-?(\d\d)(?:[\s\S](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?(Z|[+-]\d\d:?\d\d)?)?$/;
  const match = shape.exec(text);
  if (match === null) valueError(`Invalid isoformat string: '${text}'`);
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone] = match;
  const time: CivilTime = {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    microsecond: Number(fraction.slice(0, 6).padEnd(6, "0")),
  };
  const fault = civilFault(time);
  if (fault !== undefined) valueError(fault);
  return new PyDatetime(microsOf(time), parseOffset(zone));
}
