// What the API counts, under the names of the existing services (rest-api.md 5). Labels are bounded: a path is counted by
// its route, and all paths without a route are one.
import { type Counter, type Histogram, Registry } from "./prometheus.ts";

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The path template of requests that no route answers. */
export const unmatchedPath = "(unmatched)";

export class ApiMetrics {
  /** Where other parts of the process add theirs. */
  readonly registry: Registry;
  readonly #requests: Counter;
  readonly #durations: Histogram;
  readonly #planner: Counter;
  readonly #isCounting: boolean;

  /** With `isCounting` false requests are not counted; what is there can still be read (METRICS_ENABLED). */
  constructor(options: { readonly isCounting?: boolean; readonly registry?: Registry } = {}) {
    const registry = options.registry ?? new Registry();
    this.registry = registry;
    this.#isCounting = options.isCounting ?? true;
    const labels = ["method", "path_template", "status_class"];
    this.#requests = registry.counter("matyan_http_requests_total", "HTTP requests.", labels);
    this.#durations = registry.histogram(
      "matyan_http_request_duration_seconds",
      "From a request to the head of its answer.",
      buckets,
      labels,
    );
    this.#planner = registry.counter("matyan_planner_path_total", "How queries were answered.", [
      "path",
      "endpoint",
      "reason",
    ]);
    registry.gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
    registry.readCounter("process_cpu_seconds_total", "CPU time, user and system.", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
    registry.gauge("process_start_time_seconds", "Start of the process.", () => performance.timeOrigin / 1_000);
  }

  request(method: string, pathTemplate: string, status: number, seconds: number): void {
    if (!this.#isCounting) return;
    const labels = [knownMethods.has(method) ? method : "OTHER", pathTemplate, `${Math.floor(status / 100)}xx`];
    this.#requests.add(labels);
    this.#durations.observe(labels, seconds);
  }

  /**
   * How a query found its runs: `fast` from the indexes, `lazy` by reading runs. `endpoint` is `run_search`,
   * `metric_search` or `iter_matching_sequences`; `reason` `exact`, `superset`, `no_candidates`, `unindexed_sequence` or "".
   */
  planner(path: "fast" | "lazy", endpoint: string, reason: string): void {
    if (this.#isCounting) this.#planner.add([path, endpoint, reason]);
  }
}

const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
