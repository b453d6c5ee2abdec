// MatyanQL: prepare a query, plan it over the indexes, evaluate it over rows. What the other rooms use is exported here.

export { type BudgetName, type ErrorPosition, QueryBudgetError, QueryError } from "./errors.ts";
export { type EvaluateOptions, QueryEvaluator } from "./evaluate/evaluator.ts";
export { type Budget, defaultBudget } from "./evaluate/meter.ts";
export type { RunRow, SequenceRow } from "./evaluate/rows.ts";
export { type Access, candidateHashes, chooseAccess } from "./plan/candidates.ts";
export { explain } from "./plan/explain.ts";
export type { Lookup, NumberRange, Plan, QueryPlan, RangeOperator, TimeRange } from "./plan/nodes.ts";
export { planQuery } from "./plan/plan.ts";
export type { HashBatches, PlanSources } from "./plan/sources.ts";
export type { Needs } from "./prepare/needs.ts";
export { type PreparedQuery, type PrepareOptions, prepareQuery } from "./prepare/prepare.ts";
export type { Scope } from "./scope.ts";
