// The one place that reads the environment. Values are checked at start; secrets are never printed.
import { type ApiSettings, type Config, Configuration, type ServeSettings } from "./config/configuration.ts";
import { readDotenv } from "./config/dotenv.ts";
import type { Environment } from "./config/types.ts";
import type { Sources } from "./config/values.ts";
import type { Name } from "./config/variables.ts";

export {
  type ApiSettings,
  apiDefaults,
  type BlobSettings,
  type Config,
  Configuration,
  type JobSettings,
  type ServeSettings,
  type StoreSettings,
  type WorkerSettings,
} from "./config/configuration.ts";
export type * from "./config/engines.ts";
export { ConfigError, type Problem } from "./config/problems.ts";
export {
  type ImageSettings,
  type Pager,
  readHistoryFile,
  readImageSettings,
  readPager,
  readTerminalSettings,
  type TerminalSettings,
} from "./config/terminal.ts";
export { type Environment, type LogLevel, logLevels, type Role, roles } from "./config/types.ts";
export { type Setting, type Source, type Sources, show } from "./config/values.ts";
export { defaultDataDir, type Group, groups, type Name, names, type Variable, variableOf } from "./config/variables.ts";

/** The process's own environment: what readers of the terminal's settings and clients are given outside tests. */
export function processEnvironment(): Environment {
  return process.env;
}

/** Where this process's settings are: its environment, the `.env` file of the working directory, options by variable. */
export function processSources(options: Partial<Record<Name, string | undefined>> = {}): Sources {
  return { environment: process.env, dotenv: readDotenv(".env", process.env), options };
}

/**
 * What commands work with; its `fault` is thrown by what opens the store.
 * @throws MatyanError `usage` when `--data` is empty.
 */
export function readConfig(sources: Sources): Config {
  return new Configuration(sources).config;
}

/** @throws ConfigError naming every variable whose value is not accepted. */
export function readApiSettings(environment: Environment): ApiSettings {
  const configuration = new Configuration({ environment });
  configuration.check(["api"]);
  return configuration.api;
}

/** @throws ConfigError naming every variable whose value is not accepted. */
export function readServeSettings(environment: Environment): ServeSettings {
  const configuration = new Configuration({ environment });
  configuration.check(["api", "frontier"]);
  return configuration.serve;
}
