// Publishing to Kafka: acknowledged by all replicas in sync, idempotent, everything that waits in one request.
import { type Kafka, type Producer as KafkaProducer, type Message, Partitioners } from "kafkajs";
import { MatyanError } from "../../../formats/error.ts";
import type { OutgoingRecord, Producer, Published } from "../index.ts";
import { kafkaError } from "./client.ts";

/** What Kafka adds to a record within its batch, and to the batch: at most. Bytes. */
const overheadBytes = 256;
/** Records from this size on go in requests of their own: a broker that refuses one refuses the whole batch. */
const aloneBytes = 256 * 1024;
/** What one request takes. Even if all of it is for one partition, it is within a broker's usual limit of 1 MiB. */
const requestBytes = 800 * 1024;
/** What may wait before `publish` does, bytes. */
const waitingBytes = 64 * 1024 * 1024;

interface Pending {
  readonly topic: string;
  readonly message: Message;
  readonly bytes: number;
  /** What its topic takes as one batch, bytes. */
  readonly limit: number;
  readonly submission: Submission;
  readonly place: number;
}

interface Submission {
  readonly outcomes: Published[];
  open: number;
  readonly resolve: (outcomes: readonly Published[]) => void;
  readonly reject: (error: MatyanError) => void;
}

/** The largest record that the topic takes, bytes. */
export type RecordLimit = (topic: string) => Promise<number>;

const published: Published = { ok: true };

/** Murmur2 of the key, as the Java and Python clients have it. */
const createPartitioner = Partitioners.DefaultPartitioner;

/**
 * One request is under way at a time, which keeps the order, and everything that comes meanwhile goes with the next one:
 * with many senders requests grow, and with few nobody waits.
 */
export class KafkaPublisher implements Producer {
  readonly #kafka: Kafka;
  readonly #limit: RecordLimit;
  /** By topic. All wait for the same promise, also when it is old: who came first goes on first. */
  readonly #limits = new Map<string, Promise<number>>();
  #producer: Promise<KafkaProducer> | undefined;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #entering: (() => void)[] = [];
  #sending: Promise<void> | undefined;
  #isClosed = false;

  constructor(kafka: Kafka, limit: RecordLimit) {
    this.#kafka = kafka;
    this.#limit = limit;
  }

  async publish(topic: string, records: readonly OutgoingRecord[]): Promise<readonly Published[]> {
    if (this.#isClosed) throw closedError();
    if (records.length === 0) return [];
    const limit = await this.#limitOf(topic);
    if (this.#isClosed) throw closedError();
    return new Promise((resolve, reject) => {
      const enter = () => this.#enqueue(topic, records, limit, resolve, reject);
      // Who waits is let in in order, and nobody overtakes.
      if (this.#entering.length > 0 || (this.#pendingBytes > waitingBytes && this.#pending.length > 0))
        this.#entering.push(enter);
      else enter();
    });
  }

  async publishTogether(records: readonly (OutgoingRecord & { readonly topic: string })[]): Promise<void> {
    if (this.#isClosed) throw closedError();
    const producer = this.#kafka.producer({
      createPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      transactionalId: `matyan-${crypto.randomUUID()}`,
      transactionTimeout: 30_000,
    });
    try {
      await producer.connect();
      const transaction = await producer.transaction();
      try {
        const topicMessages = records.map((record) => ({ topic: record.topic, messages: [messageOf(record)] }));
        await transaction.sendBatch({ topicMessages, acks: -1 });
        await transaction.commit();
      } catch (error) {
        if (transaction.isActive()) await transaction.abort();
        throw error;
      }
    } catch (error) {
      throw kafkaError(error, "can't publish");
    } finally {
      await producer.disconnect();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#sending !== undefined) await this.#sending;
    const producer = await this.#producer?.catch(() => undefined);
    this.#producer = undefined;
    await producer?.disconnect();
  }

  #limitOf(topic: string): Promise<number> {
    let limit = this.#limits.get(topic);
    if (limit === undefined) {
      limit = this.#limit(topic);
      this.#limits.set(topic, limit);
    }
    return limit;
  }

  #enqueue(
    topic: string,
    records: readonly OutgoingRecord[],
    limit: number,
    resolve: Submission["resolve"],
    reject: Submission["reject"],
  ): void {
    const outcomes = new Array<Published>(records.length).fill(published);
    const submission: Submission = { outcomes, open: 0, resolve, reject };
    records.forEach((record, place) => {
      const message = messageOf(record);
      const bytes = sizeOf(message) + overheadBytes;
      if (bytes > limit) {
        outcomes[place] = { ok: false, error: tooLarge(record, topic, bytes - overheadBytes, limit - overheadBytes) };
        return;
      }
      submission.open++;
      this.#pending.push({ topic, message, bytes, limit, submission, place });
      this.#pendingBytes += bytes;
    });
    if (submission.open === 0) resolve(outcomes);
    if (submission.open === 0 || this.#sending !== undefined) return;
    const { promise, resolve: begin } = Promise.withResolvers<void>();
    // What others publish in this turn of the event loop goes along.
    setImmediate(begin);
    this.#sending = promise.then(() => this.#sendAll());
  }

  async #sendAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const taken = this.#take();
      try {
        await this.#send(taken);
        for (const one of taken) settle(one);
      } catch (error) {
        this.#fail(taken, kafkaError(error, "can't publish"));
      }
      while (this.#entering.length > 0 && this.#pendingBytes <= waitingBytes) this.#entering.shift()!();
    }
    this.#sending = undefined;
  }

  #take(): Pending[] {
    let bytes = 0;
    let count = 0;
    for (; count < this.#pending.length; count++) {
      const next = this.#pending[count]!;
      const mustBeAlone = next.bytes >= aloneBytes;
      if (count > 0 && (mustBeAlone || bytes + next.bytes > Math.min(requestBytes, next.limit))) break;
      bytes += next.bytes;
      if (mustBeAlone) {
        count++;
        break;
      }
    }
    this.#pendingBytes -= bytes;
    return this.#pending.splice(0, count);
  }

