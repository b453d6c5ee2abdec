// The store as commands that only look need it: never made by them, closed when they are done.
import type { Config } from "../config.ts";
import { openStoreOnly } from "../stack.ts";
import type { Store } from "../store/index.ts";

/**
 * Runs `body` with the store that the configuration names.
 * @throws MatyanError `not_found` with the way out when there is no store; nothing is created then.
 */
export async function withStore<T>(config: Config, body: (store: Store) => Promise<T>): Promise<T> {
  await using stack = await openStoreOnly(config, { missing: "fail", access: "read" });
  return await body(stack.store);
}
