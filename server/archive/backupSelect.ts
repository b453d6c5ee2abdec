// Which runs a backup holds, and in which order.
import { toNumber } from "../../formats/value.ts";
import { findRun } from "../listing/findRun.ts";
import { checkNames } from "../listing/select.ts";
import type { Store } from "../store/index.ts";
import { listRuns, readMeta } from "../store/runs.ts";

export interface RunFilters {
  /** Hashes or unique beginnings of them. */
  readonly runs?: readonly string[] | undefined;
  /** An experiment's exact name. */
  readonly experiment?: string | undefined;
  /** Seconds since the epoch: runs created then or later. */
  readonly since?: number | undefined;
}

/**
 * The hashes of runs that pass all filters, in the order of creation (then of the hash), archived ones included.
 * @throws MatyanError `not_found` for an unknown run or experiment, `conflict` for an ambiguous beginning of a hash.
 */
export async function runsToBackUp(store: Store, filters: RunFilters): Promise<string[]> {
  if (filters.experiment !== undefined) await checkNames(store, { experiment: filters.experiment });
  const named = filters.runs === undefined ? undefined : await resolveAll(store, filters.runs);
  if (named !== undefined && filters.experiment === undefined && filters.since === undefined)
    return inCreationOrder(store, named);
  const selected: string[] = [];
  const { experiment, since } = filters;
  const filter = { ...(experiment === undefined ? {} : { experiment }), ...(since === undefined ? {} : { since }) };
  for await (const hashes of listRuns(store, { ...filter, order: "created" }))
    for (const hash of hashes) if (named === undefined || named.has(hash)) selected.push(hash);
  return selected;
}

async function resolveAll(store: Store, prefixes: readonly string[]): Promise<Set<string>> {
  const hashes = new Set<string>();
  for (const prefix of prefixes) hashes.add(await findRun(store, prefix));
  return hashes;
}

async function inCreationOrder(store: Store, hashes: Iterable<string>): Promise<string[]> {
  const dated: { hash: string; created: number }[] = [];
  for (const hash of hashes) {
    const meta = await store.database.snapshot((tx) => readMeta(tx, store, hash));
    dated.push({ hash, created: toNumber(meta?.get("created_at")) ?? 0 });
  }
  return dated.sort((a, b) => a.created - b.created || (a.hash < b.hash ? -1 : 1)).map(({ hash }) => hash);
}
