// What two runs have in common and what not: parameters by their paths, metrics by name and context.
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import { artifactsName } from "../store/artifactEntries.ts";
import { metricTitle } from "./metricName.ts";
import { systemName } from "./params.ts";
import { metricsOf, type RunSummary } from "./summary.ts";

/** One line of the comparison; undefined where a run has none. */
export interface DiffLine {
  /** `hparams.lr`, or a metric's name with its context. */
  readonly name: string;
  readonly a: Value | undefined;
  readonly b: Value | undefined;
  readonly isSame: boolean;
}

export interface RunDiff {
  readonly params: readonly DiffLine[];
  /** The last values. */
  readonly metrics: readonly DiffLine[];
}

/** By name. Runs are read with their attributes. Parameters of the machine are left out unless `system`. */
export function diffRuns(a: RunSummary, b: RunSummary, system: boolean): RunDiff {
  return {
    params: compare(scalarsOf(a.attrs ?? new Map(), system), scalarsOf(b.attrs ?? new Map(), system)),
    metrics: compare(lastOf(a), lastOf(b)),
  };
}

function lastOf(run: RunSummary): Map<string, Value> {
  return new Map(metricsOf(run).map((metric) => [metricTitle(metric), metric.last ?? null]));
}

/** Everything that is no map, by its dotted path; an empty map stands for itself. */
function scalarsOf(attrs: ValueMap, system: boolean): Map<string, Value> {
  const scalars = new Map<string, Value>();
  const walk = (value: Value, path: string) => {
    if (!isMap(value) || value.size === 0) scalars.set(path, value);
    else for (const [name, child] of value) walk(child, `${path}.${name}`);
  };
  for (const [name, child] of attrs) if (name !== artifactsName && (system || name !== systemName)) walk(child, name);
  return scalars;
}

function compare(a: ReadonlyMap<string, Value>, b: ReadonlyMap<string, Value>): DiffLine[] {
  return [...new Set([...a.keys(), ...b.keys()])].sort().map((name) => {
    const [left, right] = [a.get(name), b.get(name)];
    return {
      name,
      a: left,
      b: right,
      isSame: left !== undefined && right !== undefined && Bun.deepEquals(left, right),
    };
  });
}
