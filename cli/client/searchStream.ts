// Tree streams of the API as objects by key. A stream that was cut off is an error, wherever it was cut (rest-api.md 2, W2).
import { decodeStream, foldObjects, type StreamKey, type StreamNode } from "../../formats/stream.ts";
import { toNumber, type Value } from "../../formats/value.ts";
import { BrokenAnswer } from "./http.ts";

export interface SearchProgress {
  /** Runs looked at, and how many there are; 0 while nobody knows. */
  readonly checked: number;
  readonly total: number;
}

export interface StreamOptions {
  /** Whether the stream ends with a progress report of zeros, as searches do: then one without it was cut off. */
  readonly isSearch: boolean;
  readonly onProgress?: ((progress: SearchProgress) => void) | undefined;
}

/** @throws BrokenAnswer when the stream ends too early, MatyanError `corrupt` when it is damaged. */
export async function* readObjects(
  pieces: AsyncIterable<Uint8Array>,
  { isSearch, onProgress }: StreamOptions,
): AsyncGenerator<readonly [StreamKey, StreamNode], void> {
  let isWhole = !isSearch;
  for await (const entry of foldObjects(decodeStream(pieces))) {
    const progress = isSearch ? progressOf(entry) : undefined;
    if (progress === undefined) {
      isWhole = !isSearch;
      yield entry;
      continue;
    }
    isWhole = progress.checked === 0 && progress.total === 0;
    if (!isWhole) onProgress?.(progress);
  }
  if (!isWhole) throw new BrokenAnswer("io", "the stream ended without its last report");
}

function progressOf([key, node]: readonly [StreamKey, StreamNode]): SearchProgress | undefined {
  if (typeof key !== "string" || !/^progress_\d+$/.test(key) || !Array.isArray(node)) return undefined;
  const [checked, total] = node.map((item) => toNumber(item as Value));
  return checked === undefined || total === undefined ? undefined : { checked, total };
}
