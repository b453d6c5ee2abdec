// The `slice` of a metric in a search, which browsers give back when they ask for values of another metric at its steps. It says
// up to which step points were sent, and to browsers also how many were asked for, as a negative stride: sampling is
// deterministic, so any server can tell from these two at which steps the browser has values. Other strides have no meaning.
import type { ApiRequest } from "./request.ts";

export type Slice = readonly [start: bigint, last: bigint, points: bigint];

/** The web UI says its time zone, and what kind of body its GETs have not. Programs get the stride that they know. */
export function isBrowser({ headers }: ApiRequest): boolean {
  return headers.has("x-timezone-offset") && headers.has("content-type");
}

/** @param points undefined for programs. */
export function drawnSlice(last: number | undefined, points: number | undefined): Slice {
  return [0n, BigInt(last ?? 0), points === undefined ? 1n : BigInt(-Math.max(1, points))];
}

/** How many points were asked for, `most` at most; undefined when that was not told. */
export function drawnPoints([, , told]: Slice, most: number): number | undefined {
  return told >= 0n ? undefined : Math.min(Number(-told), most);
}
