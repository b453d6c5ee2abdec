// Follows a run: its last points, then those that come, none twice and none left out, whatever fails in between.
import type { Value } from "../../formats/value.ts";
import type { Point } from "../store/sequences.ts";
import type { LiveRun, LiveSequence, PointsRequest } from "./liveRun.ts";

export interface NewPoints {
  readonly sequence: LiveSequence;
  /** By step; at least one. */
  readonly points: readonly Point[];
}

export interface News {
  /** The run's name. */
  readonly name: string;
  readonly sequences: readonly NewPoints[];
  /** Whether the run is under way. When it is not and there is no more, this was the end. */
  readonly isActive: boolean;
  /** Whether there is more to read at once. */
  readonly hasMore: boolean;
}

/** How far a sequence was read. */
interface Place {
  /** All up to here is known. */
  readonly highest: bigint;
  /** The step that was stored last then. */
  readonly newest: bigint;
  /** Of lines: the last one that was read. */
  readonly line?: Value | undefined;
}

/** Points read at a time: over all sequences, and of one of them at least. */
const heldPoints = 20_000;
const leastPoints = 20;
/** So many steps of a run that was resumed are caught up with from its new beginning. */
const caughtUp = 100n;

export class RunFollower {
  readonly #run: LiveRun;
  readonly #isWanted: (sequence: LiveSequence) => boolean;
  #places: ReadonlyMap<string, Place> | undefined;

  constructor(run: LiveRun, isWanted: (sequence: LiveSequence) => boolean) {
    this.#run = run;
    this.#isWanted = isWanted;
  }

  /**
   * At first the last `count` points of each sequence, then what has come since, and the last line again when it has changed.
   * When it fails it has moved nowhere: the next call gives what this one would have. Undefined when the run is gone.
   */
  async next(count: number): Promise<News | undefined> {
    const look = await this.#run.look();
    if (look === undefined) return undefined;
    const { name, isActive } = look;
    const wanted = look.sequences.filter(this.#isWanted);
    const { sequences, hasMore } = await (this.#places === undefined ? this.#begin(wanted, count) : this.#goOn(wanted));
    return { name, isActive, hasMore, sequences: sequences.filter(({ points }) => points.length > 0) };
  }

  async #begin(wanted: readonly LiveSequence[], count: number): Promise<Pick<News, "sequences" | "hasMore">> {
    const ends = await this.#run.readLast(wanted, count);
    const places = new Map<string, Place>();
    wanted.forEach((sequence, i) => {
      const { end } = ends[i]!;
      const highest = sequence.newest ?? end?.step;
      if (highest !== undefined) places.set(keyOf(sequence), { highest, newest: highest, line: end?.value });
    });
    this.#places = places;
    return { sequences: wanted.map((sequence, i) => ({ sequence, points: ends[i]!.points })), hasMore: false };
  }

  async #goOn(wanted: readonly LiveSequence[]): Promise<Pick<News, "sequences" | "hasMore">> {
    const places = new Map(this.#places);
    const requests = wanted.flatMap((sequence) => requestOf(sequence, places.get(keyOf(sequence))));
    const limit = Math.max(leastPoints, Math.floor(heldPoints / Math.max(1, requests.length)));
    const read = requests.length === 0 ? [] : await this.#run.read(requests, limit);
    let hasMore = false;
    requests.forEach(({ sequence, from, to }, i) => {
      const { points, hasMore: goesOn } = read[i]!;
      hasMore ||= goesOn;
      const reached = (goesOn ? undefined : to) ?? points.at(-1)?.step;
      if (reached === undefined) return;
      const before = places.get(keyOf(sequence));
      const isBehind = before !== undefined && from === to && reached < before.highest && !isRestart(reached, before);
      const highest = isBehind ? before.highest : reached;
      places.set(keyOf(sequence), { highest, newest: reached, line: points.at(-1)?.value ?? before?.line });
    });
    const known = this.#places;
    this.#places = places;
    const sequences = requests.map(({ sequence }, i) => {
      const { points } = read[i]!;
      const place = known?.get(keyOf(sequence));
      const isKnown =
        sequence.kind === "line" && points[0]?.step === place?.highest && points[0]?.value === place?.line;
      return { sequence, points: isKnown ? points.slice(1) : points };
    });
    return { sequences, hasMore };
  }
}

function keyOf({ contextId, name, kind }: LiveSequence): string {
  return `${kind} ${contextId} ${name}`;
}

/**
 * Of lines, the newest is read again: the Python client stores what has no end yet, and the rest of it later at the same step.
 * Never beyond the newest step: what a resumed run has not stored again yet is of its earlier life.
 */
function requestOf(sequence: LiveSequence, place: Place | undefined): PointsRequest[] {
  const { newest } = sequence;
  if (place === undefined) return [{ sequence, to: newest }];
  if (sequence.kind === "line") return [{ sequence, from: place.highest, to: newest }];
  if (newest === undefined || newest > place.highest) return [{ sequence, from: place.highest + 1n, to: newest }];
  if (newest === place.newest) return [];
  const from = isRestart(newest, place) && newest < caughtUp ? 0n : newest;
  return [{ sequence, from, to: newest }];
}

/** Clients that resume a run count from 0 again (pipeline.md 5.5). A step that is only a little behind came out of order. */
function isRestart(newest: bigint, { highest }: Place): boolean {
  return newest * 2n < highest;
}
