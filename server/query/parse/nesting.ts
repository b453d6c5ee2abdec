// How deep a query may be nested.
import { childrenOf, type Node } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";

/** Levels of nesting that a query may have; a person's query has under twenty. */
export const maximalNesting = 500;

/** Bounds the depth without recursion, because chains such as `1+1+1+…` are deep but not nested in the text. */
export function refuseDeepTrees(root: Node): void {
  const stack: [Node, number][] = [[root, 1]];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const [node, depth] = entry;
    if (depth > maximalNesting) throw tooDeep(root.start, root.end);
    for (const child of childrenOf(node)) stack.push([child, depth + 1]);
  }
}

export function tooDeep(start: number, end: number): SyntaxFault {
  return new SyntaxFault(`too deeply nested: an expression may have ${maximalNesting} levels`, start, end);
}
