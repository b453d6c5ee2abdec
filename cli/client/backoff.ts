// Pauses between attempts: exponential with jitter, so that many clients do not come back in step.

/** What a test sets in place of time and chance. */
export interface Timing {
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  /** Calls `action` after `ms`, unless the function that it gives back is called before. */
  readonly after: (ms: number, action: () => void) => () => void;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
}

export const realTiming: Timing = {
  now: () => performance.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

export interface Backoff {
  /** The pause before the second attempt, milliseconds; it doubles up to `longestMs`. */
  readonly firstMs: number;
  readonly longestMs: number;
}

export const defaultBackoff: Backoff = { firstMs: 200, longestMs: 30_000 };

/** The pause before attempt `failures + 1`: between half of the full pause and all of it. */
export function pauseMs({ firstMs, longestMs }: Backoff, failures: number, random: () => number): number {
  const full = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return full * (0.5 + random() / 2);
}

/** @throws the reason of the signal when it is aborted meanwhile. */
export function pause(timing: Timing, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = timing.after(ms, () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    });
    signal?.addEventListener("abort", stop, { once: true });
  });
}
