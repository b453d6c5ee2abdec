// The one place that reads the environment. Values are checked at start; secrets are never printed.
import { resolve } from "node:path";
import { MatyanError } from "../formats/error.ts";

export interface Config {
  /** Absolute path of the folder that holds the embedded store and its blobs. */
  readonly dataDir: string;
  /** What an acknowledged commit survives: `full` a power cut, `normal` only the end of the process. */
  readonly durability: "full" | "normal";
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const defaultDataDir = "./.matyan";

/** @throws MatyanError `usage` naming the variable whose value is not accepted. */
export function readConfig(env: Environment, options: { readonly dataDir?: string | undefined } = {}): Config {
  const durability = env["MATYAN_DURABILITY"] || "full";
  if (durability !== "full" && durability !== "normal")
    throw new MatyanError("usage", `MATYAN_DURABILITY is '${durability}'`, { hint: "Set it to 'full' or 'normal'." });
  return { dataDir: resolve(options.dataDir ?? (env["MATYAN_DATA"] || defaultDataDir)), durability };
}
