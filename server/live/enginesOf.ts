// What can be measured of the engines that the configuration names, in a server as in a command beside it.
import { stat } from "node:fs/promises";
import type { BlobStore } from "../blobs/index.ts";
import type { Config } from "../config.ts";
import { embeddedPaths } from "../embedded.ts";
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
    store: "only FoundationDB itself knows: fdbcli --exec status",
    blobs: "an object store is not listed for this",
  };
  return {
    parts: {
      store,
      ...(config.store.engine === "embedded" && { storeBytes: () => storeBytes(embeddedPaths(config).store) }),
      ...(isFolder && { blobs: new BlobTally(blobs, now) }),
      kafka,
      reasons,
    },
    close: async () => kafka?.close(),
  };
}

/** With what was committed and is not in the main file yet. */
async function storeBytes(path: string): Promise<number> {
  const { size } = await stat(path);
  const log = await stat(`${path}-wal`).catch(() => ({ size: 0 }));
  return size + log.size;
}

/** The same reason for all of `names`. */
export function reasonFor(names: readonly Figure[], reason: string): Partial<Record<Figure, string>> {
  return Object.fromEntries(figureNames.filter((name) => names.includes(name)).map((name) => [name, reason]));
}
