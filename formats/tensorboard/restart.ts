// TensorBoard's restart rule, over all files of a run in the order they are read: which values a restart made obsolete.

/**
 * Purges in the order they happened, kept short: one with a later one at the same or a lower step is dominated and gone,
 * so steps rise with positions. A position is the number of an event within its run.
 */
export interface Purges {
  readonly positions: number[];
  readonly steps: (number | bigint)[];
}

const noPurges: Purges = { positions: [], steps: [] };

/**
 * Follows TensorBoard 2.21 (backend/event_processing/event_accumulator.py, `_MaybePurgeOrphanedData`), for every kind
 * of value as its data server does: under `file_version` 2 or more a `SessionLog.START` at step s drops all earlier
 * values with step >= s; without it an event whose step is below the highest so far drops, for the tags it holds, earlier
 * values with step >= its own. Version and highest step carry over from file to file.
 */
export class RestartRule {
  readonly all: Purges = { positions: [], steps: [] };
  readonly byTag = new Map<number, Purges>();
  #modern = false;
  /** Step of the last event that was not out of order. */
  #highestInOrder: number | bigint = -1;
  #highest: number | bigint = Number.NEGATIVE_INFINITY;
  /** Highest step that each tag can still hold: a purge above it drops nothing and is not kept. */
  readonly #highestOfTag: (number | bigint)[] = [];

  /** `text` is the event's `file_version`, e.g. `brain.Event:2`. */
  fileVersion(text: string): void {
    this.#modern = Number.parseFloat(text.replace(/^.*brain\.Event:/s, "")) >= 2;
  }

  start(position: number, step: number | bigint): void {
    if (!this.#modern || this.#highest < step) return;
    add(this.all, position, step);
    this.#highest = step;
  }

  /** An event with a summary begins. Returns whether its tags are to be told to `outOfOrder`. */
  summary(step: number | bigint): boolean {
    const outOfOrder = !this.#modern && step < this.#highestInOrder;
    if (!outOfOrder) this.#highestInOrder = step;
    if (step > this.#highest) this.#highest = step;
    return outOfOrder;
  }

  outOfOrder(tag: number, position: number, step: number | bigint): void {
    const highest = this.#highestOfTag[tag];
    if (highest === undefined || highest < step) return;
    let purges = this.byTag.get(tag);
    if (purges === undefined) {
      purges = { positions: [], steps: [] };
      this.byTag.set(tag, purges);
    }
    add(purges, position, step);
    this.#highestOfTag[tag] = step;
  }

  /** A value of `tag` at `step`. */
  value(tag: number, step: number | bigint): void {
    const highest = this.#highestOfTag[tag];
    if (highest === undefined || step > highest) this.#highestOfTag[tag] = step;
  }
}

function add(purges: Purges, position: number, step: number | bigint): void {
  const { positions, steps } = purges;
  while (steps.length > 0 && steps[steps.length - 1]! >= step) {
    steps.pop();
    positions.pop();
  }
  steps.push(step);
  positions.push(position);
}

/** The purges that can concern events [first, end): those among them, and the one that comes next (it is the strictest of the rest). */
export function purgesFor(purges: Purges, first: number, end: number): Purges {
  if (purges.positions.length === 0) return noPurges;
  const from = firstAfter(purges.positions, first);
  const to = firstAfter(purges.positions, end) + 1;
  return { positions: purges.positions.slice(from, to), steps: purges.steps.slice(from, to) };
}

/** Whether a purge that came after event `position` dropped its value at `step`. */
export function isPurged(purges: Purges, position: number, step: number | bigint): boolean {
  const next = firstAfter(purges.positions, position);
  return next < purges.positions.length && purges.steps[next]! <= step;
}

/** Index of the first position greater than `position`. */
function firstAfter(positions: readonly number[], position: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (positions[middle]! > position) high = middle;
    else low = middle + 1;
  }
  return low;
}