  async #send(taken: readonly Pending[]): Promise<void> {
    const byTopic = new Map<string, Message[]>();
    for (const { topic, message } of taken) {
      const messages = byTopic.get(topic);
      if (messages === undefined) byTopic.set(topic, [message]);
      else messages.push(message);
    }
    const topicMessages = [...byTopic].map(([topic, messages]) => ({ topic, messages }));
    const producer = await this.#connected();
    await producer.sendBatch({ topicMessages, acks: -1 });
  }

  /**
   * After a failure nothing is known of the sequence numbers that the broker counts by: a later request could be taken for a
   * repetition of the failed one and be dropped. A new producer has a new identity.
   */
  #fail(taken: readonly Pending[], error: MatyanError): void {
    const failed = this.#producer;
    this.#producer = undefined;
    // What made it fail is told to who published; it is only let go of here.
    void failed?.then((producer) => producer.disconnect()).catch(() => undefined);
    if (taken.length === 1 && isTooLarge(error.cause)) {
      settle(taken[0]!, error);
      return;
    }
    const submissions = new Set(taken.map(({ submission }) => submission));
    // The rest of a failed submission must not be published without its beginning.
    this.#pending = this.#pending.filter(({ submission, bytes }) => {
      const stays = !submissions.has(submission);
      if (!stays) this.#pendingBytes -= bytes;
      return stays;
    });
    for (const { reject } of submissions) reject(error);
  }

  #connected(): Promise<KafkaProducer> {
    this.#producer ??= this.#connect();
    return this.#producer;
  }

  async #connect(): Promise<KafkaProducer> {
    const producer = this.#kafka.producer({
      createPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 8 },
    });
    try {
      await producer.connect();
      return producer;
    } catch (error) {
      this.#producer = undefined;
      throw kafkaError(error, "can't connect");
    }
  }
}

function messageOf({ key, value, headers }: OutgoingRecord): Message {
  return {
    key: key === null || typeof key === "string" ? key : Buffer.from(key),
    value:
      typeof value === "string" ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    ...(headers === undefined ? {} : { headers: { ...headers } }),
  };
}

function sizeOf({ key, value, headers }: Message): number {
  let bytes = (value?.length ?? 0) + (key == null ? 0 : Buffer.byteLength(key));
  if (headers !== undefined)
    for (const [name, text] of Object.entries(headers)) bytes += Buffer.byteLength(name + String(text)) + 8;
  return bytes;
}

function settle({ submission, place }: Pending, error?: MatyanError): void {
  if (error !== undefined) submission.outcomes[place] = { ok: false, error };
  if (--submission.open === 0) submission.resolve(submission.outcomes);
}

function tooLarge(record: OutgoingRecord, topic: string, bytes: number, limit: number): MatyanError {
  const name = record.key === null ? "a message" : `a message of '${Buffer.from(record.key).toString().slice(0, 80)}'`;
  return new MatyanError("too_large", `${name} has ${bytes} bytes, the topic '${topic}' takes ${limit}`, {
    hint: "Log less at once, or raise max.message.bytes of the topic.",
  });
}

function isTooLarge(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if ("type" in at && at.type === "MESSAGE_TOO_LARGE") return true;
  return false;
}

function closedError(): MatyanError {
  return new MatyanError("interrupted", "the process is stopping and publishes no more messages");
}
