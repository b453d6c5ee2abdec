// What is known of each sequence of a run without reading it: its type and the point processed last (storage.md 2.3).

import { encodeValue } from "../../formats/msgpack.ts";
import { unpack } from "../../formats/tuple.ts";
import type { Value } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { addEntry } from "./indexes.ts";
import { checkKey, cutText, runKey, runRange, type StoreKeys } from "./keys.ts";
import { loadStored, openValues } from "./largeValues.ts";

export interface Trace {
  readonly contextId: number;
  readonly name: string;
  readonly dtype: string;
  /** The value processed last; absent while it was never a number (a metric of only nulls). */
  readonly last?: Value;
  readonly lastStep?: bigint;
}

const objectTypes = new Set(["image", "audio", "text", "distribution", "figure", "logs", "log_records"]);

/** Whether a trace is a metric: its type is none of the object types. "custom" therefore counts as a metric. */
export function isMetric(trace: Pick<Trace, "dtype">): boolean {
  return !objectTypes.has(trace.dtype);
}

/** All traces of a run, by context id and name. A trace without `dtype` (damage) reads as "float". */
export async function readTraces(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<Trace[]> {
  const owner = { dir: store.dirs.runs, run: hash };
  const offset = runKey(store, hash, "traces").length;
  const traces: { -readonly [field in keyof Trace]: Trace[field] }[] = [];
  for await (const batch of tx.range(runRange(store, hash, "traces")))
    for (const [key, bytes] of batch) {
      const [contextId, name, field, ...rest] = unpack(key, offset);
      if (typeof contextId !== "bigint" || typeof name !== "string" || rest.length > 0) continue;
      const value = await loadStored(tx, owner, key, bytes);
      let trace = traces.at(-1);
      if (trace === undefined || trace.name !== name || trace.contextId !== Number(contextId)) {
        trace = { contextId: Number(contextId), name, dtype: "float" };
        traces.push(trace);
      }
      if (field === "dtype" && typeof value === "string") trace.dtype = value;
      else if (field === "last") trace.last = value;
      else if (field === "last_step" && typeof value === "bigint") trace.lastStep = value;
    }
  return traces;
}

export interface WriteTraceOptions {
  /** False leaves the index to a later `reindexRun`: for a run that must stay invisible until it is complete. */
  readonly index?: boolean;
  /** True writes `last` and `lastStep` alone: for a trace whose type and index entry are stored already. */
  readonly isKnown?: boolean;
}

/**
 * Writes a trace and its index entry. `last` and `lastStep` are left as they are when not given (or `last` is null).
 * @throws MatyanError `too_large` naming run and sequence when the name does not fit into the keys.
 */
export async function writeTrace(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  trace: Trace,
  options: WriteTraceOptions = {},
): Promise<void> {
  const what = () => `sequence '${cutText(trace.name)}' (context ${trace.contextId}) of run '${cutText(hash)}'`;
  const keyOf = (field: string) =>
    checkKey(runKey(store, hash, "traces", BigInt(trace.contextId), trace.name, field), what);
  if (!options.isKnown) tx.set(keyOf("dtype"), encodeValue(trace.dtype));
  if (typeof trace.last === "number") tx.set(keyOf("last"), encodeValue(trace.last));
  else if (trace.last !== undefined && trace.last !== null)
    await (await openValues(tx, { dir: store.dirs.runs, run: hash })).put(keyOf("last"), trace.last, what);
  if (trace.lastStep !== undefined) tx.set(keyOf("last_step"), encodeValue(trace.lastStep));
  if ((options.index ?? true) && !options.isKnown) addEntry(tx, store, hash, ["trace", trace.name]);
}
