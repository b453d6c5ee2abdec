// Pass 1: reads a run's files once, and cuts what is sound in them into units of work for pass 2.
import { MatyanError, messageOf } from "../../../formats/error.ts";
import type { RunPlan } from "../../../formats/tensorboard/plan.ts";
import { type Loss, RecordScanner } from "../../../formats/tensorboard/records.ts";
import type { RestartRule } from "../../../formats/tensorboard/restart.ts";
import { RunIndex } from "../../../formats/tensorboard/runIndex.ts";
import { type Arena, frameBytes } from "../../../formats/tensorboard/source.ts";
import type { ValueMap } from "../../../formats/value.ts";
import type { EventFile, LoggedRun } from "./discover.ts";
import { openFile } from "./openFile.ts";

/** Sound records of one file, to be read and written in one go. */
export interface Unit {
  readonly path: string;
  /** What to read of the file. */
  readonly offset: number;
  readonly length: number;
  /** Pairs start, end of stretches of records, relative to `offset`. */
  readonly spans: readonly number[];
  /** Positions in the run of its first event and of the event after its last. */
  readonly first: number;
  readonly end: number;
}

export interface FileReport {
  /** Relative to the log folder. */
  readonly path: string;
  readonly bytes: number;
  /** Sound events, of any kind. */
  readonly records: number;
  /** The first losses; the totals cover all. */
  readonly skipped: readonly Loss[];
  readonly losses: number;
  readonly lostBytes: number;
}

export interface IndexedRun {
  readonly plan: RunPlan;
  readonly units: readonly Unit[];
  readonly restarts: RestartRule;
  readonly attributes: ValueMap;
  readonly files: readonly FileReport[];
  readonly unconverted: Map<string, number>;
}

export interface IndexOptions {
  readonly arena: Arena;
  readonly experiment: string | undefined;
  /** About how many bytes of events make a unit. */
  readonly unitBytes: number;
  readonly signal: AbortSignal;
  readonly advance: (bytes: number) => void;
}

/** Gaps of damage longer than this are not read again. */
const maxGap = 64 * 1024;

/**
 * The run's hash is 32 hex digits of SHA-256 over its relative path, the experiment's name, the name of its first event
 * file and that file's first two sound records: it stays when logs grow or the tree is moved or named otherwise, and
 * other logs under the same name have another one.
 */
export async function indexRun(run: LoggedRun, options: IndexOptions): Promise<IndexedRun> {
  const identity = [
    run.relative,
    options.experiment ?? "",
    run.files[0]!.name.slice(run.files[0]!.name.lastIndexOf("/") + 1),
  ];
  const index = new RunIndex(options.arena, identity);
  const units: Unit[] = [];
  const files: FileReport[] = [];
  for (const file of run.files) files.push(await indexFile(file, index, units, options));
  return {
    plan: index.plan(),
    units,
    restarts: index.restarts,
    attributes: index.attributes(),
    files,
    unconverted: index.unconverted,
  };
}

async function indexFile(file: EventFile, index: RunIndex, units: Unit[], options: IndexOptions): Promise<FileReport> {
  index.beginFile();
  const before = index.events;
  const cutter = new UnitCutter(file.path, units, options.unitBytes);
  const report = (skipped: readonly Loss[], losses: number, lostBytes: number): FileReport => ({
    path: file.name,
    bytes: file.size,
    records: index.events - before,
    skipped,
    losses,
    lostBytes,
  });
  let scanner: RecordScanner | undefined;
  try {
    using source = openFile(file.path);
    scanner = new RecordScanner(source, file.size, options.arena);
    let reached = 0;
    while (scanner.fill()) {
      options.signal.throwIfAborted();
      takeWindow(scanner, index, cutter);
      options.advance(scanner.offset - reached);
      reached = scanner.offset;
      await new Promise(setImmediate); // lets Ctrl-C, the display and the workers' answers in
    }
    options.advance(file.size - reached);
  } catch (error) {
    // A file that the operating system refuses is damage like any other: the rest of the tree is not lost with it.
    if (!(error instanceof MatyanError) || error.code !== "io") throw error;
    cutter.finish(index.events);
    const loss = { offset: scanner?.offset ?? 0, bytes: file.size - (scanner?.offset ?? 0), reason: messageOf(error) };
    return report(
      [...(scanner?.losses ?? []), loss],
      (scanner?.lossCount ?? 0) + 1,
      (scanner?.lostBytes ?? 0) + loss.bytes,
    );
  }
  cutter.finish(index.events);
  return report(scanner.losses, scanner.lossCount, scanner.lostBytes);
}

/** The hot loop, outside the asynchronous function: engines compile it far better so. */
function takeWindow(scanner: RecordScanner, index: RunIndex, cutter: UnitCutter): void {
  while (scanner.next()) {
    const position = index.events;
    const reason = index.add(scanner.payloadStart, scanner.payloadEnd);
    if (reason !== undefined) scanner.reject(reason);
    else cutter.add(scanner.offset, scanner.payloadEnd - scanner.payloadStart + frameBytes, position);
  }
}

/** Gathers neighbouring records into units. */
class UnitCutter {
  readonly #path: string;
  readonly #units: Unit[];
  readonly #unitBytes: number;
  #offset = -1;
  #end = 0;
  #first = 0;
  #spans: number[] = [];

  constructor(path: string, units: Unit[], unitBytes: number) {
    this.#path = path;
    this.#units = units;
    this.#unitBytes = unitBytes;
  }

  /** The record at [offset, offset + length) of the file, event number `position` of the run. */
  add(offset: number, length: number, position: number): void {
    if (offset !== this.#end || this.#offset < 0 || offset + length - this.#offset > this.#unitBytes) {
      const apart = offset - this.#end > maxGap || offset + length - this.#offset > this.#unitBytes;
      if (this.#offset < 0 || apart) {
        this.finish(position);
        this.#offset = offset;
        this.#first = position;
      }
      if (this.#spans.length > 0) this.#spans.push(this.#end - this.#offset);
      this.#spans.push(offset - this.#offset);
    }
    this.#end = offset + length;
  }

  /** Ends the unit; `position` is that of the next event. */
  finish(position: number): void {
    if (this.#offset < 0) return;
    this.#spans.push(this.#end - this.#offset);
    this.#units.push({
      path: this.#path,
      offset: this.#offset,
      length: this.#end - this.#offset,
      spans: this.#spans,
      first: this.#first,
      end: position,
    });
    this.#offset = -1;
    this.#spans = [];
  }
}
