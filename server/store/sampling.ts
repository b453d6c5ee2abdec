// A few points that stand for a whole sequence, at a cost of the result and not of the history (storage.md 6.2).
import type { Value } from "../../formats/value.ts";
import type { KeyRange, KeyValue, ReadTransaction } from "../kv/index.ts";
import type { StoreKeys } from "./keys.ts";
import { decodeStored, loadStored } from "./largeValues.ts";
import {
  badCount,
  columnPrefix,
  isInverted,
  type Point,
  readSequence,
  type SequenceRef,
  type StepRange,
  setField,
  stepKey,
  stepOf,
  stepRange,
} from "./sequences.ts";

export interface SampleOptions extends StepRange {
  /** The columns to read beside the values; both by default. */
  readonly columns?: readonly ("epoch" | "time")[];
}

/** A sequence is read as a whole before it is sampled when more points than these are asked for, if it has no more. */
const manyPoints = 2_000;

/**
 * `count` points spread over the steps of the range (all points when there are not more; `count` <= 0 reads all).
 * For each of `count` evenly spaced steps the first point at or behind it (6.2 A). Where gaps make those meet, a short
 * sequence is picked evenly by position (6.2 C); in a long one the widest gaps are halved until `count` points are found.
 * O(count) seeks in a handful of rounds whatever the length.
 */
export async function sampleSequence(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  count: number,
  options: SampleOptions = {},
): Promise<Point[]> {
  if (!Number.isInteger(count)) throw badCount(count);
  if (isInverted(options)) return [];
  if (count <= 0) return readAll(tx, store, ref, options);
  return finish(tx, store, ref, await choose(new Finder(tx, columnPrefix(store, ref, "val")), count, options), options);
}

/** The steps of what `sampleSequence` gives for a positive `count`. No values are held, however large they are. */
export async function sampleSteps(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  count: number,
  range: StepRange,
): Promise<bigint[]> {
  if (!Number.isInteger(count) || count < 1) throw badCount(count);
  if (isInverted(range)) return [];
  const chosen = await choose(new Finder(tx, columnPrefix(store, ref, "val"), stepsAtOnce), count, range);
  return chosen.map(({ step }) => step);
}

/** `count` > 0. */
async function choose(finder: Finder, count: number, within: StepRange): Promise<readonly Found[]> {
  const [first, last] = await finder.ends(within);
  if (first === undefined || last === undefined) return [];
  if (first.step === last.step || count === 1) return [first];
  const range = { from: first.step, to: last.step };
  // Whoever asks for very many wants all there is, as a rule: reading on is cheaper than a seek for each.
  const all = count > manyPoints ? await finder.short(range, count) : undefined;
  if (all !== undefined) return all;
  const found = last.step - first.step < BigInt(count) * 4n ? undefined : await finder.spread(range, count);
  if (found?.length === count) return found;
  const short = await finder.short(range, Math.max(count * 4, alwaysShort));
  if (short !== undefined) return pickSpread(short, count) ?? pickEvenly(short, count);
  return finder.refine(found ?? [first, last], count);
}

/** A sequence of at most this many points is read whole where gaps make targets meet: a millisecond or two. */
const alwaysShort = 2_000;

/** So many seeks at a time when only steps are wanted: their values are read along, and dropped. */
const stepsAtOnce = 64;

/** A step that has a point, with its key and value where they are kept. */
interface Found {
  readonly step: bigint;
  readonly pair: KeyValue | undefined;
}

/** An open interval of steps that may hold points. `upper` is known to be empty: only its lower half is left. */
interface Gap {
  readonly low: bigint;
  readonly high: bigint;
  /** Look for the last point instead of one behind the middle: the upper part was found empty. */
  readonly fromEnd: boolean;
}

class Finder {
  readonly #tx: ReadTransaction;
  readonly #prefix: Uint8Array;
  /** With it only steps are kept. */
  readonly #stepsAtOnce: number | undefined;

  constructor(tx: ReadTransaction, prefix: Uint8Array, stepsAtOnce?: number) {
    this.#tx = tx;
    this.#prefix = prefix;
    this.#stepsAtOnce = stepsAtOnce;
  }

