// Which stored parts of a run a query can look at, so that a search reads no more than those.
import { childrenOf, type Node } from "../ast.ts";
import { scalarAttributes } from "../evaluate/attributeNames.ts";
import { isRun } from "./names.ts";

/** A superset of what evaluation reads; everything not named here may be left out of the rows. */
export interface Needs {
  /** Stored run fields (`meta`), for name, times, active, archived. */
  readonly meta: boolean;
  readonly experiment: boolean;
  readonly tags: boolean;
  /** The run's traces, for `run.metrics[…]` (in run search also for `metric.name`). */
  readonly traces: boolean;
  /** Paths within the run's attributes whose subtrees are needed; an empty path means all. No path is below another. */
  readonly attrs: readonly (readonly string[])[];
}

const metaProperties: ReadonlySet<string> = new Set([
  "name",
  "description",
  "created_at",
  "creation_time",
  "end_time",
  "duration",
  "active",
  "archived",
  "is_archived",
]);
const harmless: ReadonlySet<string> = new Set(["name", "context", "last", "last_step"]);

export function needsOf(root: Node, sequence: string): Needs {
  const needs = { meta: false, experiment: false, tags: false, traces: false, attrs: [] as string[][] };
  const everything = (): void => {
    needs.meta = needs.experiment = needs.tags = needs.traces = true;
    needs.attrs.push([]);
  };

  /** The attribute path that a chain of accesses reads, or undefined when the chain does not start at the run's attributes. */
  const pathOf = (node: Node): string[] | undefined => {
    if (node.kind === "attribute") {
      if (isRun(node.object, sequence)) return isFixed(node.name) ? undefined : [node.name];
      const path = pathOf(node.object);
      // A method of a string or list is not a deeper parameter: the value itself is needed.
      return path === undefined || scalarAttributes.has(node.name) ? undefined : [...path, node.name];
    }
    if (node.kind === "subscript" && node.index.kind === "constant" && typeof node.index.value === "string") {
      if (isRun(node.object, sequence)) return [node.index.value];
      const path = pathOf(node.object);
      return path === undefined ? undefined : [...path, node.index.value];
    }
    return undefined;
  };

  const visit = (node: Node): void => {
    const path = pathOf(node);
    if (path !== undefined) {
      needs.attrs.push(path);
      return;
    }
    if (node.kind === "attribute" && isRun(node.object, sequence)) {
      if (metaProperties.has(node.name)) needs.meta = true;
      else if (node.name === "experiment") needs.experiment = needs.meta = true;
      else if (node.name === "tags") needs.tags = true;
      else if (node.name === "metrics") needs.traces = true;
      return;
    }
    if (node.kind === "attribute" && node.object.kind === "name" && node.object.id === "metric" && sequence === "run") {
      needs.traces = true;
      return;
    }
    if (isRun(node, sequence) || (node.kind === "name" && node.id === sequence)) {
      everything();
      return;
    }
    if (node.kind === "attribute" && node.object.kind === "name" && node.object.id === sequence) {
      if (harmless.has(node.name)) return;
    }
    if (node.kind === "name" && node.id === "metric" && sequence === "run") {
      needs.traces = true;
      return;
    }
    for (const child of childrenOf(node)) visit(child);
  };
  visit(root);
  return { ...needs, attrs: outermost(needs.attrs) };
}

function isFixed(name: string): boolean {
  return metaProperties.has(name) || ["hash", "experiment", "tags", "metrics"].includes(name);
}

/** The paths that no other path covers, each once. */
function outermost(paths: readonly string[][]): string[][] {
  const all = new Set(paths.map((path) => JSON.stringify(path)));
  const seen = new Set<string>();
  return paths.filter((path) => {
    const own = JSON.stringify(path);
    if (seen.has(own)) return false;
    seen.add(own);
    return !path.some((_, length) => all.has(JSON.stringify(path.slice(0, length))));
  });
}
