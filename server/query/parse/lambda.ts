// lambda and its parameters.
import type { Node, Parameter } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";
import type { Parser } from "./parser.ts";

export function parseLambda(parser: Parser): Node {
  const start = parser.token.start;
  if (parser.lexer.atFieldLevel) {
    throw new SyntaxFault(
      "f-string: lambda expressions are not allowed without parentheses",
      parser.token.start,
      parser.token.end,
    );
  }
  parser.advance();
  const positional: Parameter[] = [];
  const keywordOnly: Parameter[] = [];
  let positionalOnly = 0;
  let rest: Parameter | null = null;
  let keywordRest: Parameter | null = null;
  let starred = false;
  let slashed = false;
  while (!parser.isOperator(":")) {
    if (keywordRest !== null) throw parser.unexpected();
    if (parser.isOperator("/")) {
      if (slashed || starred || positional.length === 0) throw parser.unexpected();
      parser.advance();
      slashed = true;
      positionalOnly = positional.length;
    } else if (parser.takeOperator("**")) {
      keywordRest = parseParameter(parser, false);
    } else if (parser.isOperator("*")) {
      if (starred) throw parser.unexpected();
      parser.advance();
      starred = true;
      if (parser.token.kind === "name") rest = parseParameter(parser, false);
      else if (!parser.isOperator(",")) throw parser.unexpected();
      else {
        const comma = parser.token;
        parser.advance();
        if (parser.isOperator(":") || parser.isOperator("**")) {
          throw new SyntaxFault("named arguments must follow bare *", comma.start - 1, comma.start);
        }
        continue;
      }
    } else {
      const parameter = parseParameter(parser, true);
      if (starred) keywordOnly.push(parameter);
      else {
        if (parameter.fallback === null && positional.some((other) => other.fallback !== null)) {
          throw new SyntaxFault(
            "parameter without a default follows parameter with a default",
            parameter.start,
            parameter.end,
          );
        }
        positional.push(parameter);
      }
    }
    if (!parser.takeOperator(",")) break;
  }
  parser.expectOperator(":");
  const body = parser.expression();
  const end = parser.previousEnd;
  return { kind: "lambda", positional, positionalOnly, rest, keywordOnly, keywordRest, body, start, end };
}

function parseParameter(parser: Parser, mayHaveDefault: boolean): Parameter {
  const { kind, text, start, end } = parser.token;
  if (kind !== "name") throw parser.unexpected();
  parser.advance();
  const fallback = mayHaveDefault && parser.takeOperator("=") ? parser.expression() : null;
  return { name: text, fallback, start, end };
}
