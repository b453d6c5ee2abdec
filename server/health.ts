// Whether this process can do its work: it really asks the store, the blobs and the bus.
import { randomUUID } from "node:crypto";
import { messageOf } from "../formats/error.ts";
import type { BlobStore } from "./blobs/index.ts";
import type { Bus } from "./bus/index.ts";
import type { Store } from "./store/index.ts";

export interface Readiness {
  readonly status: "ok" | "degraded";
  /** By what was checked: `ok` or the reason. A process has a check of each of its parts. */
  readonly checks: { readonly store?: string; readonly blob?: string; readonly kafka?: string };
}

/** The parts that a process works with. */
export interface CheckedParts {
  readonly store?: Store | undefined;
  readonly blobs?: BlobStore | undefined;
  readonly bus?: { readonly bus: Bus; readonly topics: readonly string[] } | undefined;
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
  parts: CheckedParts,
  { clock = () => performance.now(), keepMs = 3_000, timeoutMs = 5_000 }: ReadinessOptions = {},
): () => Promise<Readiness> {
  let last: { readonly at: number; readonly result: Promise<Readiness> } | undefined;
  return () => {
    if (last === undefined || clock() - last.at >= keepMs) last = { at: clock(), result: check(parts, timeoutMs) };
    return last.result;
  };
}

async function check({ store, blobs, bus }: CheckedParts, timeoutMs: number): Promise<Readiness> {
  const work: Partial<Record<keyof Readiness["checks"], () => Promise<unknown>>> = {
    ...(store && { store: () => store.database.snapshot((tx) => tx.get(store.dirs.system)) }),
    // Writing costs money and time on an object store, whose own check asks whether the bucket is there for us.
    ...(blobs && { blob: () => (blobs.engine === "folder" ? probeBlobs(blobs) : blobs.check()) }),
    ...(bus && { kafka: () => bus.bus.check(bus.topics) }),
  };
  const checks = Object.fromEntries(
    await Promise.all(Object.entries(work).map(async ([name, one]) => [name, await outcome(one, timeoutMs)] as const)),
  );
  return { status: Object.values(checks).every((state) => state === "ok") ? "ok" : "degraded", checks };
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
