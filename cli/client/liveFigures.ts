// The answer of GET /system/live, read: parts that are not as they should be count as not known.
import { isMap, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import { type Figure, figureNames, type LiveFigures, type Totals } from "../../server/live/figures.ts";

/** @param now stands in for a time that is not told, seconds since the epoch. */
export function readFigures(answer: Value, now: number): LiveFigures {
  const root = isMap(answer) ? answer : new Map<string, Value>();
  const part = <T>(name: Figure, read: (fields: Fields) => T): T | undefined => {
    const value = root.get(name);
    if (!isMap(value)) return undefined;
    const fields = new Fields(value);
    const made = read(fields);
    return fields.isWhole ? made : undefined;
  };
  const missing: Partial<Record<Figure, string>> = {};
  const reasons = root.get("missing");
  for (const name of figureNames) {
    const reason = isMap(reasons) ? reasons.get(name) : undefined;
    if (typeof reason === "string") missing[name] = reason;
  }
  const totals = (fields: Fields): Totals => ({ points: fields.may("points"), messages: fields.may("messages") });
  return {
    at: toNumber(root.get("at")) ?? now,
    received: part("received", totals),
    applied: part("applied", totals),
    queue: part("queue", (of) => ({ messages: of.number("messages"), bytes: of.number("bytes") })),
    lag: part("lag", (of) => ({ messages: of.number("messages") })),
    letters: part("letters", (of) => ({ open: of.number("open"), more: of.flag("more") })),
    store: part("store", (of) => ({ bytes: of.number("bytes") })),
    blobs: part("blobs", (of) => ({
      ...{ files: of.number("files"), bytes: of.number("bytes"), whole: of.flag("whole"), at: of.number("at") },
    })),
    runs: part("runs", (of) => ({ active: of.number("active"), more: of.flag("more") })),
    connections: part("connections", (of) => ({ open: of.number("open") })),
    memory: part("memory", (of) => ({ bytes: of.number("bytes") })),
    slow: part("slow", (of) => ({
      seconds: of.number("seconds"),
      queries: of.list("queries", (query) => ({
        ...{ at: query.number("at"), seconds: query.number("seconds") },
        ...{ route: query.text("route"), text: query.text("text") },
      })),
    })),
    errors: part("errors", (of) => ({
      seconds: of.number("seconds"),
      count: of.number("count"),
      recent: of.list("recent", (error) => ({
        ...{ at: error.number("at"), where: error.text("where"), text: error.text("text") },
      })),
    })),
    missing,
  };
}

/** Reads members of an object, and notes when one is not what it should be. */
class Fields {
  readonly #fields: ValueMap;
  isWhole = true;

  constructor(fields: ValueMap) {
    this.#fields = fields;
  }

  number(name: string): number {
    return this.#or(this.may(name), 0);
  }

  may(name: string): number | undefined {
    return toNumber(this.#fields.get(name));
  }

  flag(name: string): boolean {
    const value = this.#fields.get(name);
    return this.#or(typeof value === "boolean" ? value : undefined, false);
  }

  text(name: string): string {
    const value = this.#fields.get(name);
    return this.#or(typeof value === "string" ? value : undefined, "");
  }

  /** Items that are not as they should be are left out. */
  list<T>(name: string, read: (fields: Fields) => T): T[] {
    const value = this.#fields.get(name);
    return this.#or(Array.isArray(value) ? value : undefined, []).flatMap((item) => {
      if (!isMap(item)) return [];
      const fields = new Fields(item);
      const made = read(fields);
      return fields.isWhole ? [made] : [];
    });
  }

  #or<T>(value: T | undefined, other: T): T {
    if (value === undefined) this.isWhole = false;
    return value ?? other;
  }
}
