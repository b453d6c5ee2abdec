// The points of one sequence within one transaction, gathered so that they are written as columns, with what its trace becomes.
import { encodeValue } from "../../formats/msgpack.ts";
import type { Transaction } from "../kv/index.ts";
import type { Store } from "../store/index.ts";
import { StagedValue, type Storable } from "../store/largeValues.ts";
import type { SequenceHead } from "../store/sequenceStats.ts";
import { columnPrefix, nextStep, type Point, type SequenceRef, SequenceWriter, stepKey } from "../store/sequences.ts";
import { type Trace, writeTrace } from "../store/traces.ts";
import { StatsFold, storedBytes } from "./statsFold.ts";

/** A step as a number where that is exact, which it nearly always is. */
export type Step = number | bigint;

export interface BufferedPoint {
  readonly step: Step;
  readonly value: Storable;
  readonly epoch: Step | undefined;
  readonly time: number;
  /** Whether `time` is the client's. A point that came again without one keeps the time that it has. */
  readonly isClientTime: boolean;
  readonly dtype: string;
  /** What the trace says as its last value if this is the last step; null leaves it as it is. */
  readonly last: number | null;
}

/**
 * Nothing is stored before `flush`, but what can fail for a single point fails when it is added: the messages around it
 * do not pay for it.
 */
export class SequenceBuffer {
  readonly ref: SequenceRef;
  readonly #store: Store;
  readonly #writer: SequenceWriter;
  /** Float points, in columns; all with an epoch or all without. */
  #steps: number[] = [];
  #values: number[] = [];
  #times: number[] = [];
  #epochs: number[] = [];
  /** Other points. At most one of the two forms holds points at a time, so that the order is kept. */
  #others: BufferedPoint[] = [];
  #next: bigint | undefined;
  #dtype = "";
  #maxStep: Step | undefined;
  #last: number | undefined;
  #lastAt: Step = 0;
  readonly #stats: StatsFold;

  /** @throws MatyanError `too_large` when the name does not fit into a key. */
  constructor(store: Store, ref: SequenceRef) {
    this.ref = ref;
    this.#store = store;
    this.#writer = new SequenceWriter(store, ref);
    this.#stats = new StatsFold(store, ref);
  }

  /** @throws MatyanError when the value cannot be stored. */
  async add(tx: Transaction, point: BufferedPoint): Promise<void> {
    const { step, value, epoch, time } = point;
    if (
      typeof value === "number" &&
      typeof step === "number" &&
      point.isClientTime &&
      (epoch === undefined || typeof epoch === "number")
    ) {
      if (this.#others.length > 0 || (this.#steps.length > 0 && this.#epochs.length > 0 !== (epoch !== undefined)))
        await this.#writePoints(tx);
      this.#steps.push(step);
      this.#values.push(value);
      this.#times.push(time);
      if (epoch !== undefined) this.#epochs.push(epoch);
    } else {
      if (!(value instanceof StagedValue)) encodeValue(value);
      if (this.#steps.length > 0) await this.#writePoints(tx);
      this.#others.push(point);
    }
    this.#note(point);
  }

  /**
   * The rule of a trace, folded: the point of the highest step gives type and last value, of equal steps the later. A value
   * of null moves the step but not the value.
   */
  #note(point: BufferedPoint): void {
    const { step, last } = point;
    if (this.#next !== undefined && BigInt(step) >= this.#next) this.#next = BigInt(step) + 1n;
    if (this.#maxStep !== undefined && step < this.#maxStep) return;
    this.#maxStep = step;
    this.#dtype = point.dtype;
    if (last === null) return;
    this.#last = last;
    this.#lastAt = step;
  }

  /** The step behind all others, those still in here included. */
  async nextStep(tx: Transaction): Promise<bigint> {
    if (this.#next === undefined) {
      await this.#writePoints(tx);
      this.#next = await nextStep(tx, this.#store, this.ref);
    }
    return this.#next;
  }

  /**
   * Writes points, trace and extremes. `head` is what this transaction found of them. Returns whether the sequence is
   * new to the run.
   */
  async flush(tx: Transaction, head: SequenceHead): Promise<boolean> {
    this.#stats.begin(head);
    await this.#writePoints(tx);
    // Only points that came again without a step: all is there.
    if (this.#maxStep === undefined) return false;
    const stored = head.trace;
    const floor = stored?.lastStep;
    const end = { lastStep: floor ?? 0n, last: stored?.last ?? null };
    if (floor === undefined || this.#maxStep >= floor) {
      const hasLast = this.#last !== undefined && (floor === undefined || this.#lastAt >= floor);
      const { contextId, name, hash } = this.ref;
      const trace: Trace = {
        contextId,
        name,
        dtype: this.#dtype,
        ...(hasLast ? { last: this.#last! } : {}),
        lastStep: BigInt(this.#maxStep),
      };
      await writeTrace(tx, this.#store, hash, trace, { isKnown: stored?.dtype === trace.dtype });
      end.lastStep = BigInt(this.#maxStep);
      if (hasLast) end.last = this.#last!;
    }
    this.#stats.finish(tx, end);
    return stored === undefined;
  }

  async #writePoints(tx: Transaction): Promise<void> {
    if (this.#steps.length > 0) {
      await this.#stats.foldFloats(tx, this.#steps, this.#values);
      const columns = { steps: this.#steps, values: this.#values, times: this.#times };
      await this.#writer.writeFloats(tx, this.#epochs.length > 0 ? { ...columns, epochs: this.#epochs } : columns);
      this.#steps = [];
      this.#values = [];
      this.#times = [];
      this.#epochs = [];
    }
    if (this.#others.length > 0) {
      await this.#stats.foldOthers(tx, this.#others);
      const keepsTime = await this.#repeated(tx, this.#others);
      await this.#writer.write(
        tx,
        this.#others.map((point, i): Point<Storable> => {
          const { step, value, epoch, time } = point;
          return {
            step: BigInt(step),
            value,
            ...(epoch === undefined ? {} : { epoch: BigInt(epoch) }),
            ...(keepsTime[i] ? {} : { time }),
          };
        }),
      );
      this.#others = [];
    }
  }

  /** Which points stand in the store already, value for value, and came without a time of their own. */
  async #repeated(tx: Transaction, points: readonly BufferedPoint[]): Promise<boolean[]> {
    if (points.every((point) => point.isClientTime)) return [];
    const prefix = columnPrefix(this.#store, this.ref, "val");
    const stored = await tx.getMany(points.map(({ step }) => stepKey(prefix, step)));
    // A step that was given and one that was found are the same step, in whichever form they came.
    const seen = new Map<bigint, Uint8Array>();
    return points.map(({ step, value, isClientTime }, i) => {
      const bytes = storedBytes(value);
      const before = seen.get(BigInt(step)) ?? stored[i];
      seen.set(BigInt(step), bytes);
      return !isClientTime && before !== undefined && Buffer.compare(before, bytes) === 0;
    });
  }
}
