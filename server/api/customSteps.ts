// The chosen steps of one sequence of objects, written into a stream piece by piece.
import type { StreamEncoder, StreamKey } from "../../formats/stream.ts";
import { type HalfOpen, isEmptyRange, type RunReader, type RunTrace, stepsOf } from "../search/index.ts";
import { pointsAt, pointsIn } from "../store/pointPages.ts";
import { sampleSteps } from "../store/sampling.ts";
import { bounds, type Point, type SequenceRef } from "../store/sequences.ts";
import type { BlobUris } from "./blobUri.ts";
import { type CustomScope, type ItemChoice, isListScope, itemOf, itemsOf } from "./customItems.ts";

export interface StepChoice {
  readonly range: HalfOpen;
  /** Steps to choose; all when not positive. */
  readonly density: number;
}

export interface Choice {
  readonly scope: CustomScope;
  readonly record: StepChoice;
  readonly index: ItemChoice;
}

/** What was written of a sequence. */
export interface WrittenSteps {
  readonly steps: readonly bigint[];
  readonly epochs: readonly (bigint | null)[];
  readonly times: readonly (number | null)[];
  /** The longest stored list. */
  readonly longest: number;
}

/** Above this a frame is handed on before its object is complete. */
export const partBytes = 1_000_000;

/**
 * Writes the list `values` below `path`: for each step a list of items, or one item for types without lists. Yields full
 * frames. `numbered` gives figures their position in the answer as `index`, else they have 0.
 */
export async function* writeValues(
  encoder: StreamEncoder,
  path: readonly StreamKey[],
  { tx, store }: RunReader,
  ref: SequenceRef,
  choice: Choice,
  uris: BlobUris,
  numbered: boolean,
): AsyncGenerator<Uint8Array, WrittenSteps> {
  const { scope } = choice;
  const isList = isListScope(scope);
  const written = { steps: [] as bigint[], epochs: [] as (bigint | null)[], times: [] as (number | null)[] };
  let longest = 0;
  encoder.entry(path, []);
  for await (const points of chosenPoints({ tx, store }, ref, choice.record))
    for (const point of points) {
      const position = written.steps.length;
      const uriOf = (index: number) => uris.uri({ ...ref, step: point.step, index });
      const at = [...path, BigInt(position)];
      if (isList) {
        const { items, stored } = itemsOf(scope, point.value, choice.index, uriOf);
        longest = Math.max(longest, stored);
        encoder.entry(at, items);
      } else encoder.entry(at, itemOf(scope, point.value, numbered ? position : 0, uriOf));
      written.steps.push(point.step);
      written.epochs.push(point.epoch ?? null);
      written.times.push(point.time ?? null);
      if (encoder.length > partBytes) yield encoder.finish();
    }
  return { ...written, longest };
}

/** In pages: none is large, whatever the density. The snapshot may change where the caller yields. */
async function* chosenPoints(
  { tx, store }: Pick<RunReader, "tx" | "store">,
  ref: SequenceRef,
  { range, density }: StepChoice,
): AsyncGenerator<readonly Point[], void> {
  if (isEmptyRange(range)) return;
  const steps = stepsOf(range);
  if (density > 0) yield* pointsAt(tx, store, ref, await sampleSteps(tx, store, ref, density, steps));
  else yield* pointsIn(tx, store, ref, steps);
}

/** `[first, last + 1]` over all steps of the sequences; undefined when there are none. */
export async function totalRange(
  { tx, store }: RunReader,
  hash: string,
  traces: readonly RunTrace[],
): Promise<readonly [bigint, bigint] | undefined> {
  const all = await Promise.all(traces.map(({ contextId, name }) => bounds(tx, store, { hash, contextId, name })));
  const known = all.filter((range) => range !== undefined);
  const [any] = known;
  if (any === undefined) return undefined;
  let { first, last } = any;
  for (const range of known) {
    if (range.first < first) first = range.first;
    if (range.last > last) last = range.last;
  }
  return [first, last + 1n];
}

/** The range that was asked for, with the ends of `total` where it was open. */
export function usedRange({ start, stop }: HalfOpen, total: readonly [bigint, bigint]): [bigint, bigint] {
  return [start ?? total[0], stop ?? total[1]];
}
