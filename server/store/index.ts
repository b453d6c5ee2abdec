// The data model over a key-value store (docs/data-model.md). This room alone knows the shapes of keys.
import { DirectoryLayer } from "../kv/directory.ts";
import type { Database } from "../kv/index.ts";
import type { StoreKeys } from "./keys.ts";

export interface Store extends StoreKeys {
  readonly database: Database;
}

/** The three directories, in the order in which they are made (storage.md 1.1). */
export const directoryPaths = {
  runs: ["data", "runs"],
  indexes: ["data", "indexes"],
  system: ["system"],
} as const;

/** Opens the directories, making them in an empty store. Each is resolved anew: prefixes differ between clusters. */
export async function openStore(database: Database): Promise<Store> {
  const layer = new DirectoryLayer();
  const open = (path: readonly string[]) => database.transact((tx) => layer.createOrOpen(tx, [...path]));
  const runs = await open(directoryPaths.runs);
  const indexes = await open(directoryPaths.indexes);
  const system = await open(directoryPaths.system);
  return { database, dirs: { runs, indexes, system } };
}
