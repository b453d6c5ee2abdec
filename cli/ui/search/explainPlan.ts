// How the runs of a query are found: its plan, and what that means for the store of this machine.
import { explain, type PreparedQuery, planQuery } from "../../../server/query/index.ts";
import { accessFor } from "../../../server/search/index.ts";
import type { Store } from "../../../server/store/index.ts";
import type { Output } from "../../output.ts";
import { counted } from "../numbers.ts";

/** @param limit runs that are shown at most: a walk ends there */
export async function explainPlan(
  out: Output,
  store: Store,
  prepared: PreparedQuery,
  limit: number | undefined,
): Promise<void> {
  const plan = explain(planQuery(prepared));
  const access = await store.database.snapshot((tx) => accessFor(prepared, tx, store, limit));
  const count = Number.isFinite(access.estimate) ? access.estimate : undefined;
  out.record({
    plan: plan.split("\n"),
    access: access.kind,
    candidates: count ?? null,
    hides_archived: prepared.hidesArchived,
  });
  out.line(plan);
  const how = {
    none: "no run is looked at",
    walk: `runs are gone through by creation time${limit === undefined ? "" : ` until ${limit} are found`}`,
    candidates: `${count === undefined ? "candidates" : counted(count, "candidate")} to look at, by hash`,
  }[access.kind];
  out.line(`here: ${how}`);
}
