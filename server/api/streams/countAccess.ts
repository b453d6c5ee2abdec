// Counts how searches got at their runs, under the names of the existing services (rest-api.md 5).
import type { Access } from "../../query/index.ts";
import type { ApiMetrics } from "../metrics.ts";

/** Every candidate is evaluated here, so an index always gives a superset. */
export function countAccess(
  metrics: ApiMetrics,
  endpoint: "run_search" | "metric_search" | "iter_matching_sequences",
): (access: Access) => void {
  return ({ kind }) =>
    metrics.planner(kind === "walk" ? "lazy" : "fast", endpoint, kind === "walk" ? "no_candidates" : "superset");
}
