// Points read in pages that are bounded by bytes: for sequences of objects, of which one may be as large as a million numbers.
import type { Value } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import type { StoreKeys } from "./keys.ts";
import { decodeStored, LargePointer, loadLarge } from "./largeValues.ts";
import {
  columnPrefix,
  type Point,
  type SequenceRef,
  type StepRange,
  setField,
  stepKey,
  stepOf,
  stepRange,
} from "./sequences.ts";

const pageSize = 16;
/** A page ends with the large value that takes it beyond this. */
const pageBytes = 4_000_000;

/**
 * The points at some ascending steps, page by page; steps without a point are passed over. The snapshot behind `tx` may change
 * while the caller has a page.
 */
export async function* pointsAt(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  steps: readonly bigint[],
): AsyncGenerator<readonly Point[], void> {
  for (let at = 0; at < steps.length; ) {
    const { points, taken } = await readPage(tx, store, ref, steps.slice(at, at + pageSize));
    at += taken;
    if (points.length > 0) yield points;
  }
}

/** As `pointsAt`, for all steps of a range. */
export async function* pointsIn(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  range: StepRange,
): AsyncGenerator<readonly Point[], void> {
  const prefix = columnPrefix(store, ref, "val");
  for (let { from } = range; ; ) {
    const steps: bigint[] = [];
    for await (const batch of tx.range(stepRange(prefix, { ...range, from }), { limit: pageSize }))
      for (const [key] of batch) steps.push(stepOf(key, prefix.length));
    yield* pointsAt(tx, store, ref, steps);
    const last = steps.at(-1);
    if (last === undefined || steps.length < pageSize) return;
    from = last + 1n;
  }
}

/** The points of the first steps, at least one of them, and how many steps these are. */
async function readPage(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  steps: readonly bigint[],
): Promise<{ readonly points: readonly Point[]; readonly taken: number }> {
  const columns = ["val", "epoch", "time"] as const;
  const keys = columns.flatMap((column) => {
    const prefix = columnPrefix(store, ref, column);
    return steps.map((step) => stepKey(prefix, step));
  });
  const stored = await tx.getMany(keys);
  const owner = { dir: store.dirs.runs, run: ref.hash };
  const points: Point[] = [];
  let bytes = 0;
  for (const [i, step] of steps.entries()) {
    const found = stored[i];
    if (found === undefined) continue;
    const value = decodeStored(found);
    if (value instanceof LargePointer) bytes += value.size;
    const point: { step: bigint; value: Value; epoch?: bigint; time?: number } = {
      step,
      value: value instanceof LargePointer ? await loadLarge(tx, owner, keys[i]!, value) : value,
    };
    const [epoch, time] = [stored[i + steps.length], stored[i + 2 * steps.length]];
    if (epoch !== undefined) setField(point, "epoch", decodeStored(epoch));
    if (time !== undefined) setField(point, "time", decodeStored(time));
    points.push(point);
    if (bytes > pageBytes) return { points, taken: i + 1 };
  }
  return { points, taken: steps.length };
}
