// The store and the blobs of a data folder, which a laptop's commands work on.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { MatyanError } from "../formats/error.ts";
import { openFolderBlobs } from "./blobs/folder.ts";
import type { Config } from "./config.ts";
import { openEmbedded } from "./kv/embedded.ts";
import type { Database } from "./kv/index.ts";
import { openMemory } from "./kv/memory.ts";
import { type OpenStackOptions, type Stack, stackOf } from "./stack.ts";

/** What is asked of the configuration here. */
export type FolderConfig = Pick<Config, "dataDir" | "durability">;

/** Where things are in a data folder. */
export function embeddedPaths({ dataDir }: Pick<Config, "dataDir">): {
  readonly store: string;
  readonly blobs: string;
} {
  return { store: join(dataDir, "store.db"), blobs: join(dataDir, "blobs") };
}

/**
 * Opens `<dataDir>/store.db`. Several processes may do so at the same time.
 * @throws MatyanError `not_found` when there is none and `missing` is `fail`; what `openEmbedded` throws.
 */
export async function openEmbeddedDatabase(
  config: FolderConfig,
  { missing, access = "write" }: OpenStackOptions,
): Promise<Database> {
  const path = embeddedPaths(config).store;
  const isThere = existsSync(path);
  if (!isThere && missing === "fail")
    throw new MatyanError("not_found", `there is no store in ${config.dataDir}`, {
      hint: "Name its folder with --data or MATYAN_DATA; `matyan restore` makes one.",
    });
  if (!isThere && missing === "empty") return openMemory();
  return openEmbedded({ path, durability: config.durability, create: missing === "create", access });
}

/** Opens a data folder whatever the configuration says of engines. */
export async function openEmbeddedStack(
  config: FolderConfig,
  options: OpenStackOptions = { missing: "create" },
): Promise<Stack> {
  return stackOf(await openEmbeddedDatabase(config, options), options, () =>
    openFolderBlobs(embeddedPaths(config).blobs, { durability: config.durability }),
  );
}
