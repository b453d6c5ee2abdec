// The points of a run on their way into the store: brought into its form, grouped by sequence, committed in bounded batches.
import type { LineRecord } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import type { Value } from "../../formats/value.ts";
import type { Transaction } from "../kv/index.ts";
import { numberOf } from "../store/floatColumns.ts";
import type { Store } from "../store/index.ts";
import { StagedValue } from "../store/largeValues.ts";
import { Extremes } from "../store/sequenceStats.ts";
import { type FloatPoints, type Point, SequenceWriter, stagePoint } from "../store/sequences.ts";
import { type ArchivedTrace, guessType, isLostObject, readArchivedValue, traceKey } from "./restoreValues.ts";
import { valueBytes } from "./valueBytes.ts";

/** One transaction writes at most about this much: a third of what an engine takes. More points are no faster. */
const batchPoints = 4_000;
const batchBytes = 3_000_000;
/** Values over this are stored in transactions of their own. */
const stagedBytes = 1_000_000;

/** What is known of a sequence from `traces.json`, and learned while its points pass. Some 200 bytes each. */
export interface SequenceState {
  readonly contextId: number;
  readonly name: string;
  dtype: string;
  /** Undefined when `traces.json` lacks the sequence. */
  readonly trace: ArchivedTrace | undefined;
  lastStep: bigint | undefined;
  /** Undefined when a step came twice: what it had first is overwritten, and may have been one of them. */
  extremes: Extremes | undefined;
}

interface Group {
  readonly state: SequenceState;
  readonly points: Point<Value | StagedValue>[];
  floats: number;
  timed: number;
  counted: number;
}

/** Points of one or more sequences that are committed together. */
export interface PointBatch {
  readonly groups: readonly Group[];
  readonly points: number;
  /** The last line of `sequences.jsonl` that this batch and those before it hold. */
  readonly line: number;
}

export class PointReader {
  readonly #hash: string;
  readonly #states = new Map<string, SequenceState>();
  #points = 0;
  #lost = 0;

  constructor(hash: string, traces: readonly ArchivedTrace[]) {
    this.#hash = hash;
    for (const trace of traces) {
      const { contextId, name, dtype } = trace;
      this.#states.set(traceKey(contextId, name), { contextId, name, dtype, trace, ...empty() });
    }
  }

  /** Points that passed, skipped lines included. */
  get points(): number {
    return this.#points;
  }

  /** Values of objects that the archive's producer lost: they are left out. */
  get lost(): number {
    return this.#lost;
  }

  get states(): Iterable<SequenceState> {
    return this.#states.values();
  }

  /**
   * Batches of the records after line `skip`; those up to it are only checked and counted.
   * @throws MatyanError `corrupt` naming file and line.
   */
  async *batches(records: AsyncIterable<readonly LineRecord[]>, skip: number): AsyncGenerator<PointBatch> {
    let groups = new Map<SequenceState, Group>();
    let points = 0;
    let bytes = 0;
    let line = skip;
    let state: SequenceState | undefined;
    let group: Group | undefined;
    for await (const batch of records) {
      for (const record of batch) {
        if (state === undefined || record.contextId !== state.contextId || record.name !== state.name) {
          state = this.#stateOf(record);
          group = groups.get(state);
        }
        const point = this.#accept(state, record);
        if (point === undefined || record.line <= skip) continue;
        if (group === undefined) {
          group = { state, points: [], floats: 0, timed: 0, counted: 0 };
          groups.set(state, group);
        }
        group.points.push(point);
        if (typeof point.value === "number") group.floats++;
        if (point.time !== undefined) group.timed++;
        if (point.epoch !== undefined) group.counted++;
        bytes += this.#bytesOf(state, point);
        line = record.line;
        if (++points < batchPoints && bytes < batchBytes) continue;
        yield { groups: [...groups.values()], points, line };
        groups = new Map();
        group = undefined;
        points = 0;
        bytes = 0;
      }
    }
    if (points > 0) yield { groups: [...groups.values()], points, line };
  }

