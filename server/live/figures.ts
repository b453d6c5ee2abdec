// What a system says of itself at one moment: the answer of GET /system/live, and what `matyan top` shows.

/** Since some beginning: only how they grow means something. */
export interface Totals {
  /** Values of metrics and objects. */
  readonly points?: number | undefined;
  /** All messages: points, log lines, parameters, ... */
  readonly messages?: number | undefined;
}

export interface SlowQuery {
  /** When it ended, seconds since the epoch. */
  readonly at: number;
  /** From the request to the end of its answer. */
  readonly seconds: number;
  /** `GET /api/v1/rest/runs/search/run/`. */
  readonly route: string;
  /** The query that was asked, or empty. */
  readonly text: string;
}

export interface ErrorNote {
  /** Seconds since the epoch. */
  readonly at: number;
  /** Where it happened: a route, `frontier`. */
  readonly where: string;
  readonly text: string;
}

/** A part that is undefined is not known; `missing` says why, by the part's name. */
export interface LiveFigures {
  /** By the clock of whoever measured, seconds since the epoch. */
  readonly at: number;
  /** What clients sent, as the frontier took it. */
  readonly received?: Totals | undefined;
  /** What is stored of it. */
  readonly applied?: Totals | undefined;
  /** What waits in the server's memory. */
  readonly queue?: { readonly messages: number; readonly bytes: number } | undefined;
  /** What waits on the topics for a worker. */
  readonly lag?: { readonly messages: number } | undefined;
  /** Dead letters that wait for a decision; `more`: at least so many. */
  readonly letters?: { readonly open: number; readonly more: boolean } | undefined;
  readonly store?: { readonly bytes: number } | undefined;
  /** `whole` is false while they are still being counted; `at` is when the count was made. */
  readonly blobs?:
    | { readonly files: number; readonly bytes: number; readonly whole: boolean; readonly at: number }
    | undefined;
  /** Runs that were not finished; `more`: at least so many. */
  readonly runs?: { readonly active: number; readonly more: boolean } | undefined;
  /** Open WebSockets of clients. */
  readonly connections?: { readonly open: number } | undefined;
  /** Of the server's process. */
  readonly memory?: { readonly bytes: number } | undefined;
  /** The slowest of the last `seconds`, the slowest first. */
  readonly slow?: { readonly seconds: number; readonly queries: readonly SlowQuery[] } | undefined;
  /** Of the last `seconds`: how many, and the newest, the newest first. */
  readonly errors?:
    | { readonly seconds: number; readonly count: number; readonly recent: readonly ErrorNote[] }
    | undefined;
  readonly missing: Readonly<Partial<Record<Figure, string>>>;
}

export const figureNames = [
  "received",
  "applied",
  "queue",
  "lag",
  "letters",
  "store",
  "blobs",
  "runs",
  "connections",
  "memory",
  "slow",
  "errors",
] as const;
export type Figure = (typeof figureNames)[number];
