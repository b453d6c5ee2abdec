// Indexes over rows in memory, as the store would keep them: for the tests of the planner and for its benchmark.
import { compareCodePoints } from "../../../formats/context.ts";
import { isMap, type Value } from "../../../formats/value.ts";
import type { RunRow } from "../evaluate/rows.ts";
import type { Lookup, NumberRange } from "./nodes.ts";
import type { HashBatches, PlanSources } from "./sources.ts";

/** Longest text of an hparam that gets an index entry here, UTF-16 units. */
const indexedLength = 1000;

export class MemorySources implements PlanSources {
  readonly #rows: readonly RunRow[];
  /** Look-ups that were read, for tests of what a plan touches. */
  readonly reads: Lookup[] = [];

  constructor(rows: readonly RunRow[]) {
    this.#rows = rows;
  }

  async estimate(lookup: Lookup, atMost: number): Promise<number> {
    return Math.min(atMost, this.#find(lookup).length);
  }

  read(lookup: Lookup): HashBatches {
    this.reads.push(lookup);
    const hashes = this.#find(lookup);
    const ascending = lookup.kind !== "created" && lookup.kind !== "hparamNumber";
    if (ascending) hashes.sort(compareCodePoints);
    return { ascending, batches: inBatches(hashes) };
  }

  #find(lookup: Lookup): string[] {
    return this.#rows.filter((row) => isIndexedUnder(row, lookup)).map((row) => row.hash);
  }
}

async function* inBatches(hashes: readonly string[]): AsyncGenerator<readonly string[], void> {
  for (let at = 0; at < hashes.length; at += 3) yield hashes.slice(at, at + 3);
}

/** Whether the run has an entry that answers the look-up. */
export function isIndexedUnder(row: RunRow, lookup: Lookup): boolean {
  switch (lookup.kind) {
    case "hash":
      return row.hash === lookup.hash;
    case "tag":
      return row.tags.includes(lookup.name);
    case "experiment":
      return row.experiment === lookup.name;
    case "active":
      // As the store counts it.
      return row.meta.get("active") !== false;
    case "archived":
      return (row.meta.get("is_archived") ?? false) === lookup.value;
    case "created": {
      const at = row.meta.get("created_at");
      return typeof at === "number" && at >= (lookup.from ?? -Infinity) && at <= (lookup.to ?? Infinity);
    }
    case "hparamNumber":
      return isWithin(hparam(row, lookup.key), lookup.range);
    case "hparamText": {
      const value = hparam(row, lookup.key);
      if (typeof value !== "string" || value.length > indexedLength) return false;
      return value >= (lookup.from ?? "") && (lookup.to === undefined || value <= lookup.to);
    }
    case "trace":
      return row.traces.some((trace) => trace.name === lookup.name);
  }
}

function hparam(row: RunRow, key: string): Value | undefined {
  const hparams = row.attrs.get("hparams");
  return isMap(hparams) ? hparams.get(key) : undefined;
}

function isWithin(value: Value | undefined, range: NumberRange): boolean {
  if (typeof value === "boolean") return range.booleans.includes(value);
  if (typeof value === "bigint") {
    const { integers } = range;
    if (integers === undefined) return false;
    return (
      (integers.from === undefined || value >= integers.from) && (integers.to === undefined || value <= integers.to)
    );
  }
  if (typeof value !== "number" || range.doubles === undefined) return false;
  return order(value, range.doubles.from) >= 0 && order(value, range.doubles.to) <= 0;
}

/** The order of keys: -0.0 below 0.0, NaN above everything. */
function order(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  if (a === 0 && b === 0) return Number(Object.is(b, -0)) - Number(Object.is(a, -0));
  return a < b ? -1 : a > b ? 1 : 0;
}
