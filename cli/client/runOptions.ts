// What a run that is being logged takes and gives: options of the run, of a tracked point, and the account at its end.
import type { HttpOptions } from "./http.ts";
import type { Delivery, SenderOptions } from "./senderOptions.ts";

export interface RunOptions {
  /** Address of the server: of its API, and of its frontier unless `frontier` is given. Else MATYAN_BACKEND_URL. */
  readonly repo?: string;
  /** Address of the frontier; else `repo`, else MATYAN_FRONTIER_URL. */
  readonly frontier?: string;
  /** By default a new one of 32 hexadecimal digits. */
  readonly hash?: string;
  /** Name of an experiment, created if need be. */
  readonly experiment?: string;
  /** Go on with the run of this hash: steps continue behind those that are stored. */
  readonly forceResume?: boolean;
  /** Only read. */
  readonly readOnly?: boolean;
  /** Log what the program writes to its terminal, line by line; off by default. */
  readonly captureTerminal?: boolean;
  /** Note the program, its environment and its git commit in `__system_params`; off by default. */
  readonly logSystemParams?: boolean;
  /** Told of what was refused or is in the way; by default it is written to stderr. */
  readonly onProblem?: (problem: string) => void;
  /** How long `open` waits for the server, 15 s, and `close` for what is under way, 60 s. */
  readonly openMs?: number;
  readonly closeMs?: number;
  /** Uploads at the same time; 4. */
  readonly uploads?: number;
  readonly sender?: Partial<Omit<SenderOptions, "frontier" | "runId" | "onRefused" | "onTrouble">>;
  readonly http?: HttpOptions;
  /** Seconds since the epoch. */
  readonly now?: () => number;
}

export interface TrackOptions {
  readonly name?: string;
  /** By default one more than the last one of the sequence. */
  readonly step?: number | bigint;
  readonly epoch?: number | bigint;
  readonly context?: Readonly<Record<string, unknown>>;
}

export interface Closed extends Delivery {
  /** Uploads that failed, as errors that name the file. */
  readonly failedUploads: readonly Error[];
}
