// Shared by the tests of this room: fixtures, rows made from plain data, and the variables of the evaluation vectors.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseJson } from "../../formats/json.ts";
import type { Value, ValueMap } from "../../formats/value.ts";
import { PyDict } from "./evaluate/hashed.ts";
import type { RunRow, SequenceRow } from "./evaluate/rows.ts";
import { type Py, PyList, PyTuple } from "./evaluate/values.ts";

const folder = join(import.meta.dir, "../../fixtures/query");

/** The parsed content of `fixtures/query/<name>.json.gz`. */
export function fixture(name: string): Value[] {
  const text = new TextDecoder().decode(Bun.gunzipSync(readFileSync(join(folder, `${name}.json.gz`))));
  return parseJson(text) as Value[];
}

export interface TypedSequence extends SequenceRow {
  readonly dtype: string;
}

export interface TypedRun extends RunRow {
  readonly traces: readonly TypedSequence[];
}

/** The recorded runs that searches list: created and not on their way to deletion. */
export function recordedRuns(): TypedRun[] {
  return (fixture("rows") as ValueMap[])
    .map((row) => ({
      hash: row.get("hash") as string,
      meta: row.get("meta") as ValueMap,
      experiment: row.get("experiment") as string | null,
      tags: row.get("tags") as string[],
      attrs: row.get("attrs") as ValueMap,
      traces: (row.get("traces") as ValueMap[]).map((trace) => ({
        name: trace.get("name") as string,
        context: trace.get("context") as ValueMap,
        last: trace.get("last") ?? undefined,
        lastStep: trace.get("lastStep") ?? undefined,
        dtype: trace.get("dtype") as string,
      })),
    }))
    .filter((run) => run.meta.has("created_at") && run.meta.get("pending_deletion") !== true);
}

export function dictOf(entries: Readonly<Record<string, Py>>): PyDict {
  const dict = new PyDict();
  for (const [key, value] of Object.entries(entries)) dict.set(key, value);
  return dict;
}

/** The variables that the evaluation vectors were made with. */
export function vectorVariables(): Record<string, Py> {
  return {
    i: 7n,
    n: -3n,
    z: 0n,
    big: 2n ** 70n + 1n,
    f: 2.5,
    g: -0.75,
    h: 1e-7,
    k: 123456.789,
    inf: Infinity,
    nan: Number.NaN,
    t: true,
    u: false,
    none: null,
    s: "Hello World",
    e: "",
    w: "  a b  c ",
    uu: "héé ß 🚀x",
    num: "12.50",
    l: new PyList([3n, 1n, 2n]),
    l2: new PyList([1n, 2, true, "x", null]),
    el: new PyList([]),
    d: dictOf({ a: 1n, b: new PyList([1n, 2n]), c: dictOf({ x: 2.5 }) }),
    tt: new PyTuple([1n, "two", 3]),
  };
}
