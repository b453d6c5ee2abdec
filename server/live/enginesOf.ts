// What can be measured of the engines that the configuration names, in a server as in a command beside it.
import { stat } from "node:fs/promises";
import type { BlobStore } from "../blobs/index.ts";
import type { Config } from "../config.ts";
import { embeddedPaths } from "../embedded.ts";
import { prefixRange } from "../kv/index.ts";
import type { Store } from "../store/index.ts";
import { BlobTally } from "./blobTally.ts";
import { type Figure, figureNames } from "./figures.ts";
import { KafkaWatch } from "./kafkaWatch.ts";
import type { MeasuredParts } from "./measure.ts";

export interface Engines {
  readonly parts: Pick<MeasuredParts, "store" | "storeBytes" | "blobs" | "kafka" | "reasons">;
  close(): Promise<void>;
}

/** `now`: seconds since the epoch. Connects to Kafka when first measured; closing ends that. */
export function enginesOf(
  config: Pick<Config, "dataDir" | "store" | "blobs" | "kafka">,
  { store, blobs }: { readonly store: Store | undefined; readonly blobs: Pick<BlobStore, "list"> | undefined },
  now: () => number,
): Engines {
  const kafka = config.kafka === undefined ? undefined : new KafkaWatch(config.kafka);
  const isFolder = config.blobs.engine === "folder" && blobs !== undefined;
  const reasons: Partial<Record<Figure, string>> = {
    ...reasonFor(["lag", "letters"], "there is no Kafka"),
    blobs: "an object store is not listed for this",
  };
  return {
    parts: {
      store,
      storeBytes: store && storeBytesOf(config, store),
      ...(isFolder && { blobs: new BlobTally(blobs, now) }),
      kafka,
      reasons,
    },
    close: async () => kafka?.close(),
  };
}

/** Of the files, or as the store itself estimates. */
function storeBytesOf(config: Pick<Config, "dataDir" | "store">, { database, dirs }: Store): () => Promise<number> {
  if (config.store.engine === "embedded") return () => fileBytes(embeddedPaths(config).store);
  return async () => {
    let bytes = 0;
    for (const dir of [dirs.runs, dirs.indexes, dirs.system])
      bytes += (await database.estimateBytes?.(prefixRange(dir))) ?? 0;
    return bytes;
  };
}

/** With what was committed and is not in the main file yet. */
async function fileBytes(path: string): Promise<number> {
  const { size } = await stat(path);
  const log = await stat(`${path}-wal`).catch(() => ({ size: 0 }));
  return size + log.size;
}

/** The same reason for all of `names`. */
export function reasonFor(names: readonly Figure[], reason: string): Partial<Record<Figure, string>> {
  return Object.fromEntries(figureNames.filter((name) => names.includes(name)).map((name) => [name, reason]));
}
