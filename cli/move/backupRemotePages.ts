// Asks for long sequences a stretch of steps at a time, so that neither the server nor we hold all of one.
import { MatyanError } from "../../formats/error.ts";
import { pause, pauseMs } from "../client/backoff.ts";
import { BrokenAnswer, type Http } from "../client/http.ts";

/** Steps from (included) and to (excluded); open where absent. */
export interface Stretch {
  readonly from: bigint | undefined;
  readonly to: bigint | undefined;
}

export interface StepPage {
  /** What the page held, as a part of what a page should hold: above 1 the next one is made shorter, below longer. */
  readonly load: number;
}

/** A `record_range` of the API (rest-api.md 4.4); "" stands for all. */
export function rangeText({ from, to }: Stretch): string {
  return from === undefined && to === undefined ? "" : `${from ?? ""}:${to ?? ""}`;
}

/** A page grows and shrinks at most so much against the one before it. */
const mostGrowth = 8;

/**
 * The steps from `first` to `last` in pages, the first of which is open to the left, and the last to the right: what else there
 * is comes with them. `width` steps in the first page.
 */
export async function* stepPages<P extends StepPage>(
  { first, last }: { readonly first: bigint; readonly last: bigint },
  width: bigint,
  read: (stretch: Stretch) => Promise<P>,
): AsyncGenerator<P, void> {
  let wide = width;
  for (let from: bigint | undefined; ; ) {
    const to: bigint = (from ?? first) + wide;
    const isLast = to > last;
    const page = await read({ from, to: isLast ? undefined : to });
    yield page;
    if (isLast) return;
    from = to;
    const factor = Math.min(mostGrowth, Math.max(1 / mostGrowth, 1 / page.load));
    wide = (wide * BigInt(Math.round(factor * 64))) / 64n;
    if (wide < 1n) wide = 1n;
  }
}

/** Reads a streamed answer whole, again when it breaks off or comes damaged. @throws what the last attempt threw */
export async function readAgain<T>(
  http: Http,
  signal: AbortSignal | undefined,
  read: () => Promise<T>,
  attempts = 4,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await read();
    } catch (error) {
      signal?.throwIfAborted();
      const mayPass = error instanceof BrokenAnswer || (error instanceof MatyanError && error.code === "corrupt");
      if (!mayPass || failures >= attempts) throw error;
    }
    await pause(http.timing, pauseMs(http.backoff, failures, http.timing.random), signal);
  }
}
