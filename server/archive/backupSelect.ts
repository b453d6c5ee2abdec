// Which runs a backup holds, and in which order.
import { MatyanError } from "../../formats/error.ts";
import { toNumber } from "../../formats/value.ts";
import { nearestNames } from "../listing/nearest.ts";
import { findExperimentByName, listEntities } from "../store/entities.ts";
import type { Store } from "../store/index.ts";
import { listRuns, readMeta, resolveHash } from "../store/runs.ts";

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
export async function selectRuns(store: Store, filters: RunFilters): Promise<string[]> {
  if (filters.experiment !== undefined) await checkExperiment(store, filters.experiment);
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
  for (const prefix of prefixes) hashes.add(await resolveHash(store, prefix));
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

async function checkExperiment(store: Store, name: string): Promise<void> {
  await store.database.snapshot(async (tx) => {
    if ((await findExperimentByName(tx, store, name)) !== undefined) return;
    const names: string[] = [];
    for await (const { fields } of listEntities(tx, store, "experiment")) names.push(String(fields.get("name")));
    const near = nearestNames(name, names);
    throw new MatyanError("not_found", `there is no experiment '${name}'`, {
      hint:
        near.length > 0
          ? `Did you mean '${near.join("', '")}'?`
          : "`matyan runs ls` shows runs with their experiments.",
    });
  });
}
