// What parts of a condition say of the runs and sequences that can match, and how that is put together.
import { allOf, anyOf, everything, lookupPlan, nothing, type Plan } from "./nodes.ts";

/** What a node says about runs and about the names of sequences. */
export interface Said {
  readonly runs: Plan;
  readonly names: ReadonlySet<string> | undefined;
}

export const unknown: Said = { runs: everything, names: undefined };
export const never: Said = { runs: nothing, names: new Set() };

export function runsOnly(runs: Plan): Said {
  return runs.kind === "none" ? never : { runs, names: undefined };
}

/** Runs with the flag set or not. Runs that are not active have no index. */
export function flagSaid(kind: "active" | "archived", value: boolean): Said {
  if (kind === "archived") return runsOnly(lookupPlan({ kind, value }));
  return value ? runsOnly(lookupPlan({ kind })) : unknown;
}

export function both(parts: readonly Said[]): Said {
  const runs = allOf(parts.map((part) => part.runs));
  let names: ReadonlySet<string> | undefined;
  for (const part of parts) {
    if (part.names === undefined) continue;
    const before = names;
    names = before === undefined ? part.names : new Set([...part.names].filter((name) => before.has(name)));
  }
  return names !== undefined && names.size === 0 ? never : { runs, names };
}

export function either(parts: readonly Said[]): Said {
  const open = parts.some((part) => part.names === undefined);
  return {
    runs: anyOf(parts.map((part) => part.runs)),
    names: open ? undefined : new Set(parts.flatMap((part) => [...(part.names ?? [])])),
  };
}