  async ends(range: StepRange): Promise<[Found | undefined, Found | undefined]> {
    const [[first], [last]] = await Promise.all([this.#first([range]), this.#first([range], true)]);
    return [first, last];
  }

  /** The first point at or behind each target, without repeats. */
  async spread(range: { from: bigint; to: bigint }, count: number): Promise<Found[]> {
    const { end } = stepRange(this.#prefix, range);
    const steps = targets(range.from, range.to, count);
    return distinct(await this.#firstOf(steps.map((step) => ({ begin: stepKey(this.#prefix, step), end }))));
  }

  /** Adds points from the widest gaps until there are `count`. Each seek finds a point or proves a part empty. */
  async refine(start: readonly Found[], count: number): Promise<Found[]> {
    const found = [...start];
    let gaps = found.slice(1).map((next, i): Gap => ({ low: found[i]!.step, high: next.step, fromEnd: false }));
    while (found.length < count) {
      gaps = gaps.filter((gap) => gap.high - gap.low > 1n).sort((a, b) => order(b.high - b.low, a.high - a.low));
      if (gaps.length === 0) break;
      const chosen = gaps.slice(0, count - found.length);
      const next = gaps.slice(chosen.length);
      const upward = chosen.filter((gap) => !gap.fromEnd);
      const downward = chosen.filter((gap) => gap.fromEnd);
      const middle = (gap: Gap) => gap.low + (gap.high - gap.low) / 2n;
      const [ups, downs] = await Promise.all([
        this.#first(upward.map((gap) => ({ from: middle(gap), to: gap.high - 1n }))),
        this.#first(
          downward.map((gap) => ({ from: gap.low + 1n, to: gap.high - 1n })),
          true,
        ),
      ]);
      upward.forEach((gap, i) => {
        const hit = ups[i];
        if (hit === undefined) next.push({ low: gap.low, high: middle(gap), fromEnd: true });
        else {
          found.push(hit);
          // Between the middle and the hit there is nothing.
          next.push(
            { low: gap.low, high: middle(gap), fromEnd: false },
            { low: hit.step, high: gap.high, fromEnd: false },
          );
        }
      });
      downward.forEach((gap, i) => {
        const hit = downs[i];
        if (hit === undefined) return;
        found.push(hit);
        next.push({ low: gap.low, high: hit.step, fromEnd: false });
      });
      gaps = next;
    }
    return found.sort((a, b) => order(a.step, b.step));
  }

  #first(ranges: readonly StepRange[], reverse = false): Promise<(Found | undefined)[]> {
    return this.#firstOf(
      ranges.map((range) => stepRange(this.#prefix, range)),
      reverse,
    );
  }

  async #firstOf(ranges: readonly KeyRange[], reverse = false): Promise<(Found | undefined)[]> {
    const found: (Found | undefined)[] = [];
    const size = this.#stepsAtOnce ?? ranges.length;
    for (let at = 0; at < ranges.length; at += size)
      for (const pair of await this.#tx.firstOfEach(ranges.slice(at, at + size), reverse))
        found.push(pair && this.#found(pair));
    return found;
  }

  #found(pair: KeyValue): Found {
    return { step: stepOf(pair[0], this.#prefix.length), pair: this.#stepsAtOnce === undefined ? pair : undefined };
  }

  /** All points of the range if there are at most `limit`. */
  async short(range: StepRange, limit: number): Promise<Found[] | undefined> {
    const points: Found[] = [];
    for await (const batch of this.#tx.range(stepRange(this.#prefix, range), { limit: limit + 1 }))
      for (const pair of batch) points.push(this.#found(pair));
    return points.length > limit ? undefined : points;
  }
}

function order(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function distinct(found: readonly (Found | undefined)[]): Found[] {
  const kept: Found[] = [];
  for (const point of found) if (point !== undefined && point.step !== kept.at(-1)?.step) kept.push(point);
  return kept;
}

/** `first + round(i * (last - first) / (count - 1))`, halves to even, without repeats. `count` >= 2. */
export function targets(first: bigint, last: bigint, count: number): bigint[] {
  const steps: bigint[] = [];
  for (let i = 0; i < count; i++) {
    const step = first + roundHalfEven(BigInt(i) * (last - first), BigInt(count - 1));
    if (step !== steps.at(-1)) steps.push(step);
  }
  return steps;
}

/** `a / b` rounded to the nearest integer, halves to the even one. For a >= 0, b > 0. */
export function roundHalfEven(a: bigint, b: bigint): bigint {
  const whole = a / b;
  const twice = (a % b) * 2n;
  return twice > b || (twice === b && whole % 2n === 1n) ? whole + 1n : whole;
}

/** 6.2 A over points in memory; undefined when targets meet. */
function pickSpread(points: readonly Found[], count: number): Found[] | undefined {
  const steps = targets(points[0]!.step, points[points.length - 1]!.step, count);
  const kept: Found[] = [];
  let i = 0;
  for (const step of steps) {
    while (points[i]!.step < step) i++;
    if (points[i]!.step !== kept.at(-1)?.step) kept.push(points[i]!);
  }
  return kept.length === count ? kept : undefined;
}

/** 6.2 C: `count` positions spread evenly, the first and last among them; all when there are not more. */
export function pickEvenly<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items;
  if (count <= 1) return items.slice(0, 1);
  return targets(0n, BigInt(items.length - 1), count).map((position) => items[Number(position)]!);
}

async function readAll(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  options: SampleOptions,
): Promise<Point[]> {
  const points: Point[] = [];
  for await (const batch of readSequence(tx, store, ref, options)) for (const point of batch) points.push(point);
  return points;
}

/** Decodes the chosen points and adds the other columns, all in one wait. */
async function finish(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  chosen: readonly Found[],
  options: SampleOptions,
): Promise<Point[]> {
  const owner = { dir: store.dirs.runs, run: ref.hash };
  const points: { step: bigint; value: Value; epoch?: bigint; time?: number }[] = [];
  for (const { step, pair } of chosen)
    if (pair !== undefined) points.push({ step, value: await loadStored(tx, owner, pair[0], pair[1]) });
  if (points.length === 0) return points;
  const columns = options.columns ?? ["epoch", "time"];
  const range = { from: chosen[0]!.step, to: chosen[chosen.length - 1]!.step };
  const prefixes = columns.map((column) => columnPrefix(store, ref, column));
  const any = await tx.firstOfEach(prefixes.map((prefix) => stepRange(prefix, range)));
  const present = columns.filter((_, i) => any[i] !== undefined);
  const keys = present.flatMap((column) => {
    const prefix = prefixes[columns.indexOf(column)]!;
    return chosen.map(({ step }) => stepKey(prefix, step));
  });
  if (keys.length === 0) return points;
  const stored = await tx.getMany(keys);
  present.forEach((column, c) => {
    for (let i = 0; i < points.length; i++) {
      const bytes = stored[c * points.length + i];
      if (bytes !== undefined) setField(points[i]!, column, decodeStored(bytes));
    }
  });
  return points;
}
