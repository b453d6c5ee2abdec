// Which of some blobs a run refers to.
import { isMap, type Value } from "../../formats/value.ts";
import { readAttrs } from "../store/attrs.ts";
import type { Store } from "../store/index.ts";
import { pointsIn } from "../store/pointPages.ts";
import { runSnapshot } from "../store/runs.ts";
import { readTraces } from "../store/traces.ts";

/** Sequences of numbers and text, which name no blobs. */
const withoutBlobs: ReadonlySet<string> = new Set(["float", "int", "logs", "log_records", "text", "distribution"]);

/**
 * Removes from `keys` those that the run names anywhere in its attributes or in the values of its images, sounds and other
 * objects. To what is left, nothing of the run refers. Stops reading once nothing is left.
 */
export async function dropReferenced(
  store: Store,
  hash: string,
  keys: Set<string>,
  signal?: AbortSignal,
): Promise<void> {
  await runSnapshot(
    store,
    hash,
    async (tx) => {
      dropNamed(await readAttrs(tx, store, hash), keys);
      for (const { contextId, name, dtype } of await readTraces(tx, store, hash)) {
        if (keys.size === 0) return;
        if (withoutBlobs.has(dtype ?? "")) continue;
        for await (const points of pointsIn(tx, store, { hash, contextId, name }, {})) {
          signal?.throwIfAborted();
          for (const { value } of points) dropNamed(value, keys);
          if (keys.size === 0) return;
        }
      }
    },
    // A run that is logged to meanwhile is read on: what it gains are references to new files, which are too young to go.
    () => undefined,
  );
}

/** Any text that is a key counts, wherever it stands: a file too many is harmless, one too few is not. */
function dropNamed(value: Value | undefined, keys: Set<string>): void {
  if (typeof value === "string") keys.delete(value);
  else if (Array.isArray(value)) for (const item of value) dropNamed(item, keys);
  else if (isMap(value)) for (const item of value.values()) dropNamed(item, keys);
}
