// The other end of ingestion in a cluster: messages go onto the topic, and a worker stores them.
import { formatEnvelope, type IngestMessage } from "../../formats/messages/index.ts";
import type { Producer } from "../bus/index.ts";
import type { Ingest, Outcome } from "./ingest.ts";

/**
 * An outcome is given when the message is on its topic, acknowledged by all replicas in sync. All messages of a call are
 * published at once; the key is the run, which keeps its order.
 */
export class PublishIngest implements Ingest {
  readonly #producer: Producer;
  readonly #topic: string;

  constructor(producer: Producer, topic: string) {
    this.#producer = producer;
    this.#topic = topic;
  }

  /** @throws MatyanError `io` when the bus does not answer in time, `interrupted` when it is closed. */
  submit(messages: readonly IngestMessage[]): Promise<readonly Outcome[]> {
    return this.#producer.publish(
      this.#topic,
      messages.map((message) => ({ key: message.runId, value: formatEnvelope(message) })),
    );
  }
}
