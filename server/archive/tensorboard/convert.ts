// Converts a folder of TensorBoard logs into an archive: finds runs, indexes each, writes its points in the order of its files.
import { availableParallelism } from "node:os";
import { type ArchiveWriter, createArchive, type RunWriter } from "../../../formats/archive/index.ts";
import { MatyanError } from "../../../formats/error.ts";
import type { Progress } from "../../../formats/progress.ts";
import { addTally, emptyTally, type Tally } from "../../../formats/tensorboard/emit.ts";
import { Arena } from "../../../formats/tensorboard/source.ts";
import { uuidOf } from "../../../formats/uuid.ts";
import { mapOf, type Value } from "../../../formats/value.ts";
import { discoverRuns, type LoggedRun } from "./discover.ts";
import { type FileReport, type IndexedRun, indexRun } from "./indexRun.ts";
import { type Outcome, type Task, taskOf } from "./work.ts";
import { poolWorkshop, singleWorkshop, type Workshop } from "./workerPool.ts";

export interface ConvertOptions {
  readonly logdir: string;
  readonly out: string;
  readonly experiment?: string | undefined;
  readonly compress?: boolean;
  /**
   * Threads that write points; 1 does all in this one. By default two for large logs where there are two processors:
   * then reading, hashing and storing, which stay in this thread, take as long as the rest, and each thread costs 30 MB.
   */
  readonly workers?: number | undefined;
  /** Any damage fails the conversion, and no archive is left. */
  readonly strict?: boolean;
  readonly durable?: boolean;
  readonly now?: () => Date;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface RunReport {
  readonly name: string;
  readonly hash: string;
  readonly records: number;
  readonly traces: number;
  readonly blobs: number;
  readonly files: readonly FileReport[];
  /** Values that a restart made obsolete, in all and per tag. */
  readonly dropped: { readonly restart: number; readonly tags: Readonly<Record<string, number>> };
  /** What has no place in an archive, by kind. */
  readonly unconverted: Readonly<Record<string, number>>;
  /** What was changed on the way, by kind. */
  readonly notes: Readonly<Record<string, number>>;
}

export interface ConvertReport {
  /** Path of the archive. */
  readonly archive: string;
  readonly runs: readonly RunReport[];
  /** Folders and files that could not be looked at. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  readonly totals: {
    readonly runs: number;
    readonly files: number;
    readonly bytes: number;
    readonly records: number;
    readonly traces: number;
    readonly blobs: number;
    readonly blobBytes: number;
    readonly dropped: number;
    readonly losses: number;
    readonly lostBytes: number;
  };
}

/** Bytes of events per unit of work: small in one thread for its memory, larger where each one is a message. */
const unitBytes = { single: 1 << 20, shared: 2 << 20 } as const;
/** Logs smaller than this are done before worker threads are warm. */
const worthWorkers = 128 << 20;
/** Share of the work that pass 1 is, for the progress display. */
const indexShare = 0.25;

/** Memory is bounded by the largest record (64 MiB at most), the number of tags, and of runs; not by the size of the logs. */
export async function convertTensorboard(options: ConvertOptions): Promise<ConvertReport> {
  const { progress, signal } = options;
  const unreadable: { path: string; reason: string }[] = [];
  const runs = discoverRuns(options.logdir, (path, reason) => unreadable.push({ path, reason }));
  const bytes = runs.reduce((sum, run) => sum + run.files.reduce((part, file) => part + file.size, 0), 0);
  progress.stage("converting", bytes, "bytes");
  await using archive = await createArchive({
    out: options.out,
    kind: "tb-import",
    compress: options.compress ?? false,
    signal,
    ...(options.now === undefined ? {} : { now: options.now }),
    ...(options.durable === undefined ? {} : { durable: options.durable }),
  });
  // An id made of the name: importing twice gives one experiment, not two.
  const experiment =
    options.experiment === undefined
      ? undefined
      : { id: uuidOf(`tensorboard experiment\0${options.experiment}`), name: options.experiment };
  const workers = options.workers ?? (bytes < worthWorkers ? 1 : Math.min(2, availableParallelism()));
  const arena = new Arena();
  using workshop = workers === 1 ? singleWorkshop(arena) : poolWorkshop(workers, arena);
  const line = new AssemblyLine(archive, workshop, experiment, options);
  for (const run of runs) {
    progress.item(run.name);
    const indexed = await indexRun(run, {
      arena,
      experiment: options.experiment,
      unitBytes: workers === 1 ? unitBytes.single : unitBytes.shared,
      signal,
      advance: (count) => progress.advance(count * indexShare),
    });
    await line.add(run, indexed);
  }
  const reports = await line.finish();
  if (experiment !== undefined) await writeExperiment(archive, experiment, line.times);
  const damage = reports.flatMap(({ files }) => files.filter(({ losses }) => losses > 0));
  if (options.strict && (damage.length > 0 || unreadable.length > 0)) throw damageError(damage, unreadable);
  signal.throwIfAborted();
  const filters = mapOf({ source: "tensorboard", input_dir: options.logdir });
  const summary = await archive.finish({ filters });
  return {
    archive: summary.path,
    runs: reports,
    unreadable,
    totals: {
      runs: reports.length,
      files: runs.reduce((sum, run) => sum + run.files.length, 0),
      bytes,
      records: summary.records,
      traces: reports.reduce((sum, { traces }) => sum + traces, 0),
      blobs: summary.blobs,
      blobBytes: summary.blobBytes,
      dropped: reports.reduce((sum, { dropped }) => sum + dropped.restart, 0),
      losses: damage.reduce((sum, { losses }) => sum + losses, 0),
      lostBytes: damage.reduce((sum, { lostBytes }) => sum + lostBytes, 0),
    },
  };
}

interface Experiment {
  readonly id: string;
  readonly name: string;
}

/** Its times are those of its runs, so that converting the same logs again gives the same experiment. */
async function writeExperiment(archive: ArchiveWriter, { id, name }: Experiment, times: TimeSpan): Promise<void> {
  const description = "Imported from TensorBoard";
  const { first, last } = times;
  await archive.entity(
    "experiment",
    mapOf({ id, name, description, is_archived: false, created_at: first, updated_at: last }),
  );
}

/** Seconds since the epoch. */
interface TimeSpan {
  readonly first: number;
  readonly last: number;
}

/** A run whose points are on their way. */
interface OpenRun {
  readonly run: LoggedRun;
  readonly indexed: IndexedRun;
  readonly writer: RunWriter;
  readonly tally: Tally;
  /** Paths of blobs written: the same bytes logged again at one step are one blob. */
  readonly blobs: Set<string>;
}

/** Hands out units and writes their outcomes in order, across runs: workers need not wait for the end of a run. */
class AssemblyLine {
  readonly #archive: ArchiveWriter;
  readonly #workshop: Workshop;
  readonly #experiment: Experiment | undefined;
  readonly #options: ConvertOptions;
  /** Oldest first. A run's last entry closes it. */
  readonly #pending: { open: OpenRun; work: { task: Task; outcome: Promise<Outcome> } | undefined }[] = [];
  readonly #reports: RunReport[] = [];
  #times: TimeSpan = { first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY };

