// Where `matyan top` looks by its options: a server, a store, or a folder together with the server that has it.
import type { Config } from "../../../server/config.ts";
import type { LiveSource } from "../../../server/live/source.ts";
import { openStoreSource } from "../../../server/live/storeSource.ts";
import { isServed, readServeNote } from "../../../server/serveLock.ts";
import { parseAddress } from "../../client/address.ts";
import { openServerSource } from "../../client/liveSource.ts";

/** `now` in seconds since the epoch. @throws MatyanError `usage` for what is no address, `not_found` when there is no store */
export async function openSource(
  config: Config,
  url: string | undefined,
  now: () => number,
  signal: AbortSignal,
): Promise<LiveSource> {
  if (url !== undefined) return openServerSource(parseAddress(url), now, signal);
  const store = await openStoreSource(config, now);
  const address = config.store.engine === "embedded" ? await addressOfServer(config.dataDir) : undefined;
  if (address === undefined) return store;
  const server = openServerSource(address, now, signal);
  return {
    ...store,
    place: `${store.place} (served at ${address})`,
    // Without the server that was there at the start the folder still tells what it can.
    figures: async () => {
      try {
        return await server.figures();
      } catch {
        signal.throwIfAborted();
        return await store.figures();
      }
    },
  };
}

/** Where the API of the server that has the folder is; undefined when there is none. */
async function addressOfServer(dataDir: string): Promise<string | undefined> {
  return isServed(dataDir, "api") ? (await readServeNote(dataDir, "api"))?.addresses[0] : undefined;
}
