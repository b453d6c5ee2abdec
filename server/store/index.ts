// The data model over a key-value store (docs/data-model.md). This room alone knows the shapes of keys.
import { MatyanError } from "../../formats/error.ts";
import { DirectoryLayer } from "../kv/directory.ts";
import type { Database } from "../kv/index.ts";
import type { StoreKeys } from "./keys.ts";

export interface Store extends StoreKeys {
  readonly database: Database;
}

/** The three directories, in the order in which they are made (storage.md 1.1). */
const directoryPaths = {
  runs: ["data", "runs"],
  indexes: ["data", "indexes"],
  system: ["system"],
} as const;

/**
 * Opens the directories; `write` (unless told otherwise) makes those that are missing. Each is resolved anew: prefixes
 * differ between clusters.
 * @throws MatyanError `not_found` when they are missing and `access` is `read`.
 */
export async function openStore(database: Database, access: "read" | "write" = "write"): Promise<Store> {
  const layer = new DirectoryLayer();
  const { runs, indexes, system } = directoryPaths;
  // Nearly always they are there, and reading them waits for no writer.
  const found = await database.snapshot(async (tx) => {
    const isThere = await Promise.all([runs, indexes, system].map((path) => layer.exists(tx, path)));
    if (isThere.includes(false)) return undefined;
    const open = (path: readonly string[]) => layer.open(tx, path);
    return { runs: await open(runs), indexes: await open(indexes), system: await open(system) };
  });
  if (found !== undefined) return { database, dirs: found };
  if (access === "read")
    throw new MatyanError("not_found", "the store is empty: nobody has written to it yet", {
      hint: "`matyan serve` and `matyan restore` make what it needs.",
    });
  const make = (path: readonly string[]) => database.transact((tx) => layer.createOrOpen(tx, path));
  return { database, dirs: { runs: await make(runs), indexes: await make(indexes), system: await make(system) } };
}
