// Opens the store and the blobs of a data folder: what each command that works on a laptop's own store begins with.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { MatyanError } from "../formats/error.ts";
import { openFolderBlobs } from "./blobs/folder.ts";
import type { BlobStore } from "./blobs/index.ts";
import type { Config } from "./config.ts";
import { openEmbedded } from "./kv/embedded.ts";
import type { Database } from "./kv/index.ts";
import { openMemory } from "./kv/memory.ts";
import { openStore, type Store } from "./store/index.ts";

export interface EmbeddedStack extends AsyncDisposable {
  readonly database: Database;
  readonly store: Store;
  readonly blobs: BlobStore;
  close(): Promise<void>;
}

export interface OpenStackOptions {
  /**
   * What happens when the folder has no store yet: `create` makes one, `fail` says so, `empty` stands in with an
   * empty store that vanishes, so that a dry run writes nothing.
   */
  readonly missing: "create" | "fail" | "empty";
}

/** Where things are in a data folder. */
export function embeddedPaths({ dataDir }: Pick<Config, "dataDir">): {
  readonly store: string;
  readonly blobs: string;
} {
  return { store: join(dataDir, "store.db"), blobs: join(dataDir, "blobs") };
}

/**
 * Opens `<dataDir>/store.db` and `<dataDir>/blobs`. Several processes may do so at the same time.
 * @throws MatyanError `not_found` when there is no store and `missing` is `fail`; what `openEmbedded` throws.
 */
export async function openEmbeddedStack(
  config: Pick<Config, "dataDir" | "durability">,
  { missing }: OpenStackOptions = { missing: "create" },
): Promise<EmbeddedStack> {
  const paths = embeddedPaths(config);
  const isThere = existsSync(paths.store);
  if (!isThere && missing === "fail")
    throw new MatyanError("not_found", `there is no store in ${config.dataDir}`, {
      hint: "Name its folder with --data or MATYAN_DATA; `matyan restore` makes one.",
    });
  const database =
    !isThere && missing === "empty"
      ? await openMemory()
      : await openEmbedded({ path: paths.store, durability: config.durability, create: missing === "create" });
  try {
    const store = await openStore(database);
    const blobs = await openFolderBlobs(paths.blobs, { durability: config.durability });
    const close = () => database.close();
    return { database, store, blobs, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await database.close();
    throw error;
  }
}
