// Whether this process can do its work: it really reads the store, and really writes, reads and deletes a blob.
import { randomUUID } from "node:crypto";
import { messageOf } from "../formats/error.ts";
import type { BlobStore } from "./blobs/index.ts";
import type { Store } from "./store/index.ts";

export interface Readiness {
  readonly status: "ok" | "degraded";
  /** By what was checked: `ok` or the reason. */
  readonly checks: { readonly store: string; readonly blob: string };
}

export interface ReadinessOptions {
  /** Milliseconds, of any clock that does not jump. */
  readonly clock?: () => number;
  /** How long a result is told again instead of checking anew, milliseconds. */
  readonly keepMs?: number;
  /** A check that takes longer counts as failed, milliseconds. */
  readonly timeoutMs?: number;
}

/** A function that gives the readiness, checked at most every `keepMs` however often it is asked for. */
export function createReadiness(
  store: Store,
  blobs: BlobStore,
  { clock = () => performance.now(), keepMs = 3_000, timeoutMs = 5_000 }: ReadinessOptions = {},
): () => Promise<Readiness> {
  let last: { readonly at: number; readonly result: Promise<Readiness> } | undefined;
  return () => {
    if (last === undefined || clock() - last.at >= keepMs)
      last = { at: clock(), result: check(store, blobs, timeoutMs) };
    return last.result;
  };
}

async function check(store: Store, blobs: BlobStore, timeoutMs: number): Promise<Readiness> {
  const [storeState, blob] = await Promise.all([
    outcome(() => store.database.snapshot((tx) => tx.get(store.dirs.system)), timeoutMs),
    outcome(() => probeBlobs(blobs), timeoutMs),
  ]);
  return {
    status: storeState === "ok" && blob === "ok" ? "ok" : "degraded",
    checks: { store: storeState, blob },
  };
}

/** Its key has no slash: it is in no run's prefix. */
async function probeBlobs(blobs: BlobStore): Promise<void> {
  const key = `.readiness-${randomUUID()}`;
  const bytes = Buffer.from(key);
  await blobs.put(key, bytes);
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await blobs.get(key)) ?? []) chunks.push(chunk);
    if (!Buffer.concat(chunks).equals(bytes)) throw new Error("a blob does not read back as it was written");
  } finally {
    await blobs.delete(key);
  }
}

async function outcome(work: () => Promise<unknown>, timeoutMs: number): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([work(), late]);
    return "ok";
  } catch (error) {
    return messageOf(error);
  } finally {
    clearTimeout(timer);
  }
}
