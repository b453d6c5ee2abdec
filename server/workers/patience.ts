// Trying again for as long as it takes: what workers do while the store, the blobs or the bus are away.
import { pause } from "../pause.ts";

export interface PatienceOptions {
  /** Ends the trying; the last failure is thrown then. */
  readonly signal: AbortSignal;
  /** Told of each failure, with the milliseconds until the next attempt. */
  readonly failed: (error: unknown, pauseMs: number) => void;
  /** After so many attempts the last failure is thrown; by default there is no end. */
  readonly attempts?: number;
  /** The pause after the first failure and the longest one, milliseconds. Pauses double. */
  readonly firstMs?: number;
  readonly longestMs?: number;
}

/** The result of the first attempt that succeeds. */
export async function untilItWorks<T>(work: () => Promise<T>, options: PatienceOptions): Promise<T> {
  const { signal, failed, firstMs = 100, longestMs = 5_000, attempts = Number.POSITIVE_INFINITY } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || attempt >= attempts) throw error;
      const pauseMs = Math.min(longestMs, firstMs * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
      failed(error, pauseMs);
      await pause(pauseMs, signal);
      if (signal.aborted) throw error;
    }
  }
}
