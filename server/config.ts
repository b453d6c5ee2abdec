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

export const logLevels = ["debug", "info", "warning", "error", "critical"] as const;
export type LogLevel = (typeof logLevels)[number];

/** What the REST API takes from the environment. */
export interface ApiSettings {
  /** Origins whose pages may call the API; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** A Fernet key, which blob URIs are sealed with. */
  readonly blobUriSecret: string;
  /** Whether requests are counted. */
  readonly metricsEnabled: boolean;
  readonly logLevel: LogLevel;
}

/** pipeline.md 7.2, 7.3: what the existing services take when nothing is set. */
export const apiDefaults: ApiSettings = {
  corsOrigins: [
    ...["3000", "8000", "8080", "53800"].map((port) => `http://localhost:${port}`),
    ...["8000", "53800"].map((port) => `http://127.0.0.1:${port}`),
  ],
  blobUriSecret: "Juw5-cLlemQI2jAWvceOUB3_CrVfBmI99YIzkpGUXR4=",
  metricsEnabled: true,
  logLevel: "info",
};

/**
 * Reads CORS_ORIGINS (a JSON list, or origins with commas between), BLOB_URI_SECRET, METRICS_ENABLED, LOG_LEVEL.
 * @throws MatyanError `usage` naming the variable whose value is not accepted; the secret is not repeated.
 */
export function readApiSettings(env: Environment): ApiSettings {
  const blobUriSecret = env["BLOB_URI_SECRET"]?.trim() || apiDefaults.blobUriSecret;
  if (!/^[A-Za-z0-9_-]{43}=?$/.test(blobUriSecret))
    throw new MatyanError("usage", "BLOB_URI_SECRET is no Fernet key", {
      hint: "Set it to 32 random bytes in URL-safe base64 (44 characters), or leave it out.",
    });
  const logLevel = (env["LOG_LEVEL"]?.trim() || apiDefaults.logLevel).toLowerCase();
  const known = logLevels.find((level) => level === (logLevel === "warn" ? "warning" : logLevel));
  if (known === undefined)
    throw new MatyanError("usage", `LOG_LEVEL is '${logLevel}'`, { hint: `Set it to one of ${logLevels.join(", ")}.` });
  return {
    corsOrigins: readOrigins(env["CORS_ORIGINS"]) ?? apiDefaults.corsOrigins,
    blobUriSecret,
    metricsEnabled: readFlag(env, "METRICS_ENABLED", apiDefaults.metricsEnabled),
    logLevel: known,
  };
}

function readOrigins(text: string | undefined): string[] | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const origins = text.trim().startsWith("[") ? parseList(text) : text.split(",");
  const isOrigin = (origin: unknown) =>
    typeof origin === "string" && /^\*$|^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i.test(origin);
  const trimmed = origins?.map((origin) => (typeof origin === "string" ? origin.trim().replace(/\/+$/, "") : origin));
  if (trimmed?.every(isOrigin)) return trimmed.map(String);
  throw new MatyanError("usage", `CORS_ORIGINS is '${text}'`, {
    hint: 'Set it to a JSON list of origins, such as ["https://ui.example.org", "http://localhost:8000"].',
  });
}

function parseList(text: string): unknown[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list : undefined;
  } catch {
    return undefined;
  }
}

/** true/false, 1/0, yes/no, on/off, t/f, y/n in any case. */
function readFlag(env: Environment, name: string, fallback: boolean): boolean {
  const text = env[name]?.trim().toLowerCase();
  if (text === undefined || text === "") return fallback;
  if (["true", "1", "yes", "on", "t", "y"].includes(text)) return true;
  if (["false", "0", "no", "off", "f", "n"].includes(text)) return false;
  throw new MatyanError("usage", `${name} is '${text}'`, { hint: "Set it to true or false." });
}

/** What `matyan serve` takes from the environment; its options come before it. */
export interface ServeSettings {
  /** The address to listen on. */
  readonly host: string;
  readonly port: number;
  readonly frontierPort: number;
  /** How long an upload URL is good, seconds. */
  readonly presignExpirySeconds: number;
  /** Scheme, host and port of upload URLs; undefined for the address that the client used. */
  readonly uploadOrigin: string | undefined;
  /** The largest blob, bytes. */
  readonly maxUploadBytes: number;
}

/**
 * Reads MATYAN_HOST, MATYAN_PORT, MATYAN_FRONTIER_PORT, S3_PRESIGN_EXPIRY, MATYAN_UPLOAD_ORIGIN, MATYAN_MAX_UPLOAD_BYTES.
 * @throws MatyanError `usage` naming the variable whose value is not accepted.
 */
export function readServeSettings(env: Environment): ServeSettings {
  const uploadOrigin = env["MATYAN_UPLOAD_ORIGIN"]?.replace(/\/+$/, "") || undefined;
  if (uploadOrigin !== undefined && !/^https?:\/\/[^/?#]+$/.test(uploadOrigin))
    throw new MatyanError("usage", `MATYAN_UPLOAD_ORIGIN is '${uploadOrigin}'`, {
      hint: "Set it to a scheme, a host and perhaps a port: https://files.example.org.",
    });
  return {
    host: env["MATYAN_HOST"] || "127.0.0.1",
    port: wholeNumber(env, "MATYAN_PORT", 53_800, 0, 65_535),
    frontierPort: wholeNumber(env, "MATYAN_FRONTIER_PORT", 53_801, 0, 65_535),
    presignExpirySeconds: wholeNumber(env, "S3_PRESIGN_EXPIRY", 3_600, 1, 7 * 86_400),
    uploadOrigin,
    maxUploadBytes: wholeNumber(env, "MATYAN_MAX_UPLOAD_BYTES", 100 * 1024 ** 3, 1, Number.MAX_SAFE_INTEGER),
  };
}

/** Blanks around and `_` between digits are fine, as in the existing services (pipeline.md 7.1). */
function wholeNumber(env: Environment, name: string, fallback: number, low: number, high: number): number {
  const text = env[name]?.trim();
  if (text === undefined || text === "") return fallback;
  const value = /^\d+(?:_\d+)*(?:\.0*)?$/.test(text) ? Number(text.replaceAll("_", "")) : Number.NaN;
  if (value >= low && value <= high) return value;
  throw new MatyanError("usage", `${name} is '${text}'`, { hint: `Set it to a whole number from ${low} to ${high}.` });
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
