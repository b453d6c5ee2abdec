// Calls and subscripts: what stands in the brackets behind an expression.
import type { Keyword, Node } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";
import { parseClauses } from "./clauses.ts";
import { describe } from "./describe.ts";
import type { Parser } from "./parser.ts";

export function parseSlices(parser: Parser): Node {
  parser.advance();
  const start = parser.token.start;
  const first = parseSlice(parser);
  if (!parser.isOperator(",")) {
    if (first.kind === "starred") {
      // `a[*b]` is a tuple of one (PEP 646).
      parser.expectOperator("]");
      return { kind: "tuple", elements: [first], start, end: parser.previousEnd - 1 };
    }
    parser.expectOperator("]");
    return first;
  }
  const elements = [first];
  while (parser.takeOperator(",")) {
    if (parser.isOperator("]")) break;
    elements.push(parseSlice(parser));
  }
  const end = parser.previousEnd;
  parser.expectOperator("]");
  return { kind: "tuple", elements, start, end };
}

function parseSlice(parser: Parser): Node {
  const start = parser.token.start;
  if (parser.isOperator("*")) return parser.starExpression();
  let lower: Node | null = null;
  if (!parser.isOperator(":")) {
    lower = parser.namedExpression();
    if (!parser.isOperator(":")) return lower;
    if (lower.kind === "assignment" && !parser.grouped.has(lower)) throw parser.unexpected();
  }
  parser.advance();
  const bound = (): Node | null =>
    parser.isOperator(":") || parser.isOperator("]") || parser.isOperator(",") ? null : parser.expression();
  const upper = bound();
  const step = parser.takeOperator(":") ? bound() : null;
  return { kind: "slice", lower, upper, step, start, end: parser.previousEnd };
}

export function parseArguments(parser: Parser): { positional: Node[]; keywords: Keyword[] } {
  parser.advance();
  const positional: Node[] = [];
  const keywords: Keyword[] = [];
  let unpacked = false;
  const names = new Set<string>();
  while (!parser.isOperator(")")) {
    const start = parser.token.start;
    if (parser.takeOperator("**")) {
      const value = parser.expression();
      keywords.push({ name: null, value, start, end: parser.previousEnd });
      unpacked = true;
    } else if (parser.isOperator("*")) {
      parser.advance();
      const value = parser.expression();
      if (unpacked) {
        throw new SyntaxFault(
          "iterable argument unpacking follows keyword argument unpacking",
          start,
          parser.previousEnd,
        );
      }
      positional.push({ kind: "starred", value, start, end: parser.previousEnd });
    } else {
      parseArgument(parser, start, positional, keywords, names, unpacked);
    }
    if (!parser.takeOperator(",")) break;
  }
  parser.expectOperator(")");
  return { positional, keywords };
}

function parseArgument(
  parser: Parser,
  start: number,
  positional: Node[],
  keywords: Keyword[],
  names: Set<string>,
  unpacked: boolean,
): void {
  const isFirst = positional.length === 0 && keywords.length === 0;
  let node = parser.expression();
  if (parser.isOperator(":=")) node = parser.assignment(node, start);
  if (parser.startsClause()) {
    const clauses = parseClauses(parser);
    node = { kind: "comprehension", form: "generator", element: node, key: null, clauses, start, end: 0 };
    const end = parser.previousEnd;
    if (!isFirst || !parser.isOperator(")")) {
      throw new SyntaxFault("Generator expression must be parenthesized", start, end);
    }
    // As in Python, a bare generator argument spans the call's parentheses.
    positional.push({ ...node, start: start - 1, end: parser.token.end });
    return;
  }
  if (parser.isOperator("=")) {
    if (node.kind === "constant" && (node.value === null || typeof node.value === "boolean")) {
      const word = describe(node);
      throw new SyntaxFault(`cannot assign to ${word}`, start, parser.token.end);
    }
    if (node.kind !== "name" || parser.grouped.has(node)) {
      throw new SyntaxFault('expression cannot contain assignment, perhaps you meant "=="?', start, parser.token.end);
    }
    parser.advance();
    if (parser.isOperator(",") || parser.isOperator(")")) {
      throw new SyntaxFault("expected argument value expression", start, parser.previousEnd);
    }
    const value = parser.expression();
    if (parser.startsClause()) {
      throw new SyntaxFault("invalid syntax. Maybe you meant '==' or ':=' instead of '='?", start, parser.previousEnd);
    }
    if (names.has(node.id)) {
      throw new SyntaxFault(`keyword argument repeated: ${node.id}`, start, parser.previousEnd);
    }
    names.add(node.id);
    keywords.push({ name: node.id, value, start, end: parser.previousEnd });
    return;
  }
  if (keywords.length > 0) {
    throw new SyntaxFault(
      unpacked
        ? "positional argument follows keyword argument unpacking"
        : "positional argument follows keyword argument",
      start,
      parser.previousEnd,
    );
  }
  positional.push(node);
}
