// What an ingestion worker counts (pipeline.md 2.9, and ours). Whoever composes the process says where the numbers go.
import type { IngestMessage } from "../../../formats/messages/index.ts";
import type { Outcome } from "../ingest.ts";

export interface IngestMetrics {
  /** Records that came. */
  consumed(count: number): void;
  /** Messages that are durable or refused, in a batch that took `seconds`. */
  applied(messages: readonly IngestMessage[], outcomes: readonly Outcome[], seconds: number): void;
  /** The estimated size of messages that are stored together, bytes. */
  estimated(bytes: number): void;
  /** Messages that went to the dead letters: those that could not be read, and those that could not be applied. */
  refused(unreadable: number, inapplicable: number): void;
  /** An attempt that failed and is made again; `what` was tried. */
  retried(what: string): void;
  /** Seconds from publishing to durable. */
  delay(seconds: number): void;
}

export const noIngestMetrics: IngestMetrics = {
  consumed: () => undefined,
  applied: () => undefined,
  estimated: () => undefined,
  refused: () => undefined,
  retried: () => undefined,
  delay: () => undefined,
};
