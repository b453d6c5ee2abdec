// A metric as people name it: `loss`, or `loss{subset=val}` for one context of it.

import { type ContextTerm, contextText, matchesContext, parseContextTerm } from "./contextText.ts";
import type { MetricSummary, RunSummary } from "./summary.ts";
import { metricsOf } from "./summary.ts";

export interface MetricRef {
  readonly name: string;
  readonly context: readonly ContextTerm[];
  /** Exactly this context, whatever `context` says. */
  readonly contextId?: number;
}

/** A name may itself have braces: only a well-formed `{k=v,...}` at the end is taken for a context. */
export function parseMetric(text: string): MetricRef {
  const match = /^(.+)\{([^{}]+=[^{}]*)\}$/.exec(text);
  if (match === null) return { name: text, context: [] };
  return { name: match[1]!, context: match[2]!.split(",").map((term) => parseContextTerm(term.trim())) };
}

/** Whether a metric is meant by its name, in one of the contexts that the name allows. */
export function metricMatches(
  ref: MetricRef,
  { name, context, contextId }: Pick<MetricSummary, "name" | "context" | "contextId">,
): boolean {
  if (name !== ref.name) return false;
  return ref.contextId === undefined ? matchesContext(context, ref.context) : contextId === ref.contextId;
}

/**
 * The sequence of a run that a metric stands for. Where several contexts match, the empty one is meant, else the first
 * by its text, so that the choice is the same in every run.
 */
export function findMetric(run: RunSummary, metric: MetricRef): MetricSummary | undefined {
  return metricsOf(run)
    .filter((known) => metricMatches(metric, known))
    .sort((a, b) => compareContexts(a, b))[0];
}

/** The title of a sequence in lists: its name, and its context when it has one. */
export function metricTitle(metric: MetricSummary): string {
  const context = contextText(metric.context);
  return context === "" ? metric.name : `${metric.name}{${context}}`;
}

function compareContexts(a: MetricSummary, b: MetricSummary): number {
  const [first, second] = [contextText(a.context), contextText(b.context)];
  return first < second ? -1 : first > second ? 1 : a.contextId - b.contextId;
}

/** Metrics that most of the runs have, at most `count`, the most common first, then by name. System metrics are left out. */
export function commonMetrics(runs: readonly RunSummary[], count: number): MetricSummary[] {
  const seen = new Map<string, { metric: MetricSummary; runs: number }>();
  for (const run of runs)
    for (const metric of metricsOf(run)) {
      // "custom" counts as a metric in the data model, but has no number to show.
      if (metric.name.startsWith("__") || metric.dtype === "custom") continue;
      const key = `${metric.name}\0${metric.contextId}`;
      const entry = seen.get(key) ?? { metric, runs: 0 };
      entry.runs++;
      seen.set(key, entry);
    }
  return [...seen.values()]
    .sort((a, b) => b.runs - a.runs || (metricTitle(a.metric) < metricTitle(b.metric) ? -1 : 1))
    .slice(0, count)
    .map(({ metric }) => metric);
}
