// The classes datetime and timedelta: constructors, class methods, attributes and methods. Naive times are the person's local
// times (the query's time zone), also where Python would ask the server's clock for its own.
import { bind, integerOf, sizeOf, textOf } from "./arguments.ts";
import { divideHalfEven } from "./arithmetic.ts";
import {
  type CivilTime,
  civilFault,
  dayNumber,
  epoch,
  microsOf,
  microsPerDay,
  microsPerSecond,
  secondsSinceEpoch,
} from "./calendar.ts";
import { numeric } from "./compare.ts";
import { PyDatetime, PyTimedelta } from "./datetime.ts";
import { raise, typeError, valueError } from "./exceptions.ts";
import { ratio } from "./floats.ts";
import { trueDivide } from "./integers.ts";
import { deltaParts, isoText } from "./repr.ts";
import type { Runtime } from "./runtime.ts";
import { dayOfYear, formatTime, isoCalendar, parseIso, parseTime, weekday } from "./timeText.ts";
import { typeName } from "./types.ts";
import { type Keywords, type Py, PyFunction, PyTuple, PyType } from "./values.ts";

const parts = ["year", "month", "day", "hour", "minute", "second", "microsecond"] as const;

export function datetimeTypes(runtime: Runtime): { datetime: PyType; timedelta: PyType } {
  const offset = (): bigint => BigInt(runtime.timezoneOffset) * 60n * microsPerSecond;
  const now = (): bigint => epoch + BigInt(Math.round(runtime.now() * 1e6));
  const local = (utc: bigint): PyDatetime => new PyDatetime(utc - offset(), null);
  const members = new Map<string, Py>(
    Object.entries<(given: readonly Py[], keywords: Keywords) => Py>({
      now: (given) => (given[0] === undefined || given[0] === null ? local(now()) : noZones()),
      today: () => local(now()),
      utcnow: () => new PyDatetime(now(), null),
      fromtimestamp: ([seconds]) => local(epoch + microsOfSeconds(seconds ?? null)),
      utcfromtimestamp: ([seconds]) => new PyDatetime(epoch + microsOfSeconds(seconds ?? null), null),
      strptime: ([text, template]) =>
        parseTime(textOf("strptime() argument 1", text), textOf("strptime() argument 2", template)),
      fromisoformat: ([text]) => parseIso(textOf("fromisoformat: argument", text)),
    }).map(([name, call]) => [name, new PyFunction(name, call)]),
  );
  members.set("min", new PyDatetime(0n, null));
  members.set("max", new PyDatetime(3_652_059n * microsPerDay - 1n, null));
  return {
    datetime: new PyType("datetime.datetime", makeDatetime, undefined, members),
    timedelta: new PyType("datetime.timedelta", makeTimedelta),
  };
}

function noZones(): never {
  return typeError("time zones are not known in a query; naive times are local");
}

function microsOfSeconds(seconds: Py): bigint {
  const number = numeric(seconds);
  if (number === undefined) return typeError(`'${typeName(seconds)}' object cannot be interpreted as an integer`);
  if (typeof number === "bigint") return number * microsPerSecond;
  if (!Number.isFinite(number)) return valueError("cannot convert float NaN or infinity to integer");
  const [top, bottom] = ratio(number);
  return divideHalfEven(top * microsPerSecond, bottom);
}

function makeDatetime(positional: readonly Py[], keywords: Keywords): Py {
  const given = bind("datetime", [...parts, "tzinfo", "fold"], 3, positional, keywords);
  if (given[7] !== undefined && given[7] !== null) noZones();
  const numbers = given.slice(0, 7).map((value) => (value === undefined ? 0 : sizeOf(value)));
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, microsecond = 0] = numbers;
  return civil({ year, month, day, hour, minute, second, microsecond }, null);
}

function civil(time: CivilTime, zone: bigint | null): PyDatetime {
  const fault = civilFault(time);
  return fault === undefined ? new PyDatetime(microsOf(time), zone) : valueError(fault);
}

const units: readonly [name: string, micros: bigint][] = [
  ["days", microsPerDay],
  ["seconds", microsPerSecond],
  ["microseconds", 1n],
  ["milliseconds", 1000n],
  ["minutes", 60n * microsPerSecond],
  ["hours", 3600n * microsPerSecond],
  ["weeks", 7n * microsPerDay],
];

function makeTimedelta(positional: readonly Py[], keywords: Keywords): Py {
  const given = bind(
    "timedelta",
    units.map(([name]) => name),
    0,
    positional,
    keywords,
  );
  // Sums exactly, as a fraction, and rounds once.
  let top = 0n;
  let bottom = 1n;
  units.forEach(([name, micros], index) => {
    const value = given[index];
    if (value === undefined) return;
    const number = numeric(value);
    if (number === undefined) typeError(`unsupported type for timedelta ${name} component: ${typeName(value)}`);
    const [n, d] = typeof number === "bigint" ? [number, 1n] : ratio(number);
    top = top * d + n * micros * bottom;
    bottom *= d;
  });
  return new PyTimedelta(divideHalfEven(top, bottom));
}

function method(name: string, call: (given: readonly Py[], keywords: Keywords) => Py): PyFunction {
  return new PyFunction(name, call);
}

export function timedeltaMember(value: PyTimedelta, name: string): Py | undefined {
  if (name === "total_seconds") return method(name, () => trueDivide(value.micros, microsPerSecond));
  const shown = deltaParts(value);
  return name === "days" || name === "seconds" || name === "microseconds" ? shown[name] : undefined;
}

export function datetimeMember(value: PyDatetime, name: string, runtime: Runtime): Py | undefined {
  const time = value.civil;
  const part = parts.find((candidate) => candidate === name);
  if (part !== undefined) return BigInt(time[part]);
  switch (name) {
    case "tzinfo":
      return null;
    case "timestamp":
      return method(name, () => {
        const utc =
          value.offset === null ? value.naive + BigInt(runtime.timezoneOffset) * 60n * microsPerSecond : value.utc;
        return secondsSinceEpoch(utc);
      });
    case "weekday":
      return method(name, () => BigInt(weekday(time)));
    case "isoweekday":
      return method(name, () => BigInt(weekday(time) + 1));
    case "isocalendar":
      return method(name, () => new PyTuple(isoCalendar(time).map(BigInt)));
    case "toordinal":
      return method(name, () => BigInt(dayNumber(time.year, time.month, time.day) + 1));
    case "isoformat":
      return method(name, ([separator = "T"]) => isoText(value, textOf("isoformat() argument 1", separator)));
    case "strftime":
      return method(name, ([template]) => formatTime(value, textOf("strftime() argument 1", template)));
    case "ctime":
      return method(name, () => formatTime(value, "%a %b %e %H:%M:%S %Y"));
    case "utcoffset":
      return method(name, () => (value.offset === null ? null : new PyTimedelta(value.offset)));
    case "timetuple":
      return method(name, () => {
        const { year, month, day, hour, minute, second } = time;
        const all = [year, month, day, hour, minute, second, weekday(time), dayOfYear(time), -1];
        return new PyTuple(all.map(BigInt));
      });
    case "replace":
      return method(name, (given, keywords) => {
        const changed = bind(name, parts, 0, given, keywords);
        const fields = Object.fromEntries(
          parts.map((key, index) => {
            const wanted = changed[index];
            return [key, wanted === undefined ? time[key] : Number(integerOf(wanted))];
          }),
        );
        return civil(fields as unknown as CivilTime, value.offset);
      });
    case "date":
      return method(name, () => raise("NotImplementedError", "dates without time are not known in a query"));
    default:
      return undefined;
  }
}