  constructor(archive: ArchiveWriter, workshop: Workshop, experiment: Experiment | undefined, options: ConvertOptions) {
    this.#archive = archive;
    this.#workshop = workshop;
    this.#experiment = experiment;
    this.#options = options;
  }

  async add(run: LoggedRun, indexed: IndexedRun): Promise<void> {
    const writer = await this.#archive.run(indexed.plan.hash);
    const open = { run, indexed, writer, tally: emptyTally(indexed.plan), blobs: new Set<string>() };
    for (const unit of indexed.units) {
      const task = taskOf(unit, indexed.restarts);
      this.#pending.push({ open, work: { task, outcome: this.#workshop.submit(indexed.plan, task) } });
      while (this.#pending.length >= this.#workshop.capacity) await this.#takeOldest();
      if (this.#workshop.capacity === 1) await new Promise(setImmediate);
    }
    this.#pending.push({ open, work: undefined });
    while (this.#pending.length >= this.#workshop.capacity) await this.#takeOldest();
  }

  /** From the first event of all runs to the last; known after `finish`. */
  get times(): TimeSpan {
    return this.#times;
  }

  async finish(): Promise<readonly RunReport[]> {
    while (this.#pending.length > 0) await this.#takeOldest();
    return this.#reports;
  }

  async #takeOldest(): Promise<void> {
    const { open, work } = this.#pending.shift()!;
    if (work === undefined) return this.#closeRun(open);
    const done = await work.outcome;
    this.#options.signal.throwIfAborted();
    addTally(open.tally, done.tally);
    for (const blob of done.blobs) {
      if (open.blobs.has(blob.path)) continue;
      open.blobs.add(blob.path);
      const bytes = this.#workshop.blobBytes(work.task, blob);
      await open.writer.blob(blob.path, blob.header === undefined ? bytes : inTurn(blob.header, bytes));
    }
    open.writer.records().write(done.lines, done.tally.records);
    this.#workshop.release(done);
    this.#options.progress.advance(work.task.unit.length * (1 - indexShare));
  }

  async #closeRun(open: OpenRun): Promise<void> {
    const { writer, run, indexed, tally } = open;
    const times = timesOf(run, tally);
    this.#times = { first: Math.min(this.#times.first, times.first), last: Math.max(this.#times.last, times.last) };
    await writer.json("run.json", runDocument(run, times, this.#experiment));
    await writer.json("attrs.json", indexed.attributes);
    await writer.json("contexts.json", mapOf({ "0": new Map() }));
    const traces = traceList(indexed, tally);
    await writer.json("traces.json", traces);
    const counts = await writer.close();
    for (const [kind, count] of tally.unconverted)
      indexed.unconverted.set(kind, (indexed.unconverted.get(kind) ?? 0) + count);
    const dropped = indexed.plan.tags.flatMap(({ name }, tag): [string, number][] =>
      tally.dropped[tag]! > 0 ? [[name, tally.dropped[tag]!]] : [],
    );
    this.#reports.push({
      name: run.name,
      hash: writer.hash,
      records: counts.records,
      traces: traces.length,
      blobs: counts.blobs,
      files: indexed.files,
      dropped: { restart: tally.dropped.reduce((sum, count) => sum + count, 0), tags: Object.fromEntries(dropped) },
      unconverted: Object.fromEntries(indexed.unconverted),
      notes: Object.fromEntries(tally.notes),
    });
  }
}

async function* inTurn(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

/** Times of a run without points are those of its first file. */
function timesOf(run: LoggedRun, { firstTime, lastTime }: Tally): TimeSpan {
  const known = Number.isFinite(firstTime) && Number.isFinite(lastTime);
  return known ? { first: firstTime, last: lastTime } : { first: run.files[0]!.modified, last: run.files[0]!.modified };
}

function runDocument(run: LoggedRun, { first, last }: TimeSpan, experiment: Experiment | undefined): Value {
  return mapOf({
    name: run.name,
    description: "Imported from TensorBoard",
    created_at: first,
    updated_at: last,
    finalized_at: last,
    is_archived: false,
    active: false,
    experiment_id: experiment?.id ?? null,
    experiment_name: experiment?.name,
    client_start_ts: first,
    duration: Math.max(0, last - first),
  });
}

function traceList(indexed: IndexedRun, tally: Tally): Value[] {
  return indexed.plan.series.flatMap(({ name, dtype }, series) => {
    if (tally.points[series] === 0) return [];
    const step = tally.wideSteps.get(series) ?? BigInt(tally.lastSteps[series]!);
    const last = dtype === "float" ? tally.lastValues[series]! : null;
    return [mapOf({ name, context_id: 0n, dtype, last, last_step: step })];
  });
}

function damageError(
  files: readonly FileReport[],
  unreadable: readonly { path: string; reason: string }[],
): MatyanError {
  const shown = 20;
  const lines = [
    ...unreadable.map(({ path, reason }) => `${path}: ${reason}`),
    ...files.flatMap(({ path, skipped }) =>
      skipped.map(({ offset, reason }) => `${path} at byte ${offset}: ${reason}`),
    ),
  ];
  const rest = lines.length > shown ? [`and ${lines.length - shown} more`] : [];
  const damaged = files.length + unreadable.length;
  return new MatyanError(
    "corrupt",
    `${damaged} damaged ${damaged === 1 ? "file" : "files"}; with --strict no archive is made\n${[...lines.slice(0, shown), ...rest].map((line) => `  ${line}`).join("\n")}`,
    { hint: "Without --strict all that can be read is converted, and what was skipped is listed." },
  );
}
