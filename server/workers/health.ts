// What a worker says of itself to whoever watches it.

export interface WorkerHealth {
  readonly status: "ok" | "degraded";
  /** By what was looked at: `ok` or the reason. */
  readonly checks: Readonly<Record<string, string>>;
}

export function healthOf(checks: Readonly<Record<string, string | undefined>>): WorkerHealth {
  const told = Object.fromEntries(Object.entries(checks).map(([name, reason]) => [name, reason ?? "ok"]));
  return { status: Object.values(told).every((reason) => reason === "ok") ? "ok" : "degraded", checks: told };
}
