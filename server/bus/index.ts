// The contract of the log that messages travel on between processes: topics of records, producers, groups of consumers.
import type { MatyanError } from "../../formats/error.ts";

export type BusHeaders = Readonly<Record<string, string>>;

export interface OutgoingRecord {
  /** Records of one key keep their order and go to one partition; null for records without order. */
  readonly key: Uint8Array | string | null;
  readonly value: Uint8Array | string;
  readonly headers?: BusHeaders;
}

/** What became of a record. A refused one is on no topic. */
export type Published = { readonly ok: true } | { readonly ok: false; readonly error: MatyanError };

export interface Producer {
  /**
   * Publishes records and resolves when all that were not refused are acknowledged by every replica in sync, with one outcome
   * each, in their order. Records of a key arrive in the order in which they were given, within a call and between calls,
   * which need not wait for each other: what waits goes out together. A record over the limit of its topic is refused
   * alone (`too_large`). Waits while more is under way than memory is allowed for.
   * @throws MatyanError `io` when the bus does not answer within the patience of the settings; some of the records may be
   * on the topic then. `interrupted` after `close`.
   */
  publish(topic: string, records: readonly OutgoingRecord[]): Promise<readonly Published[]>;
  /**
   * Publishes records on any topics such that all are to be seen or none is.
   * @throws MatyanError as `publish`; nothing is to be seen then, or, when the answer was lost, everything may be.
   */
  publishTogether(records: readonly (OutgoingRecord & { readonly topic: string })[]): Promise<void>;
  /** Sends out what was given. A second call does no harm. */
  close(): Promise<void>;
}

/** A record as it stands on its topic. Other programs may have written it: nothing about it is certain. */
export interface BusRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: BusHeaders;
  readonly offset: bigint;
  /** When it was published, as its producer said; seconds since the epoch. */
  readonly timestamp: number;
}

/** Records of one partition in order, at least one. */
export interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly BusRecord[];
}

/** A turn at a partition, with one batch. */
export interface Turn {
  /** Aborted when the partition is to be handed over or the consumer is closed: what is not begun should be left. */
  readonly signal: AbortSignal;
  /** Says that the effect of all records before `offset` is durable. Resolves when that is noted for the whole group; again does no harm. */
  commit(offset: bigint): Promise<void>;
}

/**
 * Given one batch of a partition at a time, in order; batches of several partitions at the same time. Returning without
 * `commit` of the whole batch, or throwing, means that the rest comes again, to this consumer or another.
 */
export type HandleBatch = (batch: Batch, turn: Turn) => Promise<void>;

export interface ConsumeOptions {
  readonly topic: string;
  /** Consumers of one group share the partitions; a group begins where its commits end, a new one at the first record. */
  readonly group: string;
  /** How long to ask for records before asking again, milliseconds; records that are there are never waited with. */
  readonly pollMs?: number;
  readonly handle: HandleBatch;
}

export interface PartitionLag {
  readonly partition: number;
  /** Records that the group has not committed. */
  readonly lag: number;
}

export interface Consumer {
  /** Partitions that this consumer has now, ascending. */
  readonly assigned: readonly number[];
  /** What is wrong with the connection to the bus; undefined when nothing is. */
  readonly trouble: string | undefined;
  /** Takes no new batches until `resume`; keeps its partitions. */
  pause(): void;
  resume(): void;
  /** Of the partitions that this consumer has, as far as is known. */
  lags(): Promise<PartitionLag[]>;
  /** Aborts the turns, waits for them, and hands its partitions over. A second call does no harm. */
  close(): Promise<void>;
}

export interface TopicOptions {
  readonly partitions: number;
  /** The largest record, bytes; undefined for what the bus gives new topics. */
  readonly maxRecordBytes?: number;
}

export interface Bus {
  readonly engine: "embedded" | "kafka";
  /** The cluster that topics and offsets belong to: what is remembered of one says nothing of another. */
  readonly id: string;
  readonly producer: Producer;
  consume(options: ConsumeOptions): Promise<Consumer>;
  /** Makes a topic unless there is one; as many replicas as others have. */
  ensureTopic(topic: string, options: TopicOptions): Promise<void>;
  /** All records of a topic up to those published when it was called, partition by partition. Nothing for one that does not exist. */
  read(topic: string): AsyncIterable<Batch>;
  /** One record; undefined when it is not there (any more). */
  readOne(topic: string, partition: number, offset: bigint): Promise<BusRecord | undefined>;
  /**
   * How long a record of a topic that is not consumed may still be read, seconds: Infinity for ever, 0 where none outlives the process.
   * @throws MatyanError `io` when that can't be learnt
   */
  retention(topic: string): Promise<number>;
  /** @throws MatyanError `io` when the bus does not answer, or a topic of `topics` does not exist. */
  check(topics: readonly string[]): Promise<void>;
  close(): Promise<void>;
}
