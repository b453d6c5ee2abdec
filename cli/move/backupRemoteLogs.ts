// What a run printed and logged, from a live server: the answers hold the last 200 steps unless they are asked for by range.
import { isMap, mapOf, toNumber, type Value } from "../../formats/value.ts";
import type { PointLines } from "../../server/archive/backupLines.ts";
import type { Point } from "../../server/store/sequences.ts";
import { recordSequence, terminalSequence } from "../../server/workers/points.ts";
import { rangeText, type Stretch, stepPages } from "./backupRemotePages.ts";
import { nodeValue, type RemoteServer } from "./backupRemoteServer.ts";

/** Entries that are asked for at a time. */
const pageEntries = 5_000;

export interface LogTrace {
  readonly name: string;
  readonly dtype: string;
  readonly end: Point;
}

interface Source {
  /** Of the route. */
  readonly path: string;
  readonly name: string;
  readonly dtype: string;
  /** An entry as it is stored. */
  readonly stored: (sent: Value) => Value;
}

const sources: readonly Source[] = [
  { path: "logs", name: terminalSequence, dtype: "logs", stored: (line) => line },
  { path: "log-records", name: recordSequence, dtype: "log_records", stored: recordOf },
];

export interface LogSink {
  readonly lines: PointLines;
  advance(count: number): void;
  warn(message: string): void;
}

/** Writes all lines and records of the run. @returns the sequences that have some */
export async function writeLogs(server: RemoteServer, hash: string, sink: LogSink): Promise<LogTrace[]> {
  const traces: LogTrace[] = [];
  for (const source of sources) {
    const log = new Log(server, hash, source);
    let written = 0;
    let end: Point | undefined;
    sink.lines.sequence(0, source.name);
    for await (const points of log.pages()) {
      sink.lines.write(points);
      sink.advance(points.length);
      written += points.length;
      end = points.at(-1) ?? end;
    }
    if (log.count !== undefined && written < log.count)
      sink.warn(`run ${hash} has ${log.count} log records, but the server gave ${written} of them`);
    if (end !== undefined) traces.push({ name: source.name, dtype: source.dtype, end });
  }
  return traces;
}

class Log {
  /** How many entries the server says that there are; it says so of records only. */
  count: number | undefined;
  readonly #server: RemoteServer;
  readonly #path: string;
  readonly #stored: Source["stored"];

  constructor(server: RemoteServer, hash: string, { path, stored }: Source) {
    this.#server = server;
    this.#path = `runs/${encodeURIComponent(hash)}/${path}`;
    this.#stored = stored;
  }

  /** In the order of steps. */
  async *pages(): AsyncGenerator<Point[], void> {
    const tail = await this.#ask({ from: undefined, to: undefined });
    const [first] = tail;
    if (first === undefined) return;
    // The last steps are there already; before the first step of a log there is nothing.
    if (first.step > 0n) {
      const read = async (stretch: Stretch) => {
        const points = await this.#all({ ...stretch, to: stretch.to ?? first.step });
        return { points, load: points.length / pageEntries };
      };
      for await (const { points } of stepPages({ first: 0n, last: first.step - 1n }, BigInt(pageEntries), read))
        yield points;
    }
    yield tail;
    yield await this.#all({ from: tail.at(-1)!.step + 1n, to: undefined });
  }

  /**
   * A stretch whole. The existing server ends a stream in good order when it fails (W2), so what comes behind the last entry
   * is asked for until there is nothing.
   */
  async #all(stretch: Stretch): Promise<Point[]> {
    const points: Point[] = [];
    for (let { from } = stretch; ; ) {
      const more = await this.#ask({ from, to: stretch.to });
      for (const point of more) points.push(point);
      const last = more.at(-1)?.step;
      if (last === undefined || last + 1n === stretch.to) return points;
      from = last + 1n;
    }
  }

  async #ask(stretch: Stretch): Promise<Point[]> {
    const points: Point[] = [];
    const record_range = rangeText(stretch) || undefined;
    for (const [key, node] of await this.#server.objects(this.#path, { record_range }, false)) {
      if (typeof key === "bigint") points.push({ step: key, value: this.#stored(nodeValue(node)) });
      else if (key === "log_records_count") this.count = toNumber(nodeValue(node));
    }
    return points;
  }
}

const levels: Readonly<Record<string, bigint>> = { DEBUG: 10n, INFO: 20n, WARNING: 30n, ERROR: 40n, CRITICAL: 50n };

/** A record as it is stored: with its level as a number, and without what the API adds (rest-api.md 2.9). */
function recordOf(sent: Value): Value {
  if (!isMap(sent)) return mapOf({ message: sent });
  const record = new Map(sent);
  record.delete("is_notified");
  const level = record.get("log_level");
  if (typeof level === "string") record.set("log_level", levels[level] ?? level);
  return record;
}
