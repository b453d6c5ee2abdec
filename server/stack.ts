// Opens what the configuration names: the store, the blobs and the bus. Each engine's library is loaded only if it is used.
import { MatyanError } from "../formats/error.ts";
import type { BlobStore } from "./blobs/index.ts";
import type { Bus } from "./bus/index.ts";
import type { Config } from "./config.ts";
import type { Database } from "./kv/index.ts";
import { openMemory } from "./kv/memory.ts";
import { openStore, type Store } from "./store/index.ts";

export interface OpenStackOptions {
  /**
   * What happens when there is no store yet: `create` makes one, `fail` says so, `empty` stands in with an
   * empty store that vanishes, so that a dry run writes nothing.
   */
  readonly missing: "create" | "fail" | "empty";
  /** `read` needs no permission to write, and waits for no writer; `write` unless told. */
  readonly access?: "read" | "write";
}

export interface OpenStore extends AsyncDisposable {
  readonly database: Database;
  readonly store: Store;
  close(): Promise<void>;
}

export interface Stack extends OpenStore {
  readonly blobs: BlobStore;
}

type BlobConfig = Pick<Config, "dataDir" | "durability" | "blobs">;
type EngineConfig = Pick<Config, "dataDir" | "durability" | "store" | "blobs" | "fault">;

/**
 * The store and the blobs; for writing, the bucket is asked for first, and made in development.
 * @throws MatyanError what the configuration or an engine finds wrong
 */
export async function openStack(config: EngineConfig, options: OpenStackOptions): Promise<Stack> {
  if (config.fault !== undefined) throw config.fault;
  const { access = "write", missing } = options;
  return stackOf(await openDatabase(config, options), options, () =>
    access === "write" && missing !== "empty" ? openCheckedBlobs(config) : openBlobs(config),
  );
}

/** The blobs alone, where bucket or container are there. @throws MatyanError that names what is missing */
export async function openCheckedBlobs(config: BlobConfig): Promise<BlobStore> {
  const blobs = await openBlobs(config);
  try {
    if (blobs.engine !== "folder") await blobs.check();
    return blobs;
  } catch (error) {
    await blobs.close();
    throw error;
  }
}

/** The store alone, for commands that look at no blobs. @throws MatyanError what the configuration or an engine finds wrong */
export async function openStoreOnly(config: EngineConfig, options: OpenStackOptions): Promise<OpenStore> {
  if (config.fault !== undefined) throw config.fault;
  return storeOf(await openDatabase(config, options), options);
}

/** The blobs alone. Whether bucket or container are there is asked by their `check`. */
export async function openBlobs(config: BlobConfig): Promise<BlobStore> {
  const { blobs } = config;
  switch (blobs.engine) {
    case "folder": {
      const [{ openFolderBlobs }, { embeddedPaths }] = await Promise.all([
        import("./blobs/folder.ts"),
        import("./embedded.ts"),
      ]);
      return openFolderBlobs(embeddedPaths(config).blobs, { durability: config.durability });
    }
    case "s3":
      return (await import("./blobs/s3/index.ts")).openS3Blobs(blobs);
    case "gcs":
      return (await import("./blobs/gcs/index.ts")).openGcsBlobs(blobs);
    case "azure":
      return (await import("./blobs/azure/index.ts")).openAzureBlobs(blobs);
  }
}

/**
 * The bus between processes, or undefined in embedded mode, where one process is all.
 * @throws MatyanError `io` when no broker answers.
 */
export async function openBus(
  { kafka }: Pick<Config, "kafka">,
  options: { readonly clientId: string; readonly warn?: (text: string) => void },
): Promise<Bus | undefined> {
  if (kafka === undefined) return undefined;
  return (await import("./bus/kafka/index.ts")).openKafkaBus(kafka, options);
}

async function openDatabase(config: EngineConfig, options: OpenStackOptions): Promise<Database> {
  switch (config.store.engine) {
    case "embedded":
      return (await import("./embedded.ts")).openEmbeddedDatabase(config, options);
    case "foundationdb":
      return (await import("./kv/foundationdb/index.ts")).openFoundationDb(config.store);
    case "none":
      throw new MatyanError("usage", "no store is named", {
        hint: "Set FDB_CLUSTER_FILE, or name the folder of an embedded store with MATYAN_DATA or --data.",
      });
  }
}

/** For what `openDatabase` of some engine gave: closes it when the rest fails. */
export async function stackOf(
  database: Database,
  options: OpenStackOptions,
  open: () => Promise<BlobStore>,
): Promise<Stack> {
  const opened = await storeOf(database, options);
  try {
    const blobs = await open();
    const close = async () => {
      try {
        await blobs.close();
      } finally {
        await opened.close();
      }
    };
    return { database: opened.database, store: opened.store, blobs, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function storeOf(database: Database, { missing, access = "write" }: OpenStackOptions): Promise<OpenStore> {
  try {
    const store = await openStore(database, missing === "create" ? access : "read");
    const close = () => database.close();
    return { database, store, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await database.close();
    if (missing !== "empty" || !(error instanceof MatyanError) || error.code !== "not_found") throw error;
    return storeOf(await openMemory(), { missing: "create" });
  }
}
