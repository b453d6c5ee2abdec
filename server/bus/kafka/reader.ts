// Reads what stands on a topic, from an offset to another, without being a member of anybody's group.
import type { Kafka } from "kafkajs";
import type { Batch } from "../index.ts";
import { isPassing, kafkaError } from "./client.ts";
import { recordOf } from "./consumer.ts";

/** Offsets `low` <= o < `high`. */
export interface OffsetRange {
  readonly low: bigint;
  readonly high: bigint;
}

/** Milliseconds without a record for which brokers may say that they can't yet. */
const patienceForBrokers = 30_000;

/**
 * All records of the ranges, in order within a partition, each once; ends when all are read. Memory holds one answer of the broker.
 * @throws MatyanError `io`
 */
export async function* readTopic(
  kafka: Kafka,
  topic: string,
  ranges: ReadonlyMap<number, OffsetRange>,
): AsyncGenerator<Batch> {
  const left = new Map(ranges);
  let until = performance.now() + patienceForBrokers;
  for (;;) {
    try {
      for await (const batch of readLeft(kafka, topic, left)) {
        until = performance.now() + patienceForBrokers;
        yield batch;
      }
      return;
    } catch (error) {
      if (!isPassing(error) || performance.now() > until) throw error;
      await Bun.sleep(1_000);
    }
  }
}

/** Takes off `left` what was given; what it throws leaves there what was not. */
async function* readLeft(kafka: Kafka, topic: string, left: Map<number, OffsetRange>): AsyncGenerator<Batch> {
  for (const [partition, { low, high }] of left) if (low >= high) left.delete(partition);
  if (left.size === 0) return;
  // The library reads only as a group: one of our own that commits nothing, which the broker forgets by itself.
  const consumer = kafka.consumer({
    groupId: `matyan-reader-${crypto.randomUUID()}`,
    maxWaitTimeInMs: 100,
    sessionTimeout: 30_000,
    allowAutoTopicCreation: false,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 2_000, restartOnFailure: async () => false },
  });
  const exchange = new Exchange();
  consumer.on(consumer.events.CRASH, ({ payload }) =>
    exchange.fail(kafkaError(payload.error, `can't read '${topic}'`)),
  );
  // Batches that hold nothing but marks of transactions are told of only in this way.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
    const range = left.get(partition);
    if (range !== undefined && BigInt(lastOffset) + 1n >= range.high) left.delete(partition);
    if (left.size === 0) exchange.end();
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, heartbeat }) => {
        const range = left.get(batch.partition);
        if (range === undefined) return;
        const records = batch.messages.map(recordOf).filter(({ offset }) => offset >= range.low && offset < range.high);
        if (records.length === 0) return;
        // A beat that fails says that the group is lost: the consumer crashes then, and that is told.
        const beat = setInterval(() => void heartbeat().catch(() => undefined), 3_000);
        await exchange.give({ topic, partition: batch.partition, records }).finally(() => clearInterval(beat));
      },
    });
    // A group that could not be joined is told by its event; the call ends as if it had been.
    exchange.throwIfFailed();
    for (const [partition, { low }] of left) consumer.seek({ topic, partition, offset: String(low) });
    for (;;) {
      const batch = await exchange.take();
      if (batch === undefined) return;
      const range = left.get(batch.partition);
      if (range !== undefined) left.set(batch.partition, { ...range, low: batch.records.at(-1)!.offset + 1n });
      yield batch;
    }
  } finally {
    exchange.leave();
    await consumer.disconnect();
  }
}

/** One hands over, one takes: whoever gives waits until it is taken. */
class Exchange {
  #offered: { readonly batch: Batch; readonly taken: () => void }[] = [];
  #wake: () => void = () => undefined;
  #isEnded = false;
  #failure: Error | undefined;

  give(batch: Batch): Promise<void> {
    if (this.#isEnded) return Promise.resolve();
    return new Promise((taken) => {
      this.#offered.push({ batch, taken });
      this.#wake();
    });
  }

  /** The next batch; undefined when there will be none. */
  async take(): Promise<Batch | undefined> {
    for (;;) {
      const next = this.#offered.shift();
      if (next !== undefined) {
        next.taken();
        return next.batch;
      }
      this.throwIfFailed();
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** Nobody takes any more: whoever gives need not wait. */
  leave(): void {
    this.#isEnded = true;
    for (const { taken } of this.#offered.splice(0)) taken();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.end();
  }
}
