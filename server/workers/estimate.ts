// How large a message is in the store, roughly: what batches, transactions and queues are bounded by.
import type { IngestMessage } from "../../formats/messages/index.ts";
import type { Value } from "../../formats/value.ts";

/** Keys, indexes and the like of any message. */
const baseBytes = 400;

/** Bytes that the engine will count for the message, within a factor of two for all but tiny ones. */
export function estimateBytes(message: IngestMessage): number {
  // The hot path: a metric is always about this large.
  if (message.type === "log_metric" && message.payload.size <= 9) {
    const name = message.payload.get("name");
    return 700 + (typeof name === "string" ? 6 * name.length : 0);
  }
  // Each leaf of an attribute has a key of its own, counted three times.
  const perLeaf = message.type === "log_hparams" ? 300 : 9;
  return baseBytes + sizeOf(message.payload, perLeaf);
}

function sizeOf(value: Value, perLeaf: number): number {
  if (typeof value === "string") return perLeaf + value.length;
  if (value instanceof Uint8Array) return perLeaf + value.length;
  let size = perLeaf;
  if (Array.isArray(value)) for (const item of value) size += sizeOf(item, perLeaf);
  else if (value instanceof Map) for (const [key, item] of value) size += key.length + sizeOf(item, perLeaf);
  return size;
}
