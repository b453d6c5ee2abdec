// Stores what stands on the ingestion topic: the offset of a message is committed when the message is in the store, or, if it
// cannot be, on the dead letter topic. While either is away it waits; it never goes on without.
import { MatyanError, messageOf } from "../../../formats/error.ts";
import { formatControlEvent, type IngestMessage } from "../../../formats/messages/index.ts";
import { mapOf } from "../../../formats/value.ts";
import type { Batch, Bus, BusRecord, Consumer, PartitionLag, Turn } from "../../bus/index.ts";
import { pause } from "../../pause.ts";
import type { Store } from "../../store/index.ts";
import { ApplyLoop, type ApplyLoopStats, completeDeletes, estimateBytes } from "../apply.ts";
import type { ApplyBounds } from "../applyMessages.ts";
import { type Origin, type Refused, sendDeadLetters } from "../deadLetters.ts";
import { healthOf, type WorkerHealth } from "../health.ts";
import type { Outcome } from "../ingest.ts";
import { untilItWorks } from "../patience.ts";
import { type IngestMetrics, noIngestMetrics } from "./ingestMetrics.ts";
import { readRecord } from "./records.ts";

/** The existing workers' group: offsets carry over, and both kinds share the partitions (pipeline.md 1.1). */
export const ingestGroup = "ingestion-workers";

/** Milliseconds. */
const commitEveryMs = 500;
/** Between two looks for deletes that were cut short or not announced. */
const deletesEveryMs = 30_000;

export interface IngestWorkerOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly topics: { readonly ingestion: string; readonly control: string };
  /** Messages that are parsed and applied at a time, of one partition. */
  readonly batchMessages: number;
  /** How long to ask the bus for messages before asking again, milliseconds. */
  readonly batchWaitMs: number;
  readonly transaction: ApplyBounds;
  /** Seconds since the epoch. */
  readonly now?: () => number;
  readonly metrics?: IngestMetrics;
  /** Told of what goes wrong and is tried again. */
  readonly warn?: (text: string) => void;
}

export class IngestWorker {
  readonly #options: IngestWorkerOptions;
  readonly #now: () => number;
  readonly #metrics: IngestMetrics;
  readonly #warn: (text: string) => void;
  readonly #loop: ApplyLoop;
  readonly #stopping = new AbortController();
  #consumer: Consumer | undefined;
  /** What is waited for, by what it is: `store`, `dead letters`. */
  readonly #troubles = new Map<string, string>();
  #deletes: Promise<void> = Promise.resolve();
  #wakeDeletes: () => void = () => undefined;

