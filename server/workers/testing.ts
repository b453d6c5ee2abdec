// Test support of the workers: a blob store in memory, and messages by their members.

import { parseJson } from "../../formats/json.ts";
import type { IngestMessage } from "../../formats/messages/index.ts";
import { isMap } from "../../formats/value.ts";
import type { BlobStore } from "../blobs/index.ts";

/** Keeps only which keys there are, and how long they are. */
export function noBlobs(keys: readonly string[] = []): BlobStore & { readonly keys: Set<string> } {
  const kept = new Set(keys);
  return {
    engine: "folder",
    keys: kept,
    async put(key) {
      kept.add(key);
    },
    async get() {
      return undefined;
    },
    async head(key) {
      return kept.has(key) ? { size: 0 } : undefined;
    },
    async *list(prefix) {
      for (const key of [...kept].sort()) if (key.startsWith(prefix)) yield { key, size: 0 };
    },
    async delete(key) {
      kept.delete(key);
    },
  };
}

/** A message from the JSON text of its payload. */
export function messageOf(type: string, payload: string, runId = "run", timestamp = 1_748_772_000): IngestMessage {
  const value = parseJson(payload);
  if (!isMap(value)) throw new Error("a payload is an object");
  return { type, runId, timestamp, payload: value };
}
