// Lines of JSON, one per request and for what else went wrong in one, for whoever collects logs.
import { messageOf } from "../../formats/error.ts";
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

export type RequestPlace = Pick<RequestLine, "method" | "path" | "requestId">;

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
    this.#line(level, {
      method: line.method,
      path: line.path,
      status: line.status,
      ms: Math.round(line.milliseconds * 100) / 100,
      request_id: line.requestId,
      ...(error === undefined ? {} : { error: textOf(error) }),
    });
  }

  /** A stream that failed behind its head, which said 200. `isOurs`: the fault is not the request's. */
  stream(at: RequestPlace, error: unknown, isOurs: boolean): void {
    const reason = isOurs ? textOf(error) : messageOf(error);
    this.#line(isOurs ? "error" : "warning", { event: "stream cut", ...placeOf(at), error: reason });
  }

  warn(at: RequestPlace, event: string, fields: Readonly<Record<string, string>>): void {
    this.#line("warning", { event, ...placeOf(at), ...fields });
  }

  #line(level: LogLevel, fields: Readonly<Record<string, string | number>>): void {
    if (this.#write === undefined || order[level] < this.#least) return;
    this.#write(JSON.stringify({ time: new Date(this.#now() * 1_000).toISOString(), level, ...fields }));
  }
}

function placeOf({ method, path, requestId }: RequestPlace) {
  return { method, path, request_id: requestId };
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
}
