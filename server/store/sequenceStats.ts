// The smallest and largest value of each metric, kept beside its trace at `(h, "_stats", c, n)`, so that lists of runs need not
// read sequences. What is kept can be missing or out of date, and then says nothing wrong: docs/data-model.md.
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import type { Value } from "../../formats/value.ts";
import type { KeyRange, ReadTransaction, Transaction } from "../kv/index.ts";
import { floatOf, readFloats } from "./floatColumns.ts";
import type { Store } from "./index.ts";
import { after, runKey, type StoreKeys } from "./keys.ts";
import { columnPrefix, type SequenceRef, stepOf, stepRange } from "./sequences.ts";
import { isMetric, readTraces, type Trace } from "./traces.ts";

/** Over finite values alone; Infinity and -Infinity while there was none. */
export class Extremes {
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    if (!Number.isFinite(value)) return;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
  }

  get isEmpty(): boolean {
    return this.min > this.max;
  }
}

/** What a trace says of the end of its sequence. Extremes are those of the sequence that ends so. */
export interface SequenceEnd {
  readonly lastStep: bigint;
  /** Null while no value was a number. */
  readonly last: Value;
}

export function statsKey(store: StoreKeys, { hash, contextId, name }: SequenceRef): Uint8Array {
  return runKey(store, hash, "_stats", BigInt(contextId), name);
}

/** As stored: `[min, max, last_step, last]`, the first two null where no value is finite. */
function encodeStats({ min, max, isEmpty }: Extremes, { lastStep, last }: SequenceEnd): Uint8Array {
  return encodeValue([isEmpty ? null : min, isEmpty ? null : max, lastStep, last]);
}

/** The stored extremes, or undefined when they are not those of a sequence with this end: another system wrote past them. */
function decodeStats(bytes: Uint8Array, end: SequenceEnd): Extremes | undefined {
  const value = decodeValue(bytes);
  if (!Array.isArray(value) || value.length !== 4) return undefined;
  const [min, max, lastStep, last] = value;
  if (lastStep !== end.lastStep || !Object.is(last, end.last)) return undefined;
  const extremes = new Extremes();
  if (typeof min === "number" && typeof max === "number") {
    extremes.min = min;
    extremes.max = max;
  }
  return extremes;
}

function endOf({ lastStep, last }: Pick<Trace, "lastStep" | "last">): SequenceEnd | undefined {
  return lastStep === undefined ? undefined : { lastStep, last: last ?? null };
}

/** What is stored of a sequence beside its points. */
export interface SequenceHead {
  /** Undefined where no whole trace is stored. */
  readonly trace: (SequenceEnd & { readonly dtype: string }) | undefined;
  /** Undefined where they are missing or not those of the trace. */
  readonly extremes: Extremes | undefined;
  /** Whether anything stands at the key of the extremes. */
  readonly hasStats: boolean;
  /** No trace and no extremes: nothing was ever written. */
  readonly isNew: boolean;
}

/** One wait for all. */
export async function readHeads(
  tx: ReadTransaction,
  store: StoreKeys,
  refs: readonly SequenceRef[],
): Promise<SequenceHead[]> {
  const fields = ["dtype", "last_step", "last"];
  const keys = refs.flatMap((ref) => [
    ...fields.map((field) => runKey(store, ref.hash, "traces", BigInt(ref.contextId), ref.name, field)),
    statsKey(store, ref),
  ]);
  const stored = await tx.getMany(keys);
  return refs.map((_, i): SequenceHead => {
    const bytes = stored.slice(4 * i, 4 * i + 4);
    const [dtype, lastStep, last] = bytes.slice(0, 3).map((one) => (one === undefined ? null : decodeValue(one)));
    const isWhole = typeof dtype === "string" && typeof lastStep === "bigint";
    const trace = isWhole ? { dtype, lastStep, last: last ?? null } : undefined;
    const stats = bytes[3];
    return {
      trace,
      extremes: trace === undefined || stats === undefined ? undefined : decodeStats(stats, trace),
      hasStats: stats !== undefined,
      isNew: bytes.every((one) => one === undefined),
    };
  });
}

/** A sequence without valid extremes is read when it has no more points and no higher steps than this. */
const readablePoints = 500;

