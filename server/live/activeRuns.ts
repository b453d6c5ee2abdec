// The runs that are under way, the newest first, without walking through all runs.
import type { ReadTransaction } from "../kv/index.ts";
import { type NameCache, type RunSummary, readSummary } from "../listing/summary.ts";
import type { Store } from "../store/index.ts";
import { forwardKey } from "../store/indexes.ts";
import { pageOfCreated, pageOfTerm } from "../store/indexPages.ts";
import type { ActiveRuns } from "./source.ts";

const activeTerm = ["active", true] as const;
/** Runs, finished ones too, that are gone through for the newest active ones. */
const walked = 2_000;
/** Runs read in one snapshot: some engines let it last for seconds only. */
const readAtOnce = 25;

/**
 * At most `limit` runs. Where more are active, the newest of the last 2,000 runs come first, and others fill the list up: a run
 * that has been under way for longer than 2,000 others may be missing then.
 */
export async function activeRuns(store: Store, limit: number): Promise<ActiveRuns> {
  const { hashes, more } = await store.database.snapshot((tx) => activeHashes(tx, store, limit));
  const runs: RunSummary[] = [];
  const names: NameCache = new Map();
  for (let at = 0; at < hashes.length; at += readAtOnce) {
    const read = await store.database.snapshot((tx) =>
      Promise.all(hashes.slice(at, at + readAtOnce).map((hash) => readSummary(tx, store, hash, { names }))),
    );
    for (const run of read) if (run?.status === "active") runs.push(run);
  }
  runs.sort((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0) || (a.hash < b.hash ? -1 : 1));
  return { runs, more };
}

async function activeHashes(
  tx: ReadTransaction,
  store: Store,
  limit: number,
): Promise<{ readonly hashes: readonly string[]; readonly more: boolean }> {
  const { hashes } = await pageOfTerm(tx, store, activeTerm, undefined, limit + 1);
  if (hashes.length <= limit) return { hashes, more: false };
  const { entries } = await pageOfCreated(tx, store, { reverse: true }, undefined, walked);
  const active = await tx.getMany(entries.map(({ hash }) => forwardKey(store, hash, activeTerm)));
  const newest = entries.filter((_, i) => active[i] !== undefined).map(({ hash }) => hash);
  return { hashes: [...new Set([...newest, ...hashes])].slice(0, limit), more: true };
}
