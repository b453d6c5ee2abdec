// How every engine deletes many blobs: a few at a time, counting what is gone and keeping the reasons of what is not.
import { messageOf } from "../../formats/error.ts";
import { eachOf } from "./concurrency.ts";
import { type BlobDeletion, type BlobFailure, maxBlobFailures } from "./index.ts";

/** Counts a deletion; the reasons it keeps are bounded. */
export class DeletionTally {
  #deleted = 0;
  #failed = 0;
  readonly #failures: BlobFailure[] = [];

  gone(count: number): void {
    this.#deleted += count;
  }

  failed(key: string, reason: unknown): void {
    this.#failed++;
    if (this.#failures.length < maxBlobFailures) this.#failures.push({ key, reason: messageOf(reason) });
  }

  result(): BlobDeletion {
    return { deleted: this.#deleted, failed: this.#failed, failures: this.#failures };
  }
}

/** Deletes keys one by one, `concurrency` at the same time; one that fails doesn't stop the others. */
export async function deleteEach(
  keys: Iterable<string> | AsyncIterable<string>,
  concurrency: number,
  remove: (key: string) => Promise<void>,
): Promise<BlobDeletion> {
  const tally = new DeletionTally();
  await eachOf(keys, concurrency, async (key) => {
    try {
      await remove(key);
      tally.gone(1);
    } catch (error) {
      tally.failed(key, error);
    }
  });
  return tally.result();
}

/** The items in groups of `size`, the last one perhaps smaller. */
export async function* groupsOf<T>(items: Iterable<T> | AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** The keys of a listing. */
export async function* keysOf(entries: AsyncIterable<{ readonly key: string }>): AsyncGenerator<string> {
  for await (const { key } of entries) yield key;
}
