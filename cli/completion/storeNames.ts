// Names in the store that a person may be typing: runs, experiments, tags, metrics, locks. Bounded reads, newest first.
import { listLocks } from "../../server/jobs/jobLock.ts";
import { shortHashes } from "../../server/listing/shortHash.ts";
import { metricsOf, readSummary } from "../../server/listing/summary.ts";
import { listEntities } from "../../server/store/entities.ts";
import type { Store } from "../../server/store/index.ts";
import { listRuns, resolveHash, runsByPrefix } from "../../server/store/runs.ts";
import { isoTime } from "../ui/numbers.ts";
import type { Candidate } from "./complete.ts";

/** At most so many candidates of a kind, and so many runs read for the names of their metrics. */
const most = 100;
const metricRuns = 20;

export async function runCandidates(store: Store, typed: string): Promise<Candidate[]> {
  const hashes = await (typed === "" ? newestRuns(store, most) : runsByPrefix(store, typed, most));
  const short = await shortHashes(store, hashes);
  return await store.database.snapshot(async (tx) => {
    const names = new Map<string, string | undefined>();
    const candidates: Candidate[] = [];
    for (const hash of hashes) {
      const run = await readSummary(tx, store, hash, { names });
      if (run === undefined) continue;
      const created = run.createdAt === undefined ? undefined : isoTime(run.createdAt);
      const about = [run.name, run.experiment, created].filter((text) => text !== undefined && text !== "").join(", ");
      const value = short.get(hash)!;
      candidates.push({ value: value.startsWith(typed) ? value : hash, about });
    }
    return candidates;
  });
}

export async function entityCandidates(store: Store, kind: "experiment" | "tag"): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for await (const { fields } of listEntities(store, kind)) {
    const name = fields.get("name");
    if (typeof name === "string") candidates.push({ value: name });
    if (candidates.length >= 10 * most) break;
  }
  return candidates;
}

/** Metrics of the runs that stand in the command, else of the newest ones. */
export async function metricCandidates(store: Store, typedRuns: readonly string[]): Promise<Candidate[]> {
  const hashes =
    typedRuns.length === 0
      ? await newestRuns(store, metricRuns)
      : await Promise.all(typedRuns.slice(0, metricRuns).map((typed) => resolveHash(store, typed)));
  const counts = new Map<string, number>();
  await store.database.snapshot(async (tx) => {
    for (const hash of hashes) {
      const run = await readSummary(tx, store, hash);
      for (const name of new Set(run === undefined ? [] : metricsOf(run).map((metric) => metric.name)))
        counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  });
  return [...counts].sort(([, a], [, b]) => b - a).map(([value]) => ({ value }));
}

export async function lockCandidates(store: Store): Promise<Candidate[]> {
  return (await listLocks(store, Date.now() / 1_000)).map(({ name }) => ({ value: name }));
}

async function newestRuns(store: Store, count: number): Promise<string[]> {
  const hashes: string[] = [];
  for await (const page of listRuns(store, { order: "-created" })) {
    hashes.push(...page);
    if (hashes.length >= count) break;
  }
  return hashes.slice(0, count);
}
