// When a run was last heard of.
import { decodeValue } from "../../formats/msgpack.ts";
import { toNumber } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import type { Store } from "./index.ts";
import { lastPublished } from "./positions.ts";
import { readMeta } from "./runs.ts";
import { columnPrefix, stepRange } from "./sequences.ts";
import { readTraces } from "./traces.ts";

/** Times of the last points of a sequence that are looked at: of a resumed run, a later step may be the older one. */
const lastPoints = 3;

/**
 * The latest of: its creation, its last change, the last points and log lines of each of its sequences, and the last message
 * that a worker applied to it. Seconds since the epoch; undefined when nothing of the run says a time. Costs its sequences,
 * not its points.
 */
export async function lastActivity(tx: ReadTransaction, store: Store, hash: string): Promise<number | undefined> {
  const [meta, traces, published] = await Promise.all([
    readMeta(tx, store, hash),
    readTraces(tx, store, hash),
    lastPublished(tx, store, hash),
  ]);
  const times = ["created_at", "updated_at", "client_start_ts"].map((field) => toNumber(meta?.get(field)));
  times.push(published);
  for (const { contextId, name } of traces) {
    const column = stepRange(columnPrefix(store, { hash, contextId, name }, "time"));
    for await (const batch of tx.range(column, { limit: lastPoints, reverse: true }))
      for (const [, bytes] of batch) times.push(toNumber(decodeValue(bytes)));
  }
  const known = times.filter((time) => time !== undefined && Number.isFinite(time));
  return known.length === 0 ? undefined : Math.max(...known.map(Number));
}
