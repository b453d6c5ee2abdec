// Which active runs are listed, and in which order.
import type { RunSummary } from "../../../server/listing/summary.ts";
import type { Tracks } from "./track.ts";

export const sortNames = ["created", "heard", "name", "experiment", "step", "speed"] as const;
export type SortName = (typeof sortNames)[number];

export interface Listing {
  readonly sort: SortName;
  readonly reversed: boolean;
  /** Text that name, experiment, a tag or the hash has; case does not count. */
  readonly filter: string;
}

/** When a run was last heard of, as far as is known: seen to change, or else the time of its last point. */
export type Heard = (hash: string) => number | undefined;

/** Newest, latest, highest and fastest first, names from A. Runs without the value come last, equal ones newest first. */
export function listedRuns(
  runs: readonly RunSummary[],
  tracks: Tracks,
  heard: Heard,
  { sort, reversed, filter }: Listing,
): RunSummary[] {
  const wanted = filter.toLowerCase();
  const sortValue = (run: RunSummary): string | number | bigint | undefined => {
    switch (sort) {
      case "created":
        return run.createdAt;
      case "heard":
        return heard(run.hash);
      case "name":
        return run.name.toLowerCase();
      case "experiment":
        return run.experiment?.toLowerCase();
      case "step":
        return tracks.get(run.hash)?.step;
      case "speed":
        return tracks.get(run.hash)?.speed;
    }
  };
  const isText = sort === "name" || sort === "experiment";
  const direction = isText === reversed ? -1 : 1;
  return runs
    .filter((run) => wanted === "" || textsOf(run).some((text) => text.toLowerCase().includes(wanted)))
    .map((run) => ({ run, value: sortValue(run) }))
    .sort((a, b) => {
      if (a.value === b.value) return (b.run.createdAt ?? 0) - (a.run.createdAt ?? 0);
      if (a.value === undefined) return 1;
      if (b.value === undefined) return -1;
      return a.value < b.value ? -direction : direction;
    })
    .map(({ run }) => run);
}

function textsOf({ name, experiment, hash, tags }: RunSummary): string[] {
  return [name, hash, ...(experiment === undefined ? [] : [experiment]), ...tags];
}
