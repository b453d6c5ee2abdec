// How the runs of a query are found: its plan, and what that means for the store of this machine.
import { explain, type PreparedQuery, planQuery } from "../../../server/query/index.ts";
import { accessFor } from "../../../server/search/index.ts";
import type { Store } from "../../../server/store/index.ts";
import type { Output } from "../../output.ts";
import { counted } from "../numbers.ts";
import type { Style } from "../style.ts";

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
  for (const line of plan.split("\n")) out.line(paintPlan(line, out.style));
  const how = {
    none: "no run is looked at",
    walk: `runs are gone through by creation time${limit === undefined ? "" : ` until ${limit} are found`}`,
    candidates: `${count === undefined ? "candidates" : counted(count, "candidate")} to look at, by hash`,
  }[access.kind];
  out.line(`${out.style.bold("here:")} ${how}`);
}

/** What is looked up in bold, names and texts green, numbers cyan, what holds for all of it dim. */
function paintPlan(line: string, style: Style): string {
  if (!style.enabled) return line;
  if (line.startsWith("every candidate")) return style.dim(line);
  const word =
    /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|^\s*(?:all of|any of|index|run with hash|no run can match|every run)\b|(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?\b|\b(?:True|False|None|inf)\b/g;
  return line.replace(word, (found) => {
    if (/^['"]/.test(found)) return style.green(found);
    return /^[-\d]|^(?:True|False|None|inf)$/.test(found) ? style.cyan(found) : style.bold(found);
  });
}