  private constructor(options: IngestWorkerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => Date.now() / 1_000);
    this.#metrics = options.metrics ?? noIngestMetrics;
    this.#warn = options.warn ?? (() => undefined);
    this.#loop = new ApplyLoop(options.store, undefined, { transaction: options.transaction });
  }

  /** @throws MatyanError `io` when the bus cannot be used. */
  static async start(options: IngestWorkerOptions): Promise<IngestWorker> {
    const worker = new IngestWorker(options);
    const { bus, topics, batchWaitMs } = options;
    await bus.check([topics.ingestion, topics.control]);
    worker.#consumer = await bus.consume({
      topic: topics.ingestion,
      group: ingestGroup,
      pollMs: batchWaitMs,
      handle: (batch, turn) => worker.#handle(batch, turn),
    });
    worker.#deletes = worker.#keepDeleting();
    return worker;
  }

  get stats(): ApplyLoopStats {
    return this.#loop.stats;
  }

  get assigned(): readonly number[] {
    return this.#consumer?.assigned ?? [];
  }

  health(): WorkerHealth {
    const { store, "dead letters": letters, "control events": events } = Object.fromEntries(this.#troubles);
    const bus = this.#stopping.signal.aborted ? "the worker is stopping" : this.#consumer?.trouble;
    return healthOf({ kafka: bus, store, "dead letters": letters, "control events": events });
  }

  lags(): Promise<PartitionLag[]> {
    return this.#consumer?.lags() ?? Promise.resolve([]);
  }

  /** Takes no more, stores and commits what it took, and leaves the group. A second call does no harm. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#consumer?.close();
    await this.#loop.close();
    await this.#deletes;
  }

  async #handle(batch: Batch, turn: Turn): Promise<void> {
    const { topic, partition, records } = batch;
    const { bus, batchMessages } = this.#options;
    const place = `${bus.id}/${topic}/${partition}`;
    const origin: Origin = { topic, partition, group: ingestGroup };
    this.#metrics.consumed(records.length);
    let committedAt = performance.now();
    let done = records[0]!.offset;
    for (let from = 0; from < records.length; from += batchMessages) {
      // What is under way is finished also when the partition goes to another; what is not begun is left to it.
      if (turn.signal.aborted || this.#stopping.signal.aborted) break;
      const part = records.slice(from, from + batchMessages);
      await this.#apply(part, place, origin, turn.signal);
      done = part.at(-1)!.offset + 1n;
      if (performance.now() - committedAt < commitEveryMs) continue;
      await turn.commit(done);
      committedAt = performance.now();
    }
    await turn.commit(done);
  }

  /** Returns when the effect of all records is durable. @throws what was wrong last when the turn ended before. */
  async #apply(records: readonly BusRecord[], place: string, origin: Origin, signal: AbortSignal): Promise<void> {
    const start = performance.now();
    const messages: IngestMessage[] = [];
    const sources: BusRecord[] = [];
    const refused: Refused[] = [];
    for (const record of records) {
      const read = readRecord(record, place);
      if (read instanceof MatyanError) refused.push({ record, error: read });
      else {
        messages.push(read);
        sources.push(record);
      }
    }
    const unreadable = refused.length;
    this.#metrics.estimated(messages.reduce((sum, message) => sum + estimateBytes(message), 0));
    const outcomes = await this.#store(messages, signal);
    outcomes.forEach((outcome, i) => {
      if (!outcome.ok) refused.push({ record: sources[i]!, error: outcome.error });
    });
    if (refused.length > 0) await this.#putAside(origin, refused, unreadable, signal);
    this.#metrics.applied(messages, outcomes, (performance.now() - start) / 1_000);
    const now = this.#now();
    for (const { timestamp } of records) this.#metrics.delay(now - timestamp);
    if (messages.some(({ type }) => type === "delete_run")) this.#wakeDeletes();
  }

  #store(messages: readonly IngestMessage[], signal: AbortSignal): Promise<readonly Outcome[]> {
    return this.#patiently("store", "the store does not take messages", signal, () => this.#loop.submit(messages));
  }

  #putAside(origin: Origin, refused: readonly Refused[], unreadable: number, signal: AbortSignal): Promise<void> {
    for (const { record, error } of refused)
      this.#warn(`${origin.topic}/${origin.partition} ${record.offset} goes to the dead letters: ${error.message}`);
    this.#metrics.refused(unreadable, refused.length - unreadable);
    return this.#patiently("dead letters", "dead letters cannot be written", signal, () =>
      sendDeadLetters(this.#options.bus, origin, refused, this.#now()),
    );
  }

  /** Tries until it works, and says so to everybody: log, metrics, readiness. */
  async #patiently<T>(what: string, about: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    let told = 0;
    const result = await untilItWorks(work, {
      signal: AbortSignal.any([signal, this.#stopping.signal]),
      failed: (error) => {
        this.#troubles.set(what, messageOf(error));
        this.#metrics.retried(what);
        if (performance.now() - told < 10_000 && told > 0) return;
        told = performance.now();
        this.#warn(`${about}, and nothing goes on until they do: ${messageOf(error)}`);
      },
    });
    if (this.#troubles.delete(what)) this.#warn(`${what}: all is well again`);
    return result;
  }

  /** Announces what was deleted, and completes deletes that were cut short, here or in a worker that is no more. */
  async #keepDeleting(): Promise<void> {
    const { signal } = this.#stopping;
    const { store } = this.#options;
    while (!signal.aborted) {
      const woken = new AbortController();
      this.#wakeDeletes = () => woken.abort();
      try {
        await completeDeletes(store, {
          files: (hash) => this.#announce(hash),
          now: this.#now,
          signal,
          warn: this.#warn,
        });
        this.#troubles.delete("control events");
      } catch (error) {
        if (signal.aborted) return;
        this.#troubles.set("control events", messageOf(error));
        this.#warn(`deletes that were cut short could not be completed: ${messageOf(error)}`);
      }
      await pause(deletesEveryMs, AbortSignal.any([signal, woken.signal]));
    }
  }

  async #announce(hash: string): Promise<void> {
    const { bus, topics } = this.#options;
    const value = formatControlEvent({
      type: "run_deleted",
      timestamp: this.#now(),
      payload: mapOf({ run_id: hash }),
    });
    for (const outcome of await bus.producer.publish(topics.control, [{ key: null, value }]))
      if (!outcome.ok) throw outcome.error;
  }
}
