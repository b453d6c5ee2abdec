// What one evaluation of a query depends on besides the row: budgets, the clock, the person's time zone, random numbers.
import type { Meter } from "./meter.ts";

export interface Runtime {
  readonly meter: Meter;
  /** Seconds since the epoch. */
  readonly now: () => number;
  /** Minutes as `Date.getTimezoneOffset()` gives them: what "local time" means for naive datetimes. */
  readonly timezoneOffset: number;
  /** Uniform in [0, 1); starts from the same seed for every row, so that a query's answer repeats. */
  readonly random: () => number;
  /** Starts `random` again. */
  readonly seed: (seed: number) => void;
}

/** A small generator (mulberry32, public domain): good enough for sampling rows. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
