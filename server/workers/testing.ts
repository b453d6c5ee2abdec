// Test support of the workers: a blob store in memory, and messages by their members.

import { parseJson } from "../../formats/json.ts";
import type { IngestMessage } from "../../formats/messages/index.ts";
import { isMap } from "../../formats/value.ts";
import { deleteEach, keysOf } from "../blobs/deletion.ts";
import { type BlobStore, compareKeys } from "../blobs/index.ts";
import type { Store } from "../store/index.ts";
import { memoryStore } from "../store/testing.ts";
import { ApplyLoop } from "./apply.ts";
import { ingestLines } from "./ingestLines.ts";
import { readLines } from "./lines.ts";

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
    async *list(prefix, { after = "" } = {}) {
      for (const key of [...kept].sort())
        if (key.startsWith(prefix) && compareKeys(key, after) > 0) yield { key, size: 0, modified: undefined };
    },
    async delete(key) {
      kept.delete(key);
    },
    // Through `delete`, so that a test which makes that fail makes all fail.
    deleteMany(keys) {
      return deleteEach(keys, 1, (key) => this.delete(key));
    },
    async deletePrefix(prefix) {
      return this.deleteMany(keysOf(this.list(prefix)));
    },
    presignPut: undefined,
    async check() {},
    uriOf: (key) => `file:///nowhere/${key}`,
    async close() {},
  };
}

/** A message from the JSON text of its payload. */
export function messageOf(type: string, payload: string, runId = "run", timestamp = 1_748_772_000): IngestMessage {
  const value = parseJson(payload);
  if (!isMap(value)) throw new Error("a payload is an object");
  return { type, runId, timestamp, payload: value };
}

/** A store in memory with the messages of a gzip file of lines; lines that are none are left out. */
export async function storeOf(path: string): Promise<Store> {
  const store = await memoryStore();
  const loop = new ApplyLoop(store, noBlobs());
  await ingestLines(readLines(Bun.file(path).stream()), loop);
  await loop.close();
  return store;
}
