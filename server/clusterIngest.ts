// The frontier's and the API's way to the store in cluster mode: messages are published, and workers apply them.
import { formatEnvelope, type IngestMessage } from "../formats/messages/index.ts";
import type { Producer } from "./bus/index.ts";
import type { Ingest, Outcome } from "./workers/ingest.ts";

/**
 * What is submitted at once is published at once, keyed by run. A message counts as durable when the bus acknowledged it;
 * one that is too large for its topic is refused alone.
 */
export class BusIngest implements Ingest {
  readonly #producer: Producer;
  readonly #topic: string;

  constructor(producer: Producer, topic: string) {
    this.#producer = producer;
    this.#topic = topic;
  }

  submit(messages: readonly IngestMessage[]): Promise<readonly Outcome[]> {
    return this.#producer.publish(
      this.#topic,
      messages.map((message) => ({ key: message.runId, value: formatEnvelope(message) })),
    );
  }
}
