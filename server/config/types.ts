// Words that the configuration and those who read it share.

export type Environment = Readonly<Record<string, string | undefined>>;

export const logLevels = ["debug", "info", "warning", "error", "critical"] as const;
export type LogLevel = (typeof logLevels)[number];

/** What a process does, as far as its configuration is concerned. `jobs` are all commands that open the store and end. */
export const roles = ["api", "frontier", "ingest-worker", "control-worker", "jobs"] as const;
export type Role = (typeof roles)[number];
