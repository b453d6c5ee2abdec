// What begins with a bracket: groups, tuples, lists, sets, dicts and their comprehensions.
import type { DictEntry, Node } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";
import { parseClauses } from "./clauses.ts";
import type { Parser } from "./parser.ts";

export function parseParenthesised(parser: Parser): Node {
  const start = parser.token.start;
  parser.advance();
  if (parser.takeOperator(")")) return { kind: "tuple", elements: [], start, end: parser.previousEnd };
  if (parser.isKeyword("yield")) {
    const node = parser.yield();
    parser.expectOperator(")");
    parser.grouped.add(node);
    return node;
  }
  if (parser.isOperator("**")) {
    const at = parser.token;
    parser.advance();
    parser.expression();
    parser.expectOperator(")");
    throw new SyntaxFault("cannot use double starred expression here", at.start, at.end);
  }
  const first = parser.starOrNamed();
  if (parser.startsClause()) {
    refuseStarredElement(first);
    const clauses = parseClauses(parser);
    parser.expectOperator(")");
    return {
      kind: "comprehension",
      form: "generator",
      element: first,
      key: null,
      clauses,
      start,
      end: parser.previousEnd,
    };
  }
  if (parser.isOperator(",")) {
    const elements = parseMoreElements(parser, first, ")");
    if (parser.startsClause()) throw forgottenParentheses(parser, elements);
    parser.expectOperator(")");
    return { kind: "tuple", elements, start, end: parser.previousEnd };
  }
  parser.expectOperator(")");
  if (first.kind === "starred") throw parser.starredMisplaced(first);
  parser.grouped.add(first);
  return first;
}

function parseMoreElements(parser: Parser, first: Node, closer: string): Node[] {
  const elements = [first];
  while (parser.takeOperator(",")) {
    if (parser.isOperator(closer) || parser.startsClause()) break;
    elements.push(parser.starOrNamed());
  }
  return elements;
}

function forgottenParentheses(parser: Parser, elements: readonly Node[]): SyntaxFault {
  const fault = parser.unexpected();
  const first = elements[0]!;
  const end = parser.previousEnd;
  parseClauses(parser);
  if (elements.some((element) => element.kind === "starred")) return fault;
  return new SyntaxFault("did you forget parentheses around the comprehension target?", first.start, end);
}

function refuseStarredElement(node: Node): void {
  if (node.kind === "starred") {
    throw new SyntaxFault("iterable unpacking cannot be used in comprehension", node.start, node.end);
  }
}

export function parseList(parser: Parser): Node {
  const start = parser.token.start;
  parser.advance();
  if (parser.takeOperator("]")) return { kind: "list", elements: [], start, end: parser.previousEnd };
  const first = parser.starOrNamed();
  if (parser.startsClause()) {
    refuseStarredElement(first);
    const clauses = parseClauses(parser);
    parser.expectOperator("]");
    return { kind: "comprehension", form: "list", element: first, key: null, clauses, start, end: parser.previousEnd };
  }
  const elements = parseMoreElements(parser, first, "]");
  if (parser.startsClause()) throw forgottenParentheses(parser, elements);
  parser.expectOperator("]");
  return { kind: "list", elements, start, end: parser.previousEnd };
}

export function parseBraces(parser: Parser): Node {
  const start = parser.token.start;
  parser.advance();
  if (parser.takeOperator("}")) return { kind: "dict", entries: [], start, end: parser.previousEnd };
  if (parser.isOperator("**")) return parseDict(parser, start, undefined);
  const first = parser.starOrNamed();
  if (parser.isOperator(":") && first.kind !== "starred") {
    if (first.kind === "assignment" && !parser.grouped.has(first)) throw parser.unexpected();
    return parseDict(parser, start, first);
  }
  if (parser.startsClause()) {
    refuseStarredElement(first);
    const clauses = parseClauses(parser);
    parser.expectOperator("}");
    return { kind: "comprehension", form: "set", element: first, key: null, clauses, start, end: parser.previousEnd };
  }
  const elements = parseMoreElements(parser, first, "}");
  if (parser.startsClause()) throw forgottenParentheses(parser, elements);
  parser.expectOperator("}");
  return { kind: "set", elements, start, end: parser.previousEnd };
}

function parseDict(parser: Parser, start: number, firstKey: Node | undefined): Node {
  const entries: DictEntry[] = [];
  let key = firstKey;
  while (!parser.isOperator("}")) {
    if (key === undefined && parser.isOperator("**")) {
      const at = parser.token;
      parser.advance();
      const value = parser.bitwise(0);
      if (parser.startsClause()) {
        throw new SyntaxFault("dict unpacking cannot be used in dict comprehension", at.start, at.end);
      }
      entries.push({ key: null, value });
    } else {
      const entryKey = key ?? parser.expression();
      key = undefined;
      if (!parser.isOperator(":")) {
        const closes = parser.isOperator("}") || parser.isOperator(",");
        if (!closes) throw parser.unexpected();
        throw new SyntaxFault("':' expected after dictionary key", parser.previousEnd - 1, parser.previousEnd);
      }
      const colon = parser.token;
      parser.advance();
      if (parser.isOperator("}") || parser.isOperator(",")) {
        throw new SyntaxFault("expression expected after dictionary key and ':'", colon.start, colon.end);
      }
      if (parser.isOperator("*")) {
        const star = parser.token.start;
        parser.advance();
        parser.bitwise(0);
        throw new SyntaxFault("cannot use a starred expression in a dictionary value", star, parser.previousEnd);
      }
      const value = parser.expression();
      if (entries.length === 0 && parser.startsClause()) {
        const clauses = parseClauses(parser);
        parser.expectOperator("}");
        const end = parser.previousEnd;
        return { kind: "comprehension", form: "dict", element: value, key: entryKey, clauses, start, end };
      }
      entries.push({ key: entryKey, value });
    }
    if (!parser.takeOperator(",")) break;
  }
  parser.expectOperator("}");
  return { kind: "dict", entries, start, end: parser.previousEnd };
}
