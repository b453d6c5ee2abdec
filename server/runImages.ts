// The images that a run has tracked, in the store of this machine.
import { isMap, toNumber, type Value, type ValueMap } from "../formats/value.ts";
import { type MetricRef, metricMatches } from "./listing/metricName.ts";
import type { Stack } from "./stack.ts";
import { blobKeyOf } from "./store/artifactEntries.ts";
import { readContexts } from "./store/contexts.ts";
import type { Store } from "./store/index.ts";
import { type Point, type ReadSequenceOptions, readSequence, type SequenceRef } from "./store/sequences.ts";
import { readTraces } from "./store/traces.ts";

export interface RunImage {
  readonly name: string;
  readonly context: ValueMap;
  readonly step: bigint;
  /** Its place in the list of the step; 0 where there is no list. */
  readonly index: number;
  /** Lower case, as in a file's name. */
  readonly format: string;
  /** Pixels; undefined where it is not known. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly caption: string;
  /** The file; undefined when it is not stored. */
  read(): Promise<AsyncIterable<Uint8Array> | undefined>;
}

export interface ImageSelection {
  /** Names of sequences; none for all. */
  readonly names: readonly MetricRef[];
  /** One step, the last one of each sequence, or all. */
  readonly steps: bigint | "last" | "all";
}

const pageSize = 200;

/** By context and name, then by step. A page of steps is in memory. */
export async function* listImages(
  { store, blobs }: Stack,
  hash: string,
  { names, steps }: ImageSelection,
): AsyncGenerator<RunImage, void> {
  const [traces, contexts] = await store.database.snapshot((tx) =>
    Promise.all([readTraces(tx, store, hash), readContexts(tx, store, hash)]),
  );
  for (const { name, contextId, dtype } of traces) {
    const context = contexts.get(contextId) ?? new Map();
    if (dtype !== "image") continue;
    if (names.length > 0 && !names.some((ref) => metricMatches(ref, { name, context, contextId }))) continue;
    for await (const points of pages(store, { hash, contextId, name }, steps))
      for (const { step, value } of points)
        for (const [index, item] of (Array.isArray(value) ? value : [value]).entries())
          yield {
            ...{ name, context, step, index },
            ...imageFields(isMap(item) ? item : new Map()),
            read: async () => {
              const key = isMap(item) ? item.get("s3_key") : undefined;
              const own = typeof key === "string" ? blobKeyOf(hash, { key }) : undefined;
              return own === undefined ? undefined : blobs.get(own);
            },
          };
  }
}

/** What is told of an image beside where it lies: in the store and by the API (storage.md 2.8, rest-api.md 2.8). */
export function imageFields(
  item: ReadonlyMap<string, Value>,
): Pick<RunImage, "format" | "width" | "height" | "caption"> {
  const text = (name: string) => {
    const value = item.get(name);
    return typeof value === "string" ? value : "";
  };
  const size = (name: string) => toNumber(item.get(name)) || undefined;
  return {
    format: text("format").toLowerCase() || "png",
    width: size("width"),
    height: size("height"),
    caption: text("caption"),
  };
}

async function* pages(
  store: Store,
  ref: SequenceRef,
  steps: ImageSelection["steps"],
): AsyncGenerator<readonly Point[], void> {
  const read = (options: ReadSequenceOptions) =>
    store.database.snapshot(async (tx) => {
      const points: Point[] = [];
      for await (const batch of readSequence(tx, store, ref, { ...options, columns: [] })) points.push(...batch);
      return points;
    });
  if (steps === "last") return yield await read({ reverse: true, limit: 1 });
  if (steps !== "all") return yield await read({ from: steps, to: steps });
  for (let from: bigint | undefined; ; ) {
    const page = await read({ from, limit: pageSize });
    yield page;
    if (page.length < pageSize) return;
    from = page[page.length - 1]!.step + 1n;
  }
}
