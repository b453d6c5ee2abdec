// What is said of a text that is no expression, as CPython says it.
import type { Node } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";
import { parseFormatted } from "./formatted.ts";
import type { Token } from "./lexer.ts";
import type { Parser } from "./parser.ts";

/** Python prefers what the tokenizer finds in the rest of the text to what the parser complained of. */
export function betterFault(parser: Parser, fault: SyntaxFault): SyntaxFault {
  if (fault.generic && parser.token.kind === "end") {
    const open = parser.lexer.brackets.at(-1);
    if (open !== undefined) return new SyntaxFault(`'${open.text}' was never closed`, open.at, open.at + 1);
  }
  for (;;) {
    parser.lexerFailed = false;
    try {
      while (parser.token.kind !== "end") {
        if (parser.token.kind === "formatted") parseFormatted(parser);
        else parser.advance();
      }
      return fault;
    } catch (later) {
      if (!(later instanceof SyntaxFault)) throw later;
      if (!parser.lexerFailed) return fault;
      if (!later.generic) return later;
      // A character that no token starts with: look on behind it.
      parser.lexer.at = later.end;
    }
  }
}

/** Whether a token can be the first of an expression. */
export function startsExpression({ kind, text }: Token): boolean {
  if (kind === "name" || kind === "number" || kind === "string" || kind === "formatted") return true;
  if (kind === "keyword") return ["True", "False", "None", "not", "lambda", "await"].includes(text);
  return kind === "operator" && ["(", "[", "{", "-", "+", "~", "..."].includes(text);
}

export function isNot(node: Node): boolean {
  return node.kind === "unary" && node.op === "not";
}
