// What the frontier counts (pipeline.md 4.6). Whoever composes the process says where the numbers go.

export interface FrontierMetrics {
  opened(): void;
  /** `seconds` that the connection lasted. */
  closed(seconds: number): void;
  /** A message that was read and is valid, before it is applied. */
  message(type: string): void;
  /** A frame of which something was refused, or all, and why. */
  refused(reason: string): void;
}

export const noMetrics: FrontierMetrics = {
  opened: () => undefined,
  closed: () => undefined,
  message: () => undefined,
  refused: () => undefined,
};
