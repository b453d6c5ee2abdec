// Several requests to an object store at the same time, never more than so many.

/** Questions for the size of one blob that are under way at the same time. */
export const concurrentHeads = 16;

/** Runs `work` on each item, `concurrency` at the same time; resolves or throws when all that were started have ended. */
export async function eachOf<T>(
  items: Iterable<T> | AsyncIterable<T>,
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const pending = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const item of items) {
      const started: Promise<void> = work(item)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => pending.delete(started));
      pending.add(started);
      if (pending.size >= concurrency) await Promise.race(pending);
      if (failure !== undefined) break;
    }
  } finally {
    await Promise.all(pending);
  }
  if (failure !== undefined) throw failure.error;
}

/** What `work` makes of each item, in their order; `concurrency` at the same time. */
export async function mapEach<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  await eachOf(items.entries(), concurrency, async ([place, item]) => {
    results[place] = await work(item);
  });
  return results;
}
