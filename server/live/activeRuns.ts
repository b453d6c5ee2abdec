// The runs that are under way, the newest first, as far as one look at them goes.
import { type NameCache, type RunSummary, readSummary } from "../listing/summary.ts";
import type { Store } from "../store/index.ts";
import { newestActive } from "../store/newestActive.ts";
import { type ActiveRuns, mostSequences } from "./source.ts";

/** Runs read in one snapshot: some engines let it last for seconds only. */
const readAtOnce = 8;

/** At most `limit` runs, and no more when they have `mostSequences`. */
export async function activeRuns(store: Store, limit: number): Promise<ActiveRuns> {
  const { hashes, more } = await store.database.snapshot((tx) => newestActive(tx, store, limit));
  const names: NameCache = new Map();
  const runs: RunSummary[] = [];
  let sequences = 0;
  for (let at = 0; at < hashes.length; at += readAtOnce) {
    const read = await store.database.snapshot((tx) =>
      Promise.all(hashes.slice(at, at + readAtOnce).map((hash) => readSummary(tx, store, hash, { names }))),
    );
    for (const run of read) {
      if (run?.status !== "active") continue;
      if (sequences >= mostSequences) return { runs, more: true };
      runs.push(run);
      sequences += run.sequences.length;
    }
  }
  return { runs, more };
}
