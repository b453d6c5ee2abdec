// The points of metrics as JSON that is written while it is read: for answers that are too large to be held.
import { formatAnswer } from "../../formats/jsonAnswer.ts";
import { mapOf, type Value } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { rest, type Step } from "../search/snapshots.ts";
import type { Store } from "../store/index.ts";
import { bounds, type Point, readSequence, type SequenceRef, type StepRange } from "../store/sequences.ts";

/** A metric that was asked for, as the answer names it, and where its points lie. */
export interface AskedMetric {
  readonly label: Value;
  readonly context: Value;
  readonly dtype: string;
  readonly ref: SequenceRef;
}

const pageSize = 5_000;

/**
 * `[{"name", "context", "dtype", "points": [[step, value, epoch, time], ...]}, ...]` in pieces: all that is stored of every
 * point, for copies of runs. An epoch or time that a point lacks is null. NaN and the infinities, which JSON lacks, are text (`"NaN"`,
 * `"Infinity"`, `"-Infinity"`); a value that is no number is null.
 */
export async function* detailPieces(
  tx: ReadTransaction,
  store: Store,
  metrics: readonly AskedMetric[],
  range: StepRange,
): AsyncGenerator<Step<Uint8Array>, void> {
  let before = "[";
  for (const { label, context, dtype, ref } of metrics) {
    const head = mapOf({ name: label, context, dtype });
    yield Buffer.from(`${before}${formatAnswer(head).slice(0, -1)},"points":[`);
    before = "]},";
    let comma = "";
    for await (const page of pages(tx, store, ref, range, ["epoch", "time"])) {
      if (page === rest) {
        yield rest;
        continue;
      }
      let text = "";
      for (const { step, value, epoch = null, time = null } of page) {
        text += `${comma}[${step},${detailed(value)},${epoch},${time === null ? null : formatAnswer(time)}]`;
        comma = ",";
      }
      yield Buffer.from(text);
    }
  }
  yield Buffer.from(before === "[" ? "[]" : "]}]");
}

function detailed(value: Value): string {
  if (typeof value === "number") return Number.isFinite(value) ? formatAnswer(value) : `"${value}"`;
  return typeof value === "bigint" || typeof value === "boolean" ? String(value) : "null";
}

/**
 * `[{"name", "context", "iters": [...], "values": [...]}, ...]` in pieces. `density` points of each metric, spread evenly
 * over their positions (storage.md 6.2 C); all of them when it is 0 or less. What is logged meanwhile is left out, so that
 * steps and values are of the same points, which are read twice.
 */
export async function* batchPieces(
  tx: ReadTransaction,
  store: Store,
  metrics: readonly AskedMetric[],
  range: StepRange,
  density: number,
  plain: (value: Value) => Value,
): AsyncGenerator<Step<Uint8Array>, void> {
  let before = "[";
  for (const { label, context, ref } of metrics) {
    yield Buffer.from(`${before}{"name":${formatAnswer(label)},"context":${formatAnswer(context)},"iters":[`);
    before = "},";
    const ends = await bounds(tx, store, ref, range);
    const within = ends && { from: ends.first, to: ends.last };
    const chosen = within && (yield* chooser(tx, store, ref, within, density));
    if (within !== undefined && chosen !== undefined) {
      yield* listed(tx, store, ref, within, chosen, ({ step }) => step);
      yield Buffer.from(`],"values":[`);
      yield* listed(tx, store, ref, within, chosen, ({ value }) => plain(value));
      yield Buffer.from("]");
    } else yield Buffer.from(`],"values":[]`);
  }
  yield Buffer.from(before === "[" ? "[]" : "}]");
}

/** Whether the point at a position is among the chosen. */
type Choose = (position: number) => boolean;

async function* chooser(
  tx: ReadTransaction,
  store: Store,
  ref: SequenceRef,
  within: StepRange,
  density: number,
): AsyncGenerator<typeof rest, Choose> {
  if (density <= 0) return () => true;
  let count = 0;
  for await (const page of pages(tx, store, ref, within))
    if (page === rest) yield rest;
    else count += page.length;
  if (count <= density) return () => true;
  // The first, the last, and between them one wherever the line from 0 to density - 1 reaches the next whole number.
  const reached = (position: number) => Math.floor((position * (density - 1)) / (count - 1));
  return (position) => position === 0 || reached(position) > reached(position - 1);
}

async function* listed(
  tx: ReadTransaction,
  store: Store,
  ref: SequenceRef,
  within: StepRange,
  choose: Choose,
  part: (point: Point) => Value,
): AsyncGenerator<Step<Uint8Array>, void> {
  let position = 0;
  let before = "";
  for await (const page of pages(tx, store, ref, within)) {
    if (page === rest) {
      yield rest;
      continue;
    }
    let text = "";
    for (const point of page) {
      if (!choose(position++)) continue;
      text += before + formatAnswer(part(point));
      before = ",";
    }
    if (text !== "") yield Buffer.from(text);
  }
}

async function* pages(
  tx: ReadTransaction,
  store: Store,
  ref: SequenceRef,
  within: StepRange,
  columns: readonly ("epoch" | "time")[] = [],
): AsyncGenerator<Step<readonly Point[]>, void> {
  let from = within.from;
  for (;;) {
    const page: Point[] = [];
    const options = { ...within, ...(from === undefined ? {} : { from }), limit: pageSize, columns };
    for await (const batch of readSequence(tx, store, ref, options)) for (const point of batch) page.push(point);
    if (page.length > 0) yield page;
    if (page.length < pageSize) return;
    from = page[page.length - 1]!.step + 1n;
    yield rest;
  }
}
