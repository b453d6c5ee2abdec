// One member of a consumer group on Kafka: batches in, commits of what is durable, and a hand-over that loses nothing.
import type { EachBatchPayload, Kafka, Consumer as KafkaConsumer, KafkaMessage } from "kafkajs";
import { MatyanError, messageOf } from "../../../formats/error.ts";
import { pause } from "../../pause.ts";
import type { Batch, BusHeaders, BusRecord, ConsumeOptions, Consumer, PartitionLag, Turn } from "../index.ts";
import { kafkaError } from "./client.ts";
import { roundRobin } from "./roundRobin.ts";

/** Milliseconds: as the existing workers, but more time to finish what is under way before partitions go to another. */
const timing = {
  session: 10_000,
  heartbeat: 1_000,
  rebalance: 60_000,
  /** How long a broker waits for records; also the longest that closing waits for it. */
  fetch: 500,
  /** Between attempts to join again after the library gave up. */
  rejoin: 2_000,
  /** Before a batch that its handler failed on comes again. */
  again: 1_000,
} as const;

/** Bytes: what comes per partition and in one answer. It is held once as it came and once parsed. */
const fetchBytes = { partition: 1024 * 1024, all: 4 * 1024 * 1024 } as const;

/** More than any topic has partitions: all of an answer's batches are handled at the same time. */
const concurrency = 256;

export type TopicEnds = (topic: string) => Promise<ReadonlyMap<number, bigint>>;
export type GroupOffsets = (group: string, topic: string) => Promise<ReadonlyMap<number, bigint>>;

export interface ConsumerParts {
  readonly kafka: Kafka;
  readonly warn: (text: string) => void;
  readonly topicEnds: TopicEnds;
  readonly groupOffsets: GroupOffsets;
}

export class KafkaGroupMember implements Consumer {
  readonly #parts: ConsumerParts;
  readonly #options: ConsumeOptions;
  #consumer: KafkaConsumer | undefined;
  #assigned: readonly number[] = [];
  #trouble: string | undefined = "not joined yet";
  #isPaused = false;
  #isClosed = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closing: Promise<void> | undefined;
  /** How often the group was joined: a turn of an earlier time may commit nothing any more. */
  #joins = 0;
  /** Of the turns under way: aborted when the group changes, which takes partitions away. */
  readonly #turns = new Set<AbortController>();

