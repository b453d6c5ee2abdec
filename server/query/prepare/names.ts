// Which names a query binds itself (walrus, lambda parameters, comprehension targets).
import { type Node, parametersOf, walk } from "../ast.ts";

/** A name in this set may mean something else than the language's name; whoever relies on a name asks here first. */
export function boundNames(root: Node): ReadonlySet<string> {
  const names = new Set<string>();
  const target = (node: Node): void => walk(node, (inner) => inner.kind === "name" && names.add(inner.id));
  walk(root, (node) => {
    if (node.kind === "assignment") names.add(node.target.id);
    else if (node.kind === "lambda") for (const parameter of parametersOf(node)) names.add(parameter.name);
    else if (node.kind === "comprehension") for (const clause of node.clauses) target(clause.target);
  });
  return names;
}

/** Every name that occurs. */
export function usedNames(root: Node): ReadonlySet<string> {
  const names = new Set<string>();
  walk(root, (node) => node.kind === "name" && names.add(node.id));
  return names;
}

/** Whether the node is the run: `run`, or `metric.run` and its like. */
export function isRun(node: Node, sequence: string): boolean {
  if (node.kind === "name") return node.id === "run";
  return (
    node.kind === "attribute" &&
    node.name === "run" &&
    node.object.kind === "name" &&
    node.object.id === sequence &&
    sequence !== "run"
  );
}

/** Whether the query says anything about archived runs, anywhere; then it decides itself whether it wants them. */
export function mentionsArchived(root: Node, sequence: string): boolean {
  let found = false;
  walk(root, (node) => {
    if (node.kind !== "attribute" || (node.name !== "archived" && node.name !== "is_archived")) return;
    if (isRun(node.object, sequence)) found = true;
  });
  return found;
}
