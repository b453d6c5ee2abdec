// A plan in words, for `--explain`.
import { pythonFloat } from "../../../formats/json.ts";
import { quote } from "../evaluate/repr.ts";
import type { Lookup, NumberRange, Plan, QueryPlan } from "./nodes.ts";

/** One line for each node, children indented by two blanks. */
export function explain(plan: QueryPlan): string {
  const lines = explainPlan(plan.runs, 0);
  if (plan.sequenceNames !== undefined) {
    const names = [...plan.sequenceNames].map(quote).join(", ");
    lines.push(names === "" ? "no sequence can match" : `only sequences named ${names}`);
  }
  const { from, to } = plan.times;
  if (plan.runs.kind === "all" && (from !== undefined || to !== undefined)) lines.push(createdText(from, to));
  if (plan.runs.kind !== "none") lines.push("every candidate is checked against the whole query");
  return lines.join("\n");
}

function explainPlan(plan: Plan, depth: number): string[] {
  const line = (text: string): string => "  ".repeat(depth) + text;
  switch (plan.kind) {
    case "all":
      return [line("all runs, by creation time (no index helps)")];
    case "none":
      return [line("no run can match")];
    case "lookup":
      return [line(describe(plan.lookup))];
    case "and":
      return [line("all of"), ...plan.parts.flatMap((part) => explainPlan(part, depth + 1))];
    case "or":
      return [line("any of"), ...plan.parts.flatMap((part) => explainPlan(part, depth + 1))];
  }
}

function createdText(from: number | undefined, to: number | undefined): string {
  const bound = (time: number | undefined, open: string): string => (time === undefined ? open : pythonFloat(time));
  return `created_at from ${bound(from, "the first")} to ${bound(to, "the last")}`;
}

function describe(lookup: Lookup): string {
  switch (lookup.kind) {
    case "hash":
      return `run with hash ${quote(lookup.hash)}`;
    case "tag":
      return `index tag = ${quote(lookup.name)}`;
    case "experiment":
      return `index experiment = ${quote(lookup.name)}`;
    case "active":
      return "index active = True";
    case "archived":
      return `index archived = ${lookup.value ? "True" : "False"}`;
    case "created":
      return `index ${createdText(lookup.from, lookup.to)}`;
    case "hparamNumber":
      return `index hparam ${quote(lookup.key)}: ${describeRange(lookup.range)}`;
    case "hparamText": {
      if (lookup.from !== undefined && lookup.from === lookup.to) {
        return `index hparam ${quote(lookup.key)} = ${quote(lookup.from)}`;
      }
      const from = lookup.from === undefined ? "the first" : quote(lookup.from);
      return `index hparam ${quote(lookup.key)}: texts from ${from} to ${lookup.to === undefined ? "the last" : quote(lookup.to)}`;
    }
    case "trace":
      return `index sequence name = ${quote(lookup.name)}`;
  }
}

function describeRange(range: NumberRange): string {
  const parts: string[] = [];
  if (range.integers !== undefined) {
    parts.push(`integers ${range.integers.from ?? "…"} to ${range.integers.to ?? "…"}`);
  }
  if (range.doubles !== undefined) {
    parts.push(`floats ${pythonFloat(range.doubles.from)} to ${pythonFloat(range.doubles.to)}`);
  }
  for (const value of range.booleans) parts.push(value ? "True" : "False");
  return parts.join(", ");
}
