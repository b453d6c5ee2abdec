// How many points of each run's metrics a browser was last given. A request to align says which runs and up to which step, but
// not at which of the steps it has values; sampling is deterministic, so this number tells.
import type { ApiRequest } from "./request.ts";

const keptRuns = 20_000;

export class DrawnPoints {
  readonly #points = new Map<string, number>();

  /** Only browsers say their time zone; programs do not align. */
  static isBrowser(request: ApiRequest): boolean {
    return request.headers.has("x-timezone-offset");
  }

  remember(hash: string, points: number): void {
    this.#points.delete(hash);
    this.#points.set(hash, points);
    if (this.#points.size > keptRuns) this.#points.delete(this.#points.keys().next().value!);
  }

  of(hash: string): number | undefined {
    return this.#points.get(hash);
  }
}
