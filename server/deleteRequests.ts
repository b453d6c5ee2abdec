// Asking workers for deletes that are in the outbox: again only after long, since what the bus acknowledged is not lost.
import type { Ingest } from "./workers/ingest.ts";

export interface DeleteRequestsOptions {
  readonly ingest: Ingest;
  /** Seconds since the epoch. */
  readonly now: () => number;
  /** So long a run that was asked for is not asked for again, seconds; 0 asks each time. */
  readonly patience: number;
}

/** Runs whose requests are remembered; beyond it the oldest are forgotten, and may be asked for once more. */
const remembered = 100_000;

/** A function that publishes (or applies) `delete_run`. @throws MatyanError what `ingest` throws, or refuses with */
export function deleteRequests({ ingest, now, patience }: DeleteRequestsOptions): (hash: string) => Promise<void> {
  const asked = new Map<string, number>();
  return async (hash) => {
    const last = asked.get(hash);
    if (last !== undefined && now() - last < patience) return;
    const message = { type: "delete_run", runId: hash, timestamp: now(), payload: new Map() };
    for (const outcome of await ingest.submit([message])) if (!outcome.ok) throw outcome.error;
    asked.delete(hash);
    asked.set(hash, now());
    if (asked.size > remembered) asked.delete(asked.keys().next().value!);
  };
}
