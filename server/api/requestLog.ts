// One line of JSON per request, for whoever collects logs.
import type { LogLevel } from "../config.ts";

const order: Readonly<Record<LogLevel, number>> = { debug: 10, info: 20, warning: 30, error: 40, critical: 50 };

export interface RequestLine {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** To the head of the answer. */
  readonly milliseconds: number;
  readonly requestId: string;
}

export class RequestLog {
  readonly #write: ((line: string) => void) | undefined;
  readonly #least: number;
  readonly #now: () => number;

  /** `now` in seconds since the epoch. Without `write` nothing is logged. */
  constructor(write: ((line: string) => void) | undefined, level: LogLevel, now: () => number) {
    this.#write = write;
    this.#least = order[level];
    this.#now = now;
  }

  /** Requests are `info`, those of probes `debug`; with `error` the request failed by our fault. */
  request(line: RequestLine, error?: unknown): void {
    if (this.#write === undefined) return;
    const isProbe = line.path.startsWith("/health/") || line.path.startsWith("/metrics");
    const level: LogLevel = error !== undefined || line.status >= 500 ? "error" : isProbe ? "debug" : "info";
    if (order[level] < this.#least) return;
    this.#write(
      JSON.stringify({
        time: new Date(this.#now() * 1_000).toISOString(),
        level,
        method: line.method,
        path: line.path,
        status: line.status,
        ms: Math.round(line.milliseconds * 100) / 100,
        request_id: line.requestId,
        ...(error === undefined ? {} : { error: textOf(error) }),
      }),
    );
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
}
