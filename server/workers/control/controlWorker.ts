// Does what events on the control topic ask for: the files of a deleted run are removed, however often that has to be tried.
import { isUtf8 } from "node:buffer";
import { MatyanError, messageOf } from "../../../formats/error.ts";
import { parseJson } from "../../../formats/json.ts";
import { type ControlEvent, parseControlEvent } from "../../../formats/messages/index.ts";
import type { BlobDeletion, BlobStore } from "../../blobs/index.ts";
import type { Batch, Bus, BusRecord, Consumer, PartitionLag, Turn } from "../../bus/index.ts";
import type { Store } from "../../store/index.ts";
import { readMeta, readTombstone } from "../../store/runs.ts";
import { sendDeadLetters } from "../deadLetters.ts";
import { healthOf, type WorkerHealth } from "../health.ts";
import { untilItWorks } from "../patience.ts";
import { type ControlMetrics, noControlMetrics } from "./controlMetrics.ts";

/** The existing workers' group (pipeline.md 1.1). */
export const controlGroup = "control-workers";

/** After so many failures at one event in a row, the last ones a minute apart, it goes to the dead letters: others wait. */
const maxAttempts = 20;
const longestPauseMs = 60_000;

export interface ControlWorkerOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly topic: string;
  /** Seconds since the epoch. */
  readonly now?: () => number;
  readonly metrics?: ControlMetrics;
  /** Told of what goes wrong and is tried again. */
  readonly warn?: (text: string) => void;
  /** Told of what was done. */
  readonly log?: (text: string) => void;
  readonly attempts?: number;
}

export class ControlWorker {
  readonly #options: ControlWorkerOptions;
  readonly #now: () => number;
  readonly #metrics: ControlMetrics;
  readonly #warn: (text: string) => void;
  readonly #stopping = new AbortController();
  #consumer: Consumer | undefined;
  #trouble: string | undefined;

  private constructor(options: ControlWorkerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => Date.now() / 1_000);
    this.#metrics = options.metrics ?? noControlMetrics;
    this.#warn = options.warn ?? (() => undefined);
  }

  /** @throws MatyanError `io` when the bus cannot be used. */
  static async start(options: ControlWorkerOptions): Promise<ControlWorker> {
    const worker = new ControlWorker(options);
    const { bus, topic } = options;
    await bus.check([topic]);
    worker.#consumer = await bus.consume({
      topic,
      group: controlGroup,
      handle: (batch, turn) => worker.#handle(batch, turn),
    });
    return worker;
  }

  get assigned(): readonly number[] {
    return this.#consumer?.assigned ?? [];
  }

  health(): WorkerHealth {
    const bus = this.#stopping.signal.aborted ? "the worker is stopping" : this.#consumer?.trouble;
    return healthOf({ kafka: bus, blob: this.#trouble });
  }

  lags(): Promise<PartitionLag[]> {
    return this.#consumer?.lags() ?? Promise.resolve([]);
  }

  /** Finishes the event that is under way and leaves the group. A second call does no harm. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#consumer?.close();
  }

  async #handle({ topic, partition, records }: Batch, turn: Turn): Promise<void> {
    for (const record of records) {
      if (turn.signal.aborted || this.#stopping.signal.aborted) return;
      this.#metrics.consumed();
      const start = performance.now();
      const failure = await this.#work(record, turn.signal);
      if (failure !== undefined) {
        this.#warn(`${topic}/${partition} ${record.offset} goes to the dead letters: ${failure.message}`);
        this.#metrics.refused();
        const origin = { topic, partition, group: controlGroup };
        await this.#patiently(turn.signal, Number.POSITIVE_INFINITY, () =>
          sendDeadLetters(this.#options.bus, origin, [{ record, error: failure }], this.#now()),
        );
      }
      this.#metrics.took((performance.now() - start) / 1_000);
      await turn.commit(record.offset + 1n);
    }
  }

  /** What is wrong with the event for good; undefined when it is done. @throws what was wrong last when the turn ended. */
  async #work(record: BusRecord, signal: AbortSignal): Promise<MatyanError | undefined> {
    const event = readEvent(record);
    if (event instanceof MatyanError) {
      this.#metrics.failed("validation");
      return event;
    }
    try {
      await this.#patiently(signal, this.#options.attempts ?? maxAttempts, () => this.#do(event));
    } catch (error) {
      if (signal.aborted || this.#stopping.signal.aborted) throw error;
      return error instanceof MatyanError ? error : new MatyanError("io", messageOf(error), { cause: error });
    }
    this.#metrics.processed(event.type);
    return undefined;
  }

  async #do({ type, payload }: ControlEvent): Promise<void> {
    if (type !== "run_deleted") {
      const isKnown = ["run_archived", "run_unarchived", "experiment_deleted", "tag_deleted"].includes(type);
      // The API has changed the store already: nothing is left to do.
      if (!isKnown) this.#warn(`an event of the unknown type '${type.slice(0, 100)}' was passed over`);
      return;
    }
    const run = payload.get("run_id");
    if (typeof run !== "string" || run === "")
      return this.#warn("an event run_deleted that names no run was passed over");
    if (await this.#lives(run)) {
      this.#options.log?.(`run ${run} was made again since it was deleted: its files stay`);
      return;
    }
    const keys = payload.get("blob_keys");
    const named = Array.isArray(keys) ? keys.filter((key) => typeof key === "string") : [];
    const { blobs } = this.#options;
    const outcome: BlobDeletion =
      named.length > 0 ? await blobs.deleteMany(new Set(named)) : await blobs.deletePrefix(`${run}/`);
    this.#metrics.filesDeleted(outcome.deleted);
    this.#options.log?.(`run ${run} is deleted: ${outcome.deleted} files removed`);
    if (outcome.failed === 0) return;
    const [first] = outcome.failures;
    throw new MatyanError(
      "io",
      `${outcome.failed} files of run ${run} cannot be deleted, ${first?.key}: ${first?.reason}`,
      {
        hint: "Check the permissions of the object store.",
      },
    );
  }

  /** A tombstone that was cleared, and a run made anew: its files are not those of the deleted one. */
  #lives(run: string): Promise<boolean> {
    const { store } = this.#options;
    return store.database.snapshot(async (tx) => {
      if ((await readTombstone(tx, store, run)) !== undefined) return false;
      const meta = await readMeta(tx, store, run);
      return meta !== undefined && meta.get("pending_deletion") !== true;
    });
  }

  async #patiently<T>(signal: AbortSignal, attempts: number, work: () => Promise<T>): Promise<T> {
    const result = await untilItWorks(work, {
      signal: AbortSignal.any([signal, this.#stopping.signal]),
      longestMs: longestPauseMs,
      attempts,
      failed: (error, pauseMs) => {
        this.#trouble = messageOf(error);
        this.#metrics.failed("blob_storage");
        this.#metrics.retried();
        this.#warn(`${messageOf(error)}; tried again in ${(pauseMs / 1_000).toFixed(1)} s`);
      },
    });
    this.#trouble = undefined;
    return result;
  }
}

function readEvent({ value }: BusRecord): ControlEvent | MatyanError {
  if (value === null) return new MatyanError("corrupt", "the record has no value");
  if (!isUtf8(value)) return new MatyanError("corrupt", "the record's value is not UTF-8 text");
  try {
    return parseControlEvent(parseJson(value));
  } catch (error) {
    return error instanceof MatyanError ? error : new MatyanError("corrupt", messageOf(error), { cause: error });
  }
}
