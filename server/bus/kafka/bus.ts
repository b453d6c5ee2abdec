// The bus on one Kafka cluster: what is shared by producers and consumers, and questions about topics.
import { type Admin, ConfigResourceTypes, type Kafka } from "kafkajs";
import { MatyanError, messageOf } from "../../../formats/error.ts";
import type { KafkaSettings } from "../../config/engines.ts";
import type { Batch, Bus, BusRecord, ConsumeOptions, Consumer, Producer, TopicOptions } from "../index.ts";
import { openAdmin, topicOffsets } from "./admin.ts";
import { createClient, kafkaError, patience } from "./client.ts";
import { KafkaGroupMember } from "./consumer.ts";
import type { KafkaBusOptions } from "./index.ts";
import { KafkaPublisher } from "./producer.ts";
import { readTopic } from "./reader.ts";

/** A broker's usual max.message.bytes, for topics that we may not ask about. */
const usualRecordBytes = 1_048_588;

export class KafkaBus implements Bus {
  readonly engine = "kafka";
  readonly id: string;
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  readonly #openAdmin: () => Promise<Admin>;
  readonly #warn: (text: string) => void;
  readonly #publisher: KafkaPublisher;
  readonly #consumers = new Set<KafkaGroupMember>();

  private constructor(
    kafka: Kafka,
    admin: Admin,
    openAdmin: () => Promise<Admin>,
    id: string,
    warn: (text: string) => void,
  ) {
    this.#kafka = kafka;
    this.#admin = admin;
    this.#openAdmin = openAdmin;
    this.id = id;
    this.#warn = warn;
    this.#publisher = new KafkaPublisher(kafka, (topic) => this.#recordLimit(topic));
  }

  static async open(settings: KafkaSettings, { clientId, warn = () => undefined }: KafkaBusOptions): Promise<KafkaBus> {
    const kafka = await createClient(settings, clientId, warn);
    const open = () => openAdmin(kafka, { brokers: settings.brokers, retries: 8, maxRetryTime: 1_000 });
    const admin = await open();
    try {
      const { clusterId } = await admin.describeCluster();
      return new KafkaBus(kafka, admin, open, clusterId, warn);
    } catch (error) {
      await admin.disconnect();
      throw kafkaError(error, `Kafka at ${settings.brokers.join(", ")} does not say what cluster it is`);
    }
  }

  get producer(): Producer {
    return this.#publisher;
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    const member = new KafkaGroupMember(
      {
        kafka: this.#kafka,
        warn: this.#warn,
        topicEnds: (topic) => this.#topicEnds(topic),
        groupOffsets: (group, topic) => this.#groupOffsets(group, topic),
      },
      options,
    );
    await member.start();
    this.#consumers.add(member);
    return member;
  }

