// What a control worker counts (pipeline.md 3, and ours). Whoever composes the process says where the numbers go.

export interface ControlMetrics {
  consumed(): void;
  /** An event that is done; its type is what the message says, and may be anything. */
  processed(type: string): void;
  /** One of the existing kinds: `validation`, `blob_storage`. */
  failed(kind: "validation" | "blob_storage"): void;
  /** An event that went to the dead letters. */
  refused(): void;
  retried(): void;
  /** Seconds that an event took, attempts and pauses included. */
  took(seconds: number): void;
  filesDeleted(count: number): void;
}

export const noControlMetrics: ControlMetrics = {
  consumed: () => undefined,
  processed: () => undefined,
  failed: () => undefined,
  refused: () => undefined,
  retried: () => undefined,
  took: () => undefined,
  filesDeleted: () => undefined,
};
