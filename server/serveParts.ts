// What a server of some role works with, opened from the configuration and checked before anybody is let in.
import { join } from "node:path";
import type { BlobStore } from "./blobs/index.ts";
import type { Bus } from "./bus/index.ts";
import { BusEvents } from "./clusterEvents.ts";
import { makeTopics, type TopicName } from "./clusterTopics.ts";
import type { Config } from "./config.ts";
import { readSecret } from "./frontier/index.ts";
import type { CheckedParts } from "./health.ts";
import { lockDataFolder, type ServeLock } from "./serveLock.ts";
import { openBus, openCheckedBlobs, openStack } from "./stack.ts";
import type { Store } from "./store/index.ts";
import { within } from "./within.ts";
import { ApplyLoop } from "./workers/apply.ts";
import type { Ingest } from "./workers/ingest.ts";
import { PublishIngest } from "./workers/publish.ts";

export type Role = "all" | "api" | "frontier";

export interface ServeParts extends AsyncDisposable {
  /** Absent for a frontier of a cluster: clients upload to the object store, workers write to the store. */
  readonly store: Store | undefined;
  readonly blobs: BlobStore;
  readonly ingest: Ingest;
  /** In embedded mode, where this process applies what it takes. */
  readonly loop: ApplyLoop | undefined;
  readonly bus: { readonly bus: Bus; readonly topics: readonly string[] } | undefined;
  readonly events: BusEvents | undefined;
  /** What our own upload URLs are signed with; absent where the object store makes them. */
  readonly secret: Uint8Array | undefined;
  readonly checked: CheckedParts;
  /** Notes on the data folder where this server answers. */
  note(addresses: readonly string[]): Promise<void>;
  /** Sees what was taken through: applied, or on the bus. Whether that was done in time. */
  drain(ms: number): Promise<boolean>;
}

type PartsConfig = Config & { readonly flushSeconds: number };

/**
 * @throws MatyanError `busy` when another server has the data folder, `io` when an engine does not answer, or bucket or
 * topic are missing; made in development.
 */
export async function openServeParts(
  config: PartsConfig,
  role: Role,
  warn: (text: string) => void,
): Promise<ServeParts> {
  await using undo = new AsyncDisposableStack();
  const isCluster = config.kafka !== undefined;
  const needsStore = role !== "frontier" || !isCluster || config.blobs.engine === "folder";
  let lock: ServeLock | undefined;
  if (needsStore && config.store.engine === "embedded")
    lock = undo.use(await lockDataFolder(config.dataDir, role === "all" ? ["api", "frontier"] : [role]));
  const stack = needsStore ? undo.use(await openStack(config, { missing: "create" })) : undefined;
  const blobs = stack?.blobs ?? (await openCheckedBlobs(config));
  if (stack === undefined) undo.defer(() => blobs.close());
  const secret = blobs.presignPut === undefined ? await readSecret(join(config.dataDir, "presign.key")) : undefined;

  const patience = config.flushSeconds * 1_000;
  const bus = await openServeBus(config, role, warn);
  if (bus !== undefined) undo.defer(async () => void (await within(bus.bus.close(), patience)));
  const events =
    role === "frontier" || bus === undefined
      ? undefined
      : new BusEvents({ producer: bus.bus.producer, topic: config.kafka!.topics.control, warn });
  const loop = bus === undefined ? new ApplyLoop(stack!.store, blobs) : undefined;
  const ingest = loop ?? new PublishIngest(bus!.bus.producer, config.kafka!.topics.ingestion);
  const resources = undo.move();
  return {
    store: stack?.store,
    blobs,
    ingest,
    loop,
    bus,
    events,
    secret,
    checked: { store: stack?.store, blobs, bus },
    note: async (addresses) => lock?.note(addresses),
    drain: (ms) => {
      if (loop !== undefined) return within(loop.close(), ms);
      const flushed = (async () => {
        await events?.close();
        await bus!.bus.producer.close();
      })();
      return within(flushed, Math.min(ms, patience));
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function openServeBus(config: PartsConfig, role: Role, warn: (text: string) => void) {
  const bus = await openBus(config, { clientId: `matyan-${role === "all" ? "serve" : role}`, warn });
  if (bus === undefined || config.kafka === undefined) return undefined;
  const names: readonly TopicName[] = role === "frontier" ? ["ingestion"] : ["ingestion", "control"];
  const topics = names.map((name) => config.kafka!.topics[name]);
  try {
    await makeTopics(bus, config, names);
    await bus.check(topics);
  } catch (error) {
    await bus.close();
    throw error;
  }
  return { bus, topics };
}
