// The store as commands that only look need it: never made by them, closed when they are done.
import { join } from "node:path";
import { MatyanError } from "../../formats/error.ts";
import type { Config } from "../config.ts";
import { openEmbedded } from "../kv/embedded.ts";
import { openStore, type Store } from "../store/index.ts";

/**
 * Runs `body` with the embedded store of the configuration's folder.
 * @throws MatyanError `not_found` with the way out when there is no store; nothing is created then.
 */
export async function withStore<T>(config: Config, body: (store: Store) => Promise<T>): Promise<T> {
  const path = join(config.dataDir, "store.db");
  if (!(await Bun.file(path).exists()))
    throw new MatyanError("not_found", `there is no store in ${config.dataDir}`, {
      hint: "'matyan restore ARCHIVE' makes one. For a store elsewhere give --data DIR or set MATYAN_DATA.",
    });
  const database = await openEmbedded({ path, durability: config.durability, create: false });
  try {
    return await body(await openStore(database));
  } finally {
    await database.close();
  }
}
