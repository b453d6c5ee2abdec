// The store as commands that only look need it: never made by them, closed when they are done.
import type { Config } from "../config.ts";
import { openEmbeddedStack } from "../embedded.ts";
import type { Store } from "../store/index.ts";

/**
 * Runs `body` with the embedded store of the configuration's folder.
 * @throws MatyanError `not_found` with the way out when there is no store; nothing is created then.
 */
export async function withStore<T>(config: Config, body: (store: Store) => Promise<T>): Promise<T> {
  await using stack = await openEmbeddedStack(config, { missing: "fail" });
  return await body(stack.store);
}
