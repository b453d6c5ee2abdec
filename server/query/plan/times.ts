// Ranges of creation times in a plan.
import { allOf, anyOf, everything, lookupPlan, nothing, type Plan, type TimeRange } from "./nodes.ts";

const anytime: TimeRange = { from: undefined, to: undefined };

/** The times that every candidate lies between, as far as the top of the plan says. */
export function timesOf(plan: Plan): TimeRange {
  let { from, to } = anytime;
  for (const part of plan.kind === "and" ? plan.parts : [plan]) {
    if (part.kind !== "lookup" || part.lookup.kind !== "created") continue;
    const { lookup } = part;
    if (lookup.from !== undefined) from = Math.max(from ?? -Infinity, lookup.from);
    if (lookup.to !== undefined) to = Math.min(to ?? Infinity, lookup.to);
  }
  return { from, to };
}

/**
 * The plan with one range of times in each intersection, and without ranges that contain 0: a run without a stored time counts
 * as created at 0 but is not in the index.
 */
export function settleTimes(plan: Plan): Plan {
  switch (plan.kind) {
    case "or":
      return anyOf(plan.parts.map(settleTimes));
    case "and": {
      const others = plan.parts.filter((part) => part.kind !== "lookup" || part.lookup.kind !== "created");
      return allOf([...others.map(settleTimes), rangePlan(timesOf(plan))]);
    }
    case "lookup":
      return plan.lookup.kind === "created" ? rangePlan(timesOf(plan)) : plan;
    default:
      return plan;
  }
}

function rangePlan({ from, to }: TimeRange): Plan {
  if (from !== undefined && to !== undefined && from > to) return nothing;
  const containsZero = (from === undefined || from <= 0) && (to === undefined || to >= 0);
  return containsZero ? everything : lookupPlan({ kind: "created", from, to });
}
