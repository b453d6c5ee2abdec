// A run that is looked at again and again while it is logged: what its sequences are, and their points from a step on.
import type { ValueMap } from "../../formats/value.ts";
import { readContexts } from "../store/contexts.ts";
import type { Store } from "../store/index.ts";
import { readMeta } from "../store/runs.ts";
import { type Point, readSequence, type StepRange } from "../store/sequences.ts";
import { isMetric, readTraces, type Trace } from "../store/traces.ts";

export interface LiveSequence {
  /** A line of the run's terminal, a record of its log, or a number. */
  readonly kind: "line" | "record" | "metric";
  readonly name: string;
  readonly context: ValueMap;
  readonly contextId: number;
  /** The step that was stored last, which is not the highest when a resumed run counts anew; undefined where unknown. */
  readonly newest: bigint | undefined;
}

export interface RunLook {
  readonly name: string;
  readonly isActive: boolean;
  readonly sequences: readonly LiveSequence[];
}

export interface PointsRequest extends StepRange {
  readonly sequence: LiveSequence;
}

/** The end of a sequence. */
export interface LastPoints {
  readonly points: readonly Point[];
  /** The last point up to `newest`, also when none was asked for; undefined when there is none. */
  readonly end: Point | undefined;
}

/** The beginning of a range, none between its points left out. */
export interface PointsRead {
  readonly points: readonly Point[];
  /** Whether the range may go on behind them. */
  readonly hasMore: boolean;
}

/** Reads that cost what is asked for, not what is stored. Where a source knows no times or epochs, points have none. */
export interface LiveRun {
  readonly hash: string;
  /** Undefined when there is no such run, or none any more. */
  look(): Promise<RunLook | undefined>;
  /** Of each sequence its last `count` points up to `newest`, by step. */
  readLast(sequences: readonly LiveSequence[], count: number): Promise<readonly LastPoints[]>;
  /** For each request at most `limit` points; at least one when there is any. */
  read(requests: readonly PointsRequest[], limit: number): Promise<readonly PointsRead[]>;
}

/** A run in a store. */
export function liveRun(store: Store, hash: string): LiveRun {
  const refOf = ({ contextId, name }: LiveSequence) => ({ hash, contextId, name });
  return {
    hash,
    look: () =>
      store.database.snapshot(async (tx) => {
        const meta = await readMeta(tx, store, hash);
        if (meta === undefined || meta.get("pending_deletion") === true) return undefined;
        const [traces, contexts] = await Promise.all([readTraces(tx, store, hash), readContexts(tx, store, hash)]);
        const name = meta.get("name");
        return {
          name: typeof name === "string" ? name : "",
          isActive: meta.get("active") !== false,
          sequences: traces.flatMap((trace): LiveSequence[] => {
            const kind = kindOf(trace);
            const context = contexts.get(trace.contextId) ?? new Map();
            const { contextId, name, lastStep } = trace;
            return kind === undefined ? [] : [{ kind, name, context, contextId, newest: lastStep }];
          }),
        };
      }),
    readLast: (sequences, count) =>
      store.database.snapshot(async (tx) => {
        const ends: LastPoints[] = [];
        for (const sequence of sequences) {
          const ref = refOf(sequence);
          const points: Point[] = [];
          const options = { to: sequence.newest, limit: Math.max(1, count), reverse: true };
          for await (const batch of readSequence(tx, store, ref, options)) points.push(...batch);
          const end = points[0];
          ends.push({ points: points.reverse().slice(points.length - count), end });
        }
        return ends;
      }),
    read: (requests, limit) =>
      store.database.snapshot(async (tx) => {
        const all: PointsRead[] = [];
        for (const { sequence, from, to } of requests) {
          const points: Point[] = [];
          for await (const batch of readSequence(tx, store, refOf(sequence), { from, to, limit }))
            points.push(...batch);
          all.push({ points, hasMore: points.length >= limit });
        }
        return all;
      }),
  };
}

/** Undefined for objects, which are no text and no number. */
function kindOf(trace: Trace): LiveSequence["kind"] | undefined {
  if (trace.dtype === "logs") return "line";
  if (trace.dtype === "log_records") return "record";
  return isMetric(trace) && trace.dtype !== "custom" ? "metric" : undefined;
}
