// `start:stop` of steps and of positions in a list, as the API has them (storage.md 6.1).
import type { StepRange } from "../store/sequences.ts";

/** `start` inclusive, `stop` exclusive; open where undefined. */
export interface HalfOpen {
  readonly start?: bigint | undefined;
  readonly stop?: bigint | undefined;
}

const smallest = -(2n ** 63n);
const largest = 2n ** 63n - 1n;

/** The steps of a range, both ends included. Bounds beyond what a step can be are the same as the furthest step. */
export function stepsOf({ start, stop }: HalfOpen): StepRange {
  return {
    ...(start === undefined ? {} : { from: clamp(start) }),
    ...(stop === undefined ? {} : { to: clamp(stop - 1n) }),
  };
}

/** Whether no step can be in the range. */
export function isEmptyRange({ start, stop }: HalfOpen): boolean {
  return stop !== undefined && ((start !== undefined && start >= stop) || stop <= smallest);
}

/** The positions `start` to `stop` of a list, as Python's slices have them: negative ones count from the end. */
export function positionsOf({ start, stop }: HalfOpen, length: number): number[] {
  const bound = (side: bigint) => {
    const at = side < 0n ? side + BigInt(length) : side;
    return Number(at < 0n ? 0n : at > BigInt(length) ? BigInt(length) : at);
  };
  const from = start === undefined ? 0 : bound(start);
  const to = stop === undefined ? length : bound(stop);
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}

function clamp(step: bigint): bigint {
  return step < smallest ? smallest : step > largest ? largest : step;
}
