// Where `matyan top` looks: a store on this machine or a server, seen the same way.
import type { LiveRun } from "../listing/liveRun.ts";
import type { MetricSummary, RunSummary } from "../listing/summary.ts";
import type { LiveFigures } from "./figures.ts";

export interface ActiveRuns {
  /** The newest first; `metrics` and all else but parameters. */
  readonly runs: readonly RunSummary[];
  /** Whether there are more than were asked for. */
  readonly more: boolean;
}

export interface Spark {
  /** Spread over all steps, the last point the last of them; NaN for what is no number. */
  readonly values: readonly number[];
  /** When the last point was made, seconds since the epoch, where that is known. */
  readonly lastTime: number | undefined;
}

/** Sequences of all runs of one look together; the run with which they are reached is the last one of the list. */
export const mostSequences = 50_000;

/** Everything is read at a cost that has a bound, whatever the number of runs and points. */
export interface LiveSource {
  /** A folder or an address, as people call it. */
  readonly place: string;
  /** Whether sparks have a `lastTime`. */
  readonly tellsTimes: boolean;
  figures(): Promise<LiveFigures>;
  /** Runs that are not finished nor archived, at most `limit`; fewer where they have very many sequences. */
  activeRuns(limit: number): Promise<ActiveRuns>;
  /** A run with its parameters; undefined when there is none. */
  run(hash: string): Promise<RunSummary | undefined>;
  sparks(hash: string, metrics: readonly MetricSummary[], count: number): Promise<readonly Spark[]>;
  /** The run's logs. */
  live(hash: string): LiveRun;
  close(): Promise<void>;
}
