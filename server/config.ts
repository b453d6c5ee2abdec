// The one place that reads the environment. Values are checked at start; secrets are never printed.
import { resolve } from "node:path";
import { MatyanError } from "../formats/error.ts";

export interface Config {
  /** Absolute path of the folder that holds the embedded store and its blobs. */
  readonly dataDir: string;
  /** What an acknowledged commit survives: `full` a power cut, `normal` only the end of the process. */
  readonly durability: "full" | "normal";
}

/** What the environment says of the terminal; whether there is one at all is asked of the streams themselves. */
export interface TerminalSettings {
  /** `never` by NO_COLOR or TERM=dumb, `always` by FORCE_COLOR, else `auto`: where a terminal is. */
  readonly color: "auto" | "never" | "always";
  /** Whether the terminal can move its cursor (TERM is not `dumb`). */
  readonly cursor: boolean;
  /** Whether a continuous-integration job is running us: nobody watches, everything is kept as a log. */
  readonly ci: boolean;
  /** COLUMNS, for streams that do not know their width. */
  readonly columns: number | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const defaultDataDir = "./.matyan";

/** The process's own environment: what `readConfig` and `readTerminalSettings` are given outside tests. */
export function processEnvironment(): Environment {
  return process.env;
}

/** @throws MatyanError `usage` naming the variable whose value is not accepted. */
export function readConfig(env: Environment, options: { readonly dataDir?: string | undefined } = {}): Config {
  const durability = env["MATYAN_DURABILITY"] || "full";
  if (durability !== "full" && durability !== "normal")
    throw new MatyanError("usage", `MATYAN_DURABILITY is '${durability}'`, { hint: "Set it to 'full' or 'normal'." });
  if (options.dataDir === "")
    throw new MatyanError("usage", "--data names no folder", { hint: "Give a folder, or leave the option out." });
  return { dataDir: resolve(options.dataDir ?? (env["MATYAN_DATA"] || defaultDataDir)), durability };
}

/** Reads NO_COLOR (no-color.org), FORCE_COLOR, TERM, CI and COLUMNS. Never fails: odd values count as unset. */
export function readTerminalSettings(env: Environment): TerminalSettings {
  const dumb = env["TERM"] === "dumb";
  const columns = Number(env["COLUMNS"]);
  return {
    color: env["NO_COLOR"] ? "never" : isSet(env["FORCE_COLOR"]) ? "always" : dumb ? "never" : "auto",
    cursor: !dumb,
    ci: isSet(env["CI"]),
    columns: Number.isInteger(columns) && columns > 0 ? columns : undefined,
  };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0" && value.toLowerCase() !== "false";
}