/**
 * The extremes of each of a run's metrics, undefined where that takes more than a glance: then nothing is known.
 * One wait for all, and one more for each that has to be read.
 */
export async function readExtremes(
  tx: ReadTransaction,
  store: StoreKeys,
  hash: string,
  traces: readonly Trace[],
): Promise<(Extremes | undefined)[]> {
  const stored = await tx.getMany(traces.map(({ contextId, name }) => statsKey(store, { hash, contextId, name })));
  const found: (Extremes | undefined)[] = [];
  for (const [i, trace] of traces.entries()) {
    const bytes = stored[i];
    const end = endOf(trace);
    const valid = bytes === undefined || end === undefined ? undefined : decodeStats(bytes, end);
    const isShort = end !== undefined && end.lastStep <= readablePoints;
    found.push(valid ?? (isShort ? await glance(tx, store, { hash, ...trace }) : undefined));
  }
  return found;
}

async function glance(tx: ReadTransaction, store: StoreKeys, ref: SequenceRef): Promise<Extremes | undefined> {
  const { values } = await readFloats(tx, store, ref, {}, readablePoints + 1);
  if (values.length > readablePoints) return undefined;
  const extremes = new Extremes();
  for (const value of values) extremes.add(value);
  return extremes;
}

/** Stands at the key while a sequence is read: whoever writes to the sequence meanwhile removes it. */
const underWay = encodeValue("reading");
const pagePoints = 20_000;

/** Reads the sequences of a run that have no valid extremes, and keeps what is found. Returns how many it kept. */
export async function rebuildStats(store: Store, hash: string, signal?: AbortSignal): Promise<number> {
  const lacking = await store.database.snapshot(async (tx) => {
    const traces = (await readTraces(tx, store, hash)).filter(isMetric);
    const stored = await tx.getMany(traces.map((trace) => statsKey(store, { hash, ...trace })));
    return traces.filter((trace, i) => {
      const end = endOf(trace);
      return end !== undefined && (stored[i] === undefined || decodeStats(stored[i], end) === undefined);
    });
  });
  let kept = 0;
  for (const { contextId, name } of lacking) if (await rebuild(store, { hash, contextId, name }, signal)) kept++;
  return kept;
}

async function rebuild(store: Store, ref: SequenceRef, signal: AbortSignal | undefined): Promise<boolean> {
  const { database } = store;
  const key = statsKey(store, ref);
  await database.transact(async (tx) => tx.set(key, underWay));
  const extremes = new Extremes();
  const prefix = columnPrefix(store, ref, "val");
  const { end, begin: start } = stepRange(prefix);
  let last: Uint8Array | undefined;
  for (let begin: Uint8Array | undefined = start; begin !== undefined; ) {
    signal?.throwIfAborted();
    const range: KeyRange = { begin, end };
    const page: Page = await database.snapshot((tx) => readPage(tx, range, extremes));
    last = page.last ?? last;
    begin = page.isFull ? after(page.last!) : undefined;
  }
  return database.transact(async (tx) => {
    const bytes = await tx.get(key);
    if (bytes === undefined || Buffer.compare(bytes, underWay) !== 0) return false;
    const [head] = await readHeads(tx, store, [ref]);
    // Traces of the existing system can end before the highest step, which writers take for the end.
    const isEnd = last !== undefined && head?.trace?.lastStep === stepOf(last, prefix.length);
    if (isEnd) writeStats(tx, store, ref, extremes, head.trace);
    else tx.clear(key);
    return isEnd;
  });
}

interface Page {
  readonly last: Uint8Array | undefined;
  readonly isFull: boolean;
}

async function readPage(tx: ReadTransaction, range: KeyRange, extremes: Extremes): Promise<Page> {
  let last: Uint8Array | undefined;
  let count = 0;
  for await (const batch of tx.range(range, { limit: pagePoints }))
    for (const [key, bytes] of batch) {
      extremes.add(floatOf(bytes));
      last = key;
      count++;
    }
  return { last, isFull: count === pagePoints };
}

export function writeStats(
  tx: Transaction,
  store: StoreKeys,
  ref: SequenceRef,
  extremes: Extremes,
  end: SequenceEnd,
): void {
  tx.set(statsKey(store, ref), encodeStats(extremes, end));
}
