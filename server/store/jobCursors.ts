// Where a job that was stopped goes on: `("_job_cursor", job)` in S, which the existing services do not read.
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import type { Store } from "./index.ts";
import { systemKey } from "./keys.ts";

/** The run hash or blob key that was done last; undefined when the job ended by itself, or never ran. */
export async function readCursor(store: Store, job: string): Promise<string | undefined> {
  const bytes = await store.database.snapshot((tx) => tx.get(systemKey(store, "_job_cursor", job)));
  const value = bytes === undefined ? undefined : decodeValue(bytes);
  return typeof value === "string" ? value : undefined;
}

/** Undefined clears it: the next time begins at the front. */
export async function writeCursor(store: Store, job: string, position: string | undefined): Promise<void> {
  const key = systemKey(store, "_job_cursor", job);
  await store.database.transact(async (tx) => {
    if (position === undefined) tx.clear(key);
    else tx.set(key, encodeValue(position));
  });
}