  async ensureTopic(topic: string, { partitions, maxRecordBytes }: TopicOptions): Promise<void> {
    try {
      const { topics, replicas } = await this.#topics();
      if (topics.has(topic)) return;
      const configEntries =
        maxRecordBytes === undefined ? [] : [{ name: "max.message.bytes", value: String(maxRecordBytes) }];
      await this.#admin.createTopics({
        waitForLeaders: false,
        timeout: patience.request,
        topics: [{ topic, numPartitions: partitions, replicationFactor: replicas, configEntries }],
      });
      await this.#awaitTopic(topic);
    } catch (error) {
      throw kafkaError(error, `can't create the topic '${topic}'`);
    }
  }

  /** Brokers know of a new topic, and who leads it, some time after it was made: a busy one takes seconds. */
  async #awaitTopic(topic: string): Promise<void> {
    const until = performance.now() + patience.topic;
    for (;;) {
      try {
        const { topics } = await this.#admin.fetchTopicMetadata({ topics: [topic] });
        if (topics[0]!.partitions.every(({ leader }) => leader >= 0) || performance.now() > until) return;
      } catch (error) {
        if (performance.now() > until) throw error;
      }
      await Bun.sleep(200);
    }
  }

  async *read(topic: string): AsyncIterable<Batch> {
    const ends = await this.#ranges(topic);
    if (ends !== undefined) yield* readTopic(this.#kafka, topic, ends);
  }

  async readOne(topic: string, partition: number, offset: bigint): Promise<BusRecord | undefined> {
    const range = (await this.#ranges(topic))?.get(partition);
    if (range === undefined || offset < range.low || offset >= range.high) return undefined;
    const only = new Map([[partition, { low: offset, high: offset + 1n }]]);
    for await (const batch of readTopic(this.#kafka, topic, only))
      for (const record of batch.records) if (record.offset === offset) return record;
    return undefined;
  }

  async retention(topic: string): Promise<number> {
    try {
      const { resources } = await this.#admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ["retention.ms"] }],
      });
      const text = resources[0]?.configEntries.find(({ configName }) => configName === "retention.ms")?.configValue;
      const ms = Number(text);
      if (text === undefined || text === "" || !Number.isFinite(ms)) throw new Error(`its retention.ms is '${text}'`);
      return ms < 0 ? Number.POSITIVE_INFINITY : ms / 1_000;
    } catch (error) {
      throw kafkaError(error, `the retention of '${topic}' is not known`);
    }
  }

  async check(topics: readonly string[]): Promise<void> {
    const found = await within(this.#topics(), patience.connect);
    const missing = topics.filter((topic) => !found.topics.has(topic));
    if (missing.length > 0)
      throw new MatyanError("io", `Kafka has no topic '${missing.join("', '")}'`, {
        hint: "Create it, with six partitions for ingestion and one for control events.",
      });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    await this.#publisher.close();
    await this.#admin.disconnect();
  }

  async #topics(): Promise<{ topics: Set<string>; replicas: number }> {
    try {
      const { topics } = await this.#admin.fetchTopicMetadata();
      const names = new Set(topics.map(({ name }) => name));
      const replicas = topics
        .filter(({ name }) => !name.startsWith("__"))
        .flatMap(({ partitions }) => partitions.map((partition) => partition.replicas.length));
      return { topics: names, replicas: Math.max(1, ...replicas) };
    } catch (error) {
      throw kafkaError(error, "Kafka does not answer");
    }
  }

  async #ranges(topic: string): Promise<Map<number, { low: bigint; high: bigint }> | undefined> {
    const { topics } = await this.#topics();
    if (!topics.has(topic)) return undefined;
    try {
      const offsets = await topicOffsets(this.#admin, topic, this.#openAdmin);
      return new Map(offsets.map(({ partition, low, high }) => [partition, { low: BigInt(low), high: BigInt(high) }]));
    } catch (error) {
      throw kafkaError(error, `can't read '${topic}'`);
    }
  }

  async #topicEnds(topic: string): Promise<Map<number, bigint>> {
    const ranges = (await this.#ranges(topic)) ?? new Map<number, { high: bigint }>();
    return new Map([...ranges].map(([partition, { high }]) => [partition, high]));
  }

  /** A group that has committed nothing on a partition begins at its first record. */
  async #groupOffsets(groupId: string, topic: string): Promise<Map<number, bigint>> {
    try {
      const [found] = await this.#admin.fetchOffsets({ groupId, topics: [topic] });
      const committed = new Map<number, bigint>();
      const ranges = await this.#ranges(topic);
      for (const { partition, offset } of found?.partitions ?? [])
        committed.set(partition, offset === "-1" ? (ranges?.get(partition)?.low ?? 0n) : BigInt(offset));
      return committed;
    } catch (error) {
      throw kafkaError(error, `can't read the offsets of '${groupId}'`);
    }
  }

  /** Of a topic that we may not ask about, or that is missing, the usual one: publishing tells what is wrong. */
  async #recordLimit(topic: string): Promise<number> {
    try {
      const { resources } = await this.#admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ["max.message.bytes"] }],
      });
      const value = Number(resources[0]?.configEntries[0]?.configValue);
      return Number.isInteger(value) && value > 0 ? value : usualRecordBytes;
    } catch (error) {
      this.#warn(`the largest record of '${topic}' is not known, ${usualRecordBytes} bytes it is: ${messageOf(error)}`);
      return usualRecordBytes;
    }
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new MatyanError("io", `Kafka does not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
