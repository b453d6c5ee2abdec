// A plan: which runs can match at all. Plain immutable nodes. Every plan stands for a superset of the matching runs; the
// candidates are always evaluated, so an index can make a query faster but never wrong.

/** Numbers between two bounds, both included; an undefined bound is open. */
export interface NumberRange {
  /** Block of integer keys, or undefined when no integer is in the range. */
  readonly integers: { readonly from?: bigint | undefined; readonly to?: bigint | undefined } | undefined;
  /** Block of double keys. Bounds are in the total order of keys, where -0.0 is below 0.0; never NaN. */
  readonly doubles: { readonly from: number; readonly to: number } | undefined;
  /** Boolean keys: Python counts True as 1 and False as 0. */
  readonly booleans: readonly boolean[];
}

export type RangeOperator = "==" | "<" | "<=" | ">" | ">=";

/** One question that an index answers. */
export type Lookup =
  | { readonly kind: "hash"; readonly hash: string }
  | { readonly kind: "tag"; readonly name: string }
  | { readonly kind: "experiment"; readonly name: string }
  /** Runs stored as active. There is no such look-up for the others: indexes count a run without the field as active. */
  | { readonly kind: "active" }
  | { readonly kind: "archived"; readonly value: boolean }
  /** Runs created at a time from `from` to `to`, both included, seconds since the epoch. */
  | { readonly kind: "created"; readonly from: number | undefined; readonly to: number | undefined }
  /** Runs whose top-level hparam is a number x (an int, a float or a bool) with `x op value`; `range` says the same by blocks. */
  | {
      readonly kind: "hparamNumber";
      readonly key: string;
      readonly op: RangeOperator;
      readonly value: bigint | number;
      readonly range: NumberRange;
    }
  /** Runs whose top-level hparam is a string from `from` to `to`, both included, in code point order. */
  | {
      readonly kind: "hparamText";
      readonly key: string;
      readonly from: string | undefined;
      readonly to: string | undefined;
    }
  /** Runs with a sequence of this name, whatever its type. */
  | { readonly kind: "trace"; readonly name: string };

export type Plan =
  /** No index helps: every run is a candidate. */
  | { readonly kind: "all" }
  /** No run can match. */
  | { readonly kind: "none" }
  | { readonly kind: "lookup"; readonly lookup: Lookup }
  | { readonly kind: "and"; readonly parts: readonly Plan[] }
  | { readonly kind: "or"; readonly parts: readonly Plan[] };

/** Seconds since the epoch, both included; an undefined bound is open. */
export interface TimeRange {
  readonly from: number | undefined;
  readonly to: number | undefined;
}

export interface QueryPlan {
  readonly runs: Plan;
  /** Times of creation that every match lies between, for a walk by creation time. */
  readonly times: TimeRange;
  /**
   * In a search over sequences: names that a matching sequence can have, or undefined when it can have any. An empty set
   * means that none matches.
   */
  readonly sequenceNames: ReadonlySet<string> | undefined;
}

export const everything: Plan = { kind: "all" };
export const nothing: Plan = { kind: "none" };

export function lookupPlan(lookup: Lookup): Plan {
  return { kind: "lookup", lookup };
}

/** Runs that are candidates of every part. */
export function allOf(parts: readonly Plan[]): Plan {
  if (parts.some((part) => part.kind === "none")) return nothing;
  const useful = parts
    .filter((part) => part.kind !== "all")
    .flatMap((part) => (part.kind === "and" ? part.parts : [part]));
  const [only] = useful;
  if (only === undefined) return everything;
  return useful.length === 1 ? only : { kind: "and", parts: useful };
}

/** Runs that are candidates of some part. */
export function anyOf(parts: readonly Plan[]): Plan {
  if (parts.some((part) => part.kind === "all")) return everything;
  const useful = parts
    .filter((part) => part.kind !== "none")
    .flatMap((part) => (part.kind === "or" ? part.parts : [part]));
  const [only] = useful;
  if (only === undefined) return nothing;
  return useful.length === 1 ? only : { kind: "or", parts: useful };
}
