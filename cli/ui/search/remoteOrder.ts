// The order of a list of a server's runs: by the server where it orders as this machine does, else here.
import { type RankedRun, Ranking, type SortKey } from "../../../server/listing/ranking.ts";
import type { RunSummary } from "../../../server/listing/summary.ts";
import type { ProgressDisplay } from "../progress.ts";

/** Runs that are held, with all that a list shows of them; a longer list takes a reading of all runs for each so many. */
const heldRuns = 5_000;

/**
 * The `sort` of the API for these keys; undefined where it can't be said: servers know no order by metrics, put runs without an
 * experiment first, and take the duration of a run under way for what it was until now.
 */
export function serverSort(sort: readonly SortKey[]): string | undefined {
  const fields = { created: "date", name: "run" } as const;
  const terms: { field: string; order: "asc" | "desc" }[] = [];
  for (const { by, descending } of sort) {
    if (by !== "created" && by !== "name") return undefined;
    terms.push({ field: fields[by], order: descending ? "desc" : "asc" });
  }
  if (terms.some(({ field }) => field === "run"))
    terms.push({ field: "date", order: "desc" }, { field: "hash", order: "desc" });
  return JSON.stringify(terms);
}

export interface OrderOptions {
  readonly sort: readonly SortKey[];
  /** At most so many runs; undefined for all. */
  readonly limit: number | undefined;
  /** Of the first reading; it is stopped before anything is given. */
  readonly progress: ProgressDisplay;
  readonly heldRuns?: number;
}

/**
 * Runs in order, block by block, in memory for `heldRuns` of them. @param read gives all of them anew each time
 * @throws MatyanError `not_found` for a metric that none of them has
 */
export async function* inOrder(
  read: () => AsyncIterable<RunSummary>,
  { sort, limit = Number.POSITIVE_INFINITY, progress, heldRuns: held = heldRuns }: OrderOptions,
): AsyncGenerator<RunSummary[], void> {
  let last: RankedRun<RunSummary> | undefined;
  let given = 0;
  progress.stage("reading runs", undefined, "runs");
  while (given < limit) {
    const size = Math.min(held, limit - given);
    const ranking = new Ranking<RunSummary>(sort, size, last);
    try {
      for await (const run of read()) {
        ranking.add(run, run);
        progress.advance(1);
      }
    } finally {
      await progress.stop();
    }
    const sorted = ranking.sorted();
    if (sorted.length > 0) yield sorted.map(({ kept }) => kept);
    if (sorted.length < size) return;
    given += sorted.length;
    last = sorted.at(-1);
  }
}
