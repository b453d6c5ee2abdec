// The smallest and largest value of a sequence, carried on with the points of one transaction (docs/data-model.md).
import { encodeValue } from "../../formats/msgpack.ts";
import type { Transaction } from "../kv/index.ts";
import { numberOf } from "../store/floatColumns.ts";
import type { Store } from "../store/index.ts";
import { StagedValue, type Storable } from "../store/largeValues.ts";
import {
  Extremes,
  readHeads,
  type SequenceEnd,
  type SequenceHead,
  statsKey,
  writeStats,
} from "../store/sequenceStats.ts";
import { columnPrefix, type SequenceRef, stepKey } from "../store/sequences.ts";
import { isMetric } from "../store/traces.ts";
import type { Step } from "./sequenceBuffer.ts";

interface FoldedPoint {
  readonly step: Step;
  readonly value: Storable;
  readonly dtype: string;
}

/**
 * Told of points before they are written. When a step gets another value than it has, the extremes of all points are not known
 * any more, and the stored ones go: that depends on the points and their order alone, not on how they are batched, and points
 * that come again with the values that they have change nothing.
 */
export class StatsFold {
  readonly #store: Store;
  readonly #ref: SequenceRef;
  #head: SequenceHead | undefined;
  #extremes = new Extremes();
  #isKnown = true;
  /** The highest step that is written or was folded. */
  #highest: Step | undefined;

  constructor(store: Store, ref: SequenceRef) {
    this.#store = store;
    this.#ref = ref;
  }

  /** What the store has of the sequence. */
  begin(head: SequenceHead): void {
    if (this.#head !== undefined) return;
    this.#head = head;
    if (head.extremes !== undefined) this.#extremes = head.extremes;
    else if (!head.isNew) this.#isKnown = false;
    this.#highest = head.trace?.lastStep;
  }

  /** The hot path: points behind all others need no look at the store. */
  async foldFloats(tx: Transaction, steps: readonly number[], values: readonly number[]): Promise<void> {
    await this.#load(tx);
    if (!this.#isKnown) return;
    if (!this.#isBehind(steps)) await this.#compare(tx, steps, values);
    for (let i = 0; i < values.length; i++) this.#extremes.add(values[i]!);
    this.#note(steps);
  }

  async foldOthers(tx: Transaction, points: readonly FoldedPoint[]): Promise<void> {
    if (!points.every(isMetric)) this.#isKnown = false;
    if (!this.#isKnown) return;
    await this.#load(tx);
    if (!this.#isKnown) return;
    const steps = points.map(({ step }) => step);
    if (!this.#isBehind(steps))
      await this.#compare(
        tx,
        steps,
        points.map(({ value }) => value),
      );
    for (const { value } of points) this.#extremes.add(value instanceof StagedValue ? Number.NaN : numberOf(value));
    this.#note(steps);
  }

  /** Stores what is known of the sequence, which now ends with `end`. */
  finish(tx: Transaction, end: SequenceEnd): void {
    if (this.#isKnown) writeStats(tx, this.#store, this.#ref, this.#extremes, end);
    else if (this.#head?.hasStats) tx.clear(statsKey(this.#store, this.#ref));
  }

  async #load(tx: Transaction): Promise<void> {
    if (this.#head === undefined) this.begin((await readHeads(tx, this.#store, [this.#ref]))[0]!);
  }

  #isBehind(steps: readonly Step[]): boolean {
    let highest = this.#highest;
    for (const step of steps) {
      if (highest !== undefined && step <= highest) return false;
      highest = step;
    }
    return true;
  }

  #note(steps: readonly Step[]): void {
    for (const step of steps) if (this.#highest === undefined || step > this.#highest) this.#highest = step;
  }

  async #compare(tx: Transaction, steps: readonly Step[], values: readonly Storable[]): Promise<void> {
    const prefix = columnPrefix(this.#store, this.#ref, "val");
    const stored = await tx.getMany(steps.map((step) => stepKey(prefix, step)));
    const seen = new Map<bigint, Uint8Array>();
    for (let i = 0; i < steps.length; i++) {
      const step = BigInt(steps[i]!);
      const bytes = storedBytes(values[i]!);
      const before = seen.get(step) ?? stored[i];
      if (before !== undefined && Buffer.compare(before, bytes) !== 0) this.#isKnown = false;
      seen.set(step, bytes);
    }
  }
}

/** What stands at the key of a point with this value. */
export function storedBytes(value: Storable): Uint8Array {
  return value instanceof StagedValue ? value.pointer.encode() : encodeValue(value);
}
