// Contexts as people write them: `subset=train, fold=1`, and the matching of what they typed.

import { MatyanError } from "../../formats/error.ts";
import { formatJson } from "../../formats/json.ts";
import type { Value, ValueMap } from "../../formats/value.ts";

/** `subset=train, fold=1` in the order of names; empty for the empty context. Strings go bare, all else as JSON. */
export function contextText(context: ValueMap): string {
  return [...context]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${scalarText(value)}`)
    .join(", ");
}

export type ContextTerm = readonly [name: string, value: string];

/** @throws MatyanError `usage` when there is no `=`. */
export function parseContextTerm(text: string): ContextTerm {
  const at = text.indexOf("=");
  if (at <= 0)
    throw new MatyanError("usage", `'${text}' is no context`, { hint: "Write NAME=VALUE, for example subset=val." });
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** Whether a context has all terms. A value matches by its text; `1` also matches the float 1.0. */
export function matchesContext(context: ValueMap, terms: readonly ContextTerm[]): boolean {
  return terms.every(([name, wanted]) => {
    const value = context.get(name);
    if (value === undefined) return false;
    if (scalarText(value) === wanted) return true;
    const isNumber = typeof value === "number" || typeof value === "bigint";
    return isNumber && wanted !== "" && Number(wanted) === Number(value);
  });
}

function scalarText(value: Value): string {
  return typeof value === "string" ? value : formatJson(value);
}
