// The bus within one process: what publishes and what consumes share its memory. What must outlive the process is in the
// store's outbox, which is published again at the next start (server/store/outbox.ts).
import { MatyanError } from "../../formats/error.ts";
import { EmbeddedGroup, type EmbeddedPartition } from "./embeddedGroup.ts";
import type {
  Batch,
  Bus,
  BusRecord,
  ConsumeOptions,
  Consumer,
  OutgoingRecord,
  Producer,
  Published,
  TopicOptions,
} from "./index.ts";

export interface EmbeddedBusOptions {
  /** Seconds since the epoch. */
  readonly now?: () => number;
  /** The most records of a batch. */
  readonly batchRecords?: number;
  /** What a topic takes by default, bytes. */
  readonly maxRecordBytes?: number;
  /** What the records of a topic may take, bytes; publishing waits beyond it for consumers. */
  readonly maxBytes?: number;
  /** Told of what goes wrong and is tried again. */
  readonly warn?: (text: string) => void;
  /** Before a batch that its handler failed on comes again, milliseconds. */
  readonly againMs?: number;
}

interface Topic {
  readonly name: string;
  readonly partitions: readonly EmbeddedPartition[];
  readonly maxRecordBytes: number;
  readonly groups: Map<string, EmbeddedGroup>;
  /** Of the records that are kept. */
  bytes: number;
  /** Publishers that wait for room. */
  readonly entering: (() => void)[];
}

const published: Published = { ok: true };

/** Keeps what a group has not committed, and everything while no group has asked for it. */
export class EmbeddedBus implements Bus {
  readonly engine = "embedded";
  readonly id = "embedded";
  readonly producer: Producer;
  readonly settings: Required<EmbeddedBusOptions>;
  readonly #topics = new Map<string, Topic>();
  #isClosed = false;

  constructor(options: EmbeddedBusOptions = {}) {
    this.settings = {
      now: () => Date.now() / 1_000,
      batchRecords: 1_000,
      maxRecordBytes: 1_048_588,
      maxBytes: 64 * 1024 * 1024,
      warn: () => undefined,
      againMs: 1_000,
      ...options,
    };
    this.producer = {
      publish: (topic, records) => this.#publish(topic, records),
      publishTogether: async (records) => {
        for (const record of records) this.#check(record.topic, record);
        for (const { topic, ...record } of records) await this.#publish(topic, [record]);
      },
      close: async () => undefined,
    };
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    const topic = this.#topic(options.topic);
    let group = topic.groups.get(options.group);
    if (group === undefined) {
      group = new EmbeddedGroup(topic, this.settings, () => this.#forget(topic));
      topic.groups.set(options.group, group);
    }
    return group.join(options);
  }

  async ensureTopic(name: string, { partitions, maxRecordBytes }: TopicOptions): Promise<void> {
    if (this.#topics.has(name)) return;
    this.#topics.set(name, {
      name,
      partitions: Array.from({ length: partitions }, (_, index) => ({ index, records: [], end: 0n })),
      maxRecordBytes: maxRecordBytes ?? this.settings.maxRecordBytes,
      groups: new Map(),
      bytes: 0,
      entering: [],
    });
  }

  async *read(name: string): AsyncIterable<Batch> {
    for (const { index, records } of this.#topics.get(name)?.partitions ?? [])
      if (records.length > 0) yield { topic: name, partition: index, records: [...records] };
  }

  async readOne(name: string, partition: number, offset: bigint): Promise<BusRecord | undefined> {
    const found = this.#topics.get(name)?.partitions[partition];
    return found?.records.find((record) => record.offset === offset);
  }

  async retention(): Promise<number> {
    return 0;
  }

  async check(topics: readonly string[]): Promise<void> {
    for (const name of topics) this.#topic(name);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { groups } of this.#topics.values()) for (const group of groups.values()) await group.close();
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new MatyanError("io", `there is no topic '${name}'`);
    return topic;
  }

  #check(name: string, record: OutgoingRecord): void {
    const { maxRecordBytes } = this.#topic(name);
    const bytes = Buffer.byteLength(record.value) + Buffer.byteLength(record.key ?? "");
    if (bytes <= maxRecordBytes) return;
    throw new MatyanError("too_large", `a message has ${bytes} bytes, the topic '${name}' takes ${maxRecordBytes}`, {
      hint: "Log less at once.",
    });
  }

  async #publish(name: string, records: readonly OutgoingRecord[]): Promise<Published[]> {
    if (this.#isClosed) throw new MatyanError("interrupted", "the process is stopping and publishes no more messages");
    const topic = this.#topic(name);
    while (topic.bytes > this.settings.maxBytes) await new Promise<void>((resolve) => topic.entering.push(resolve));
    const outcomes = records.map((record): Published => {
      try {
        this.#check(name, record);
      } catch (error) {
        if (error instanceof MatyanError) return { ok: false, error };
        throw error;
      }
      this.#append(topic, record);
      return published;
    });
    for (const group of topic.groups.values()) group.wake();
    return outcomes;
  }

  #append(topic: Topic, { key, value, headers }: OutgoingRecord): void {
    topic.bytes += Buffer.byteLength(value);
    const place = key === null ? 0 : Number(BigInt(Bun.hash(key)) % BigInt(topic.partitions.length));
    const partition = topic.partitions[place]!;
    partition.records.push({
      key: key === null ? null : bytesOf(key),
      value: bytesOf(value),
      headers: { ...headers },
      offset: partition.end++,
      timestamp: this.settings.now(),
    });
  }

  /** Drops what every group has committed. */
  #forget(topic: Topic): void {
    const groups = [...topic.groups.values()];
    for (const { index, records } of topic.partitions) {
      const isDone = ({ offset }: BusRecord) => groups.every((group) => offset < group.committed(index));
      let count = 0;
      while (count < records.length && isDone(records[count]!)) topic.bytes -= records[count++]!.value?.length ?? 0;
      if (count > 0) records.splice(0, count);
    }
    if (topic.bytes <= this.settings.maxBytes) for (const enter of topic.entering.splice(0)) enter();
  }
}

function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === "string" ? Buffer.from(value) : value.slice();
}
