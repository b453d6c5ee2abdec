// The `for … in … if …` clauses of comprehensions and their targets.
import type { ForClause, Node } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";
import { describe } from "./describe.ts";
import type { Parser } from "./parser.ts";

export function parseClauses(parser: Parser): ForClause[] {
  const clauses: ForClause[] = [];
  while (parser.startsClause()) {
    const isAsync = parser.takeKeyword("async");
    if (!parser.takeKeyword("for")) throw parser.unexpected();
    const target = parseTargets(parser);
    if (!parser.takeKeyword("in")) throw parser.unexpected();
    const iterable = parser.disjunction();
    const conditions: Node[] = [];
    while (parser.takeKeyword("if")) conditions.push(parser.disjunction());
    clauses.push({ target, iterable, conditions, isAsync });
  }
  return clauses;
}

/** What follows `for`: names, attributes, items, and tuples or lists of them, one of which may be starred. */
function parseTargets(parser: Parser): Node {
  const start = parser.token.start;
  const first = parseTarget(parser);
  if (!parser.isOperator(",")) {
    checkTarget(parser, first, true);
    return first;
  }
  const elements = [first];
  while (parser.takeOperator(",")) {
    if (parser.isKeyword("in")) break;
    elements.push(parseTarget(parser));
  }
  const node: Node = { kind: "tuple", elements, start, end: parser.previousEnd };
  checkTarget(parser, node, true);
  return node;
}

function parseTarget(parser: Parser): Node {
  const start = parser.token.start;
  if (!parser.takeOperator("*")) return parser.bitwise(0);
  const value = parser.bitwise(0);
  return { kind: "starred", value, start, end: parser.previousEnd };
}

function checkTarget(parser: Parser, node: Node, top: boolean): void {
  switch (node.kind) {
    case "name":
    case "attribute":
    case "subscript":
      return;
    case "starred":
      if (node.value.kind === "starred") throw parser.unexpected();
      checkTarget(parser, node.value, false);
      return;
    case "tuple":
    case "list":
      for (const element of node.elements) checkTarget(parser, element, false);
      return;
    default: {
      const words = describe(node);
      if (!top && node.kind === "binary" && parser.isKeyword("in")) throw parser.unexpected();
      throw new SyntaxFault(`cannot assign to ${words}`, node.start, node.end);
    }
  }
}