  #stateOf({ contextId, name, value }: LineRecord): SequenceState {
    const key = traceKey(contextId, name);
    let state = this.#states.get(key);
    if (state === undefined) {
      state = { contextId, name, dtype: guessType(name, value), trace: undefined, ...empty() };
      this.#states.set(key, state);
    }
    return state;
  }

  #accept(state: SequenceState, record: LineRecord): Point | undefined {
    if (state.lastStep === undefined || record.step > state.lastStep) state.lastStep = record.step;
    else state.extremes = undefined;
    state.extremes?.add(numberOf(record.value));
    if (typeof record.value === "number") {
      this.#points++;
      return record;
    }
    if (isLostObject(state.dtype, record.value)) {
      this.#lost++;
      return undefined;
    }
    this.#points++;
    const value = this.#stored(state, record);
    return value === record.value ? record : { ...record, value };
  }

  #stored(state: SequenceState, { value, line }: LineRecord): Value {
    try {
      return readArchivedValue(state.dtype, value);
    } catch (error) {
      if (!(error instanceof MatyanError)) throw error;
      throw new MatyanError("corrupt", `runs/${this.#hash}/sequences.jsonl:${line}: ${error.message}`, {
        cause: error,
      });
    }
  }

  /** About what the point's keys and values take in a transaction. */
  #bytesOf(state: SequenceState, point: Point): number {
    const columns = 1 + Number(point.time !== undefined) + Number(point.epoch !== undefined);
    const value = typeof point.value === "number" ? 9 : Math.min(valueBytes(point.value), stagedBytes);
    return columns * (60 + this.#hash.length + state.name.length * 3) + value;
  }
}

function empty(): Pick<SequenceState, "lastStep" | "extremes"> {
  return { lastStep: undefined, extremes: new Extremes() };
}

/** Stores the large values of a batch, which would not fit into its transaction. */
export async function stageLarge(store: Store, hash: string, { groups }: PointBatch): Promise<void> {
  for (const { state, points, floats } of groups) {
    if (floats === points.length) continue;
    const ref = { hash, contextId: state.contextId, name: state.name };
    for (const [index, point] of points.entries()) {
      const { value, step } = point;
      if (
        typeof value === "number" ||
        value === null ||
        value instanceof StagedValue ||
        valueBytes(value) <= stagedBytes
      )
        continue;
      points[index] = { ...point, value: await stagePoint(store, ref, step, value) };
    }
  }
}

export async function writeBatch(tx: Transaction, store: Store, hash: string, { groups }: PointBatch): Promise<void> {
  for (const group of groups) {
    const writer = new SequenceWriter(store, { hash, contextId: group.state.contextId, name: group.state.name });
    const columns = asFloats(group);
    if (columns === undefined) await writer.write(tx, group.points);
    else await writer.writeFloats(tx, columns);
  }
}

/** Typed columns when all points are floats that have the same fields; undefined otherwise. */
function asFloats({ points, floats, timed, counted }: Group): FloatPoints | undefined {
  const count = points.length;
  if (floats !== count || (timed !== 0 && timed !== count) || (counted !== 0 && counted !== count)) return undefined;
  const steps = new Float64Array(count);
  const values = new Float64Array(count);
  const times = timed === 0 ? undefined : new Float64Array(count);
  const epochs = counted === 0 ? undefined : new BigInt64Array(count);
  for (let i = 0; i < count; i++) {
    const point = points[i]!;
    const step = Number(point.step);
    if (!Number.isSafeInteger(step)) return undefined;
    steps[i] = step;
    values[i] = point.value as number;
    if (times !== undefined) times[i] = point.time!;
    if (epochs !== undefined) epochs[i] = point.epoch!;
  }
  return { steps, values, ...(times === undefined ? {} : { times }), ...(epochs === undefined ? {} : { epochs }) };
}