  constructor(parts: ConsumerParts, options: ConsumeOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Joins the group. @throws MatyanError `io` when that is impossible at all. */
  async start(): Promise<void> {
    const { kafka, warn } = this.#parts;
    const { topic, group, pollMs = timing.fetch } = this.#options;
    const consumer = kafka.consumer({
      groupId: group,
      partitionAssigners: [roundRobin],
      sessionTimeout: timing.session,
      heartbeatInterval: timing.heartbeat,
      rebalanceTimeout: timing.rebalance,
      maxWaitTimeInMs: Math.max(10, pollMs),
      minBytes: 1,
      maxBytesPerPartition: fetchBytes.partition,
      maxBytes: fetchBytes.all,
      allowAutoTopicCreation: false,
      metadataMaxAge: 30_000,
      retry: { initialRetryTime: 200, maxRetryTime: 5_000, retries: 10, restartOnFailure: async () => !this.#isClosed },
    });
    this.#consumer = consumer;
    const { events } = consumer;
    consumer.on(events.GROUP_JOIN, ({ payload }) => {
      this.#joins++;
      this.#abortTurns();
      this.#assigned = [...(payload.memberAssignment[topic] ?? [])].sort((a, b) => a - b);
      this.#trouble = undefined;
      // kafkajs remembers what is paused by partition: those that are new have to be told.
      if (this.#isPaused) this.pause();
    });
    consumer.on(events.REBALANCING, () => this.#abortTurns());
    consumer.on(events.HEARTBEAT, () => {
      this.#trouble = undefined;
    });
    consumer.on(events.CRASH, ({ payload: { error, restart } }) => {
      this.#abortTurns();
      this.#assigned = [];
      this.#trouble = messageOf(error);
      if (restart || this.#isClosed) return;
      // The library gives up for good on some faults that pass, a broker that is away among them.
      warn(`the consumer of ${topic} lost its connection and joins again: ${messageOf(error)}`);
      this.#retry = setTimeout(() => void this.#rejoin(), timing.rejoin);
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: concurrency,
        eachBatch: (payload) => this.#handle(payload),
      });
    } catch (error) {
      this.#trouble = messageOf(error);
      throw kafkaError(error, `can't consume '${topic}'`);
    }
  }

  get assigned(): readonly number[] {
    return this.#assigned;
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  pause(): void {
    this.#isPaused = true;
    this.#consumer?.pause([{ topic: this.#options.topic }]);
  }

  resume(): void {
    this.#isPaused = false;
    this.#consumer?.resume([{ topic: this.#options.topic }]);
  }

  async lags(): Promise<PartitionLag[]> {
    const { topic, group } = this.#options;
    const [ends, offsets] = await Promise.all([this.#parts.topicEnds(topic), this.#parts.groupOffsets(group, topic)]);
    return this.#assigned.map((partition) => ({
      partition,
      lag: Number((ends.get(partition) ?? 0n) - (offsets.get(partition) ?? 0n)),
    }));
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#isClosed = true;
      clearTimeout(this.#retry);
      this.#abortTurns();
      await this.#consumer?.disconnect();
      this.#assigned = [];
    })();
    return this.#closing;
  }

  async #rejoin(): Promise<void> {
    try {
      await this.#consumer?.disconnect();
      if (!this.#isClosed) await this.start();
    } catch (error) {
      if (this.#isClosed) return;
      this.#parts.warn(messageOf(error));
      this.#retry = setTimeout(() => void this.#rejoin(), timing.rejoin);
    }
  }

  async #handle(payload: EachBatchPayload): Promise<void> {
    const { batch, heartbeat, isStale } = payload;
    if (this.#isClosed || isStale()) return;
    const abort = new AbortController();
    this.#turns.add(abort);
    // The library beats only between batches; a member that is silent for longer than its session is taken for dead.
    const beat = setInterval(() => {
      heartbeat().catch((error: unknown) => {
        if (isOfGroup(error)) this.#abortTurns();
      });
    }, timing.heartbeat);
    const given: Batch = { topic: batch.topic, partition: batch.partition, records: batch.messages.map(recordOf) };
    try {
      await this.#options.handle(given, this.#turnOf(payload, given, abort.signal));
    } catch (error) {
      // What the library threw into the handler, on commit, it has to see: it joins again.
      if (error instanceof Error && error.name.startsWith("KafkaJS")) throw error;
      if (abort.signal.aborted) return;
      this.#parts.warn(`a batch of ${batch.topic}/${batch.partition} comes again: ${messageOf(error)}`);
      await pause(timing.again, abort.signal);
    } finally {
      clearInterval(beat);
      this.#turns.delete(abort);
    }
  }

  #turnOf(payload: EachBatchPayload, { topic, partition, records }: Batch, signal: AbortSignal): Turn {
    const { batch, commitOffsetsIfNecessary, resolveOffset } = payload;
    const last = records.at(-1)!.offset;
    const joins = this.#joins;
    let done = records[0]!.offset;
    return {
      signal,
      commit: async (offset) => {
        if (offset <= done) return;
        if (joins !== this.#joins)
          throw new MatyanError("busy", `${topic}/${partition} was handed over: its new owner commits`);
        // Behind the batch there may be marks of transactions, which nobody is given.
        const next = offset > last ? BigInt(batch.lastOffset()) + 1n : offset;
        const partitions = [{ partition, offset: String(next) }];
        await commitOffsetsIfNecessary({ topics: [{ topic, partitions }] });
        done = offset;
        // The next batch begins here; what is not resolved comes again.
        resolveOffset(String(next - 1n));
      },
    };
  }

  #abortTurns(): void {
    for (const turn of this.#turns) turn.abort();
  }
}

/** Whether the broker says that the group has changed or does not know us any more: the library joins again then. */
function isOfGroup(error: unknown): boolean {
  const type = error instanceof Error && "type" in error ? error.type : undefined;
  return type === "REBALANCE_IN_PROGRESS" || type === "ILLEGAL_GENERATION" || type === "UNKNOWN_MEMBER_ID";
}

export function recordOf(message: KafkaMessage): BusRecord {
  return {
    key: message.key,
    value: message.value,
    headers: message.headers === undefined ? {} : headersOf(message.headers),
    offset: BigInt(message.offset),
    timestamp: Number(message.timestamp) / 1_000,
  };
}

/** Of a header that was given several times, the last; those that are no text as what can be read of them. */
function headersOf(given: NonNullable<KafkaMessage["headers"]>): BusHeaders {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) headers[name] = last.toString();
  }
  return headers;
}
