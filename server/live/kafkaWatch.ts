// How far the workers of a cluster are, as Kafka itself knows: what was published, what is done, dead letters.
import type { Admin } from "kafkajs";
import type { Bus } from "../bus/index.ts";
import { openAdmin } from "../bus/kafka/admin.ts";
import { createClient } from "../bus/kafka/client.ts";
import { groupProgress } from "../bus/kafka/groupProgress.ts";
import type { KafkaSettings } from "../config.ts";
import { openBus } from "../stack.ts";
import { controlGroup } from "../workers/control/controlWorker.ts";
import { deadLetterTopic, readDeadLetters } from "../workers/deadLetters.ts";
import { ingestGroup } from "../workers/ingestion/ingestWorker.ts";
import type { LiveFigures } from "./figures.ts";

export interface TopicFigures {
  /** Messages of the ingestion topic so far, published and done. Transactions add some of their own. */
  readonly received: number;
  readonly applied: number;
  /** Messages that wait for a worker, on both topics. */
  readonly lag: number;
  readonly letters: NonNullable<LiveFigures["letters"]>;
}

/** Letters that are read to see which are open; more are only said to be more. */
const readLetters = 1_000;
/** A look is told again for so long, milliseconds: several may be watching. */
const keepMs = 1_000;

export class KafkaWatch {
  readonly #settings: KafkaSettings;
  readonly #closing = new AsyncDisposableStack();
  #admin: Promise<Admin> | undefined;
  #bus: Promise<Bus | undefined> | undefined;
  #last: { readonly at: number; readonly figures: Promise<TopicFigures> } | undefined;
  /** Letters are read again only when something was put on their topic. */
  #letters: { readonly ends: string; readonly found: TopicFigures["letters"] } | undefined;

  /** Connects when first looked at. */
  constructor(settings: KafkaSettings) {
    this.#settings = settings;
  }

  /** @throws MatyanError `io` when no broker answers */
  look(): Promise<TopicFigures> {
    const now = performance.now();
    if (this.#last === undefined || now - this.#last.at >= keepMs) this.#last = { at: now, figures: this.#ask() };
    return this.#last.figures;
  }

  async close(): Promise<void> {
    await this.#closing.disposeAsync();
  }

  async #ask(): Promise<TopicFigures> {
    const { topics } = this.#settings;
    const admin = await this.#connected();
    const there = new Set(await admin.listTopics());
    const none = { published: 0n, done: 0n, waiting: 0n };
    const [ingestion, control] = [
      there.has(topics.ingestion) ? await groupProgress(admin, topics.ingestion, ingestGroup) : none,
      there.has(topics.control) ? await groupProgress(admin, topics.control, controlGroup) : none,
    ];
    return {
      received: Number(ingestion.published),
      applied: Number(ingestion.done),
      lag: Number(ingestion.waiting + control.waiting),
      letters: await this.#openLetters(admin, there),
    };
  }

  async #openLetters(admin: Admin, there: ReadonlySet<string>): Promise<TopicFigures["letters"]> {
    const { ingestion, control } = this.#settings.topics;
    const origins = [ingestion, control].filter((topic) => there.has(deadLetterTopic(topic)));
    const ends: string[] = [];
    for (const topic of origins) ends.push(JSON.stringify(await admin.fetchTopicOffsets(deadLetterTopic(topic))));
    const id = ends.join();
    if (this.#letters?.ends === id) return this.#letters.found;
    let open = 0;
    let read = 0;
    const bus = origins.length === 0 ? undefined : await this.#connectedBus();
    reading: for (const topic of bus === undefined ? [] : origins)
      for await (const { done } of readDeadLetters(bus!, topic)) {
        if (done === undefined) open++;
        if (++read >= readLetters) break reading;
      }
    this.#letters = { ends: id, found: { open, more: read >= readLetters } };
    return this.#letters.found;
  }

  async #connected(): Promise<Admin> {
    this.#admin ??= (async () => {
      const client = await createClient(this.#settings, "matyan-top", () => undefined);
      const admin = await openAdmin(client, { brokers: this.#settings.brokers, retries: 2, maxRetryTime: 500 });
      this.#closing.defer(() => admin.disconnect());
      return admin;
    })();
    try {
      return await this.#admin;
    } catch (error) {
      this.#admin = undefined;
      throw error;
    }
  }

  async #connectedBus(): Promise<Bus | undefined> {
    this.#bus ??= openBus({ kafka: this.#settings }, { clientId: "matyan-top" });
    try {
      const bus = await this.#bus;
      if (bus !== undefined) this.#closing.use({ [Symbol.asyncDispose]: () => bus.close() });
      return bus;
    } catch (error) {
      this.#bus = undefined;
      throw error;
    }
  }
}
