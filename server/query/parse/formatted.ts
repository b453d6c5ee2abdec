// f-strings (PEP 701): literal text, and replacement fields that hold expressions of the full grammar.
import type { FormattedString, Replacement } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";
import { unterminated } from "./lexer.ts";
import { unescapeText } from "./literals.ts";
import type { Parser } from "./parser.ts";

interface Shape {
  readonly quote: string;
  readonly raw: boolean;
  readonly start: number;
}

const maximalFieldNesting = 2;
const maximalStrings = 150;
const nesting = new WeakMap<object, number>();

/** Reads the f-string whose opening quotes are the parser's current token; the parser then stands on what follows. */
export function parseFormatted(parser: Parser): FormattedString {
  const { text, start } = parser.token;
  const quote = text.endsWith("'''") || text.endsWith('"""') ? text.slice(-3) : text.slice(-1);
  const shape: Shape = { quote, raw: /r/i.test(text.slice(0, -quote.length)), start };
  const { lexer } = parser;
  const depth = (nesting.get(lexer) ?? 0) + 1;
  if (depth >= maximalStrings) throw lexical(parser, new SyntaxFault("too many nested f-strings", start, start + 1));
  nesting.set(lexer, depth);
  const parts = readParts(parser, shape, 0);
  nesting.set(lexer, depth - 1);
  lexer.at += quote.length;
  const end = lexer.at;
  parser.token = { kind: "formatted", text, start, end };
  parser.advance();
  return { kind: "formatted", parts, start, end };
}

function lexical(parser: Parser, fault: SyntaxFault): SyntaxFault {
  parser.lexerFailed = true;
  return fault;
}

/** Parts up to the closing quotes, or up to the `}` of the field whose format spec is read (`level` > 0). */
function readParts(parser: Parser, shape: Shape, level: number): (string | Replacement)[] {
  const { lexer } = parser;
  const { source } = lexer;
  const parts: (string | Replacement)[] = [];
  let literalStart = lexer.at;
  let literal = "";
  const flush = (until: number): void => {
    literal += unescapeText(source.slice(literalStart, until), shape.raw, literalStart);
  };
  const push = (): void => {
    if (literal !== "") parts.push(literal);
    literal = "";
  };
  for (;;) {
    const unit = source[lexer.at];
    const ends = source.startsWith(shape.quote, lexer.at);
    if (level > 0 && (unit === undefined || ends || (shape.quote.length === 1 && unit === "\n"))) {
      if (unit === undefined || unit === "\n") {
        throw lexical(parser, unterminated(source, shape.quote, shape.start, lexer.at, "f-"));
      }
      throw lexical(parser, new SyntaxFault("f-string: expecting '}'", lexer.at, lexer.at + 1));
    }
    if (unit === undefined || (shape.quote.length === 1 && (unit === "\n" || unit === "\r"))) {
      throw lexical(parser, unterminated(source, shape.quote, shape.start, lexer.at, "f-"));
    }
    if (ends || (level > 0 && unit === "}")) {
      flush(lexer.at);
      push();
      return parts;
    }
    if (unit === "\\") {
      const named = !shape.raw && source[lexer.at + 1] === "N" && source[lexer.at + 2] === "{";
      const next = source[lexer.at + 1];
      // A backslash does not protect a brace.
      lexer.at += !named && (next === "{" || next === "}") ? 1 : 2;
      if (named) {
        const close = source.indexOf("}", lexer.at);
        lexer.at = close < 0 ? source.length : close + 1;
      }
    } else if (level === 0 && (source.startsWith("{{", lexer.at) || source.startsWith("}}", lexer.at))) {
      flush(lexer.at + 1);
      lexer.at += 2;
      literalStart = lexer.at;
    } else if (unit === "}") {
      throw lexical(parser, new SyntaxFault("f-string: single '}' is not allowed", lexer.at, lexer.at + 1));
    } else if (unit === "{") {
      flush(lexer.at);
      const fieldStart = lexer.at;
      if (level >= maximalFieldNesting) {
        throw lexical(parser, new SyntaxFault("f-string: expressions nested too deeply", fieldStart, fieldStart + 1));
      }
      const { field, shown } = readField(parser, shape, level);
      literal += shown;
      push();
      parts.push(field);
      literalStart = lexer.at;
    } else {
      lexer.at++;
    }
  }
}

/** One `{…}`; `shown` is the text that `{x=}` puts before the value. */
function readField(parser: Parser, shape: Shape, level: number): { field: Replacement; shown: string } {
  const { lexer } = parser;
  const start = lexer.at;
  lexer.at++;
  const expressionStart = lexer.at;
  lexer.enterField(shape.quote);
  parser.advance();
  for (const stop of ["}", "!", ":", "="]) {
    if (parser.isOperator(stop)) {
      throw new SyntaxFault(
        `f-string: valid expression required before '${stop}'`,
        parser.token.start,
        parser.token.end,
      );
    }
  }
  const value = parser.starExpressions();
  let shown = "";
  if (parser.isOperator("=")) {
    let end = parser.token.end;
    while (/\s/.test(lexer.source[end] ?? "")) end++;
    shown = lexer.source.slice(expressionStart, end);
    parser.advance();
    if (!["!", ":", "}"].some((text) => parser.isOperator(text))) {
      throw new SyntaxFault("f-string: expecting '!', or ':', or '}'", parser.token.start, parser.token.end);
    }
  }
  let conversion: Replacement["conversion"] = null;
  if (parser.isOperator("!")) conversion = readConversion(parser);
  let spec: FormattedString | null = null;
  if (parser.isOperator(":")) {
    const specStart = parser.token.end;
    lexer.leaveField();
    lexer.at = specStart;
    const parts = readParts(parser, shape, level + 1);
    spec = { kind: "formatted", parts, start: specStart, end: lexer.at };
    lexer.at++;
  } else if (parser.isOperator("}")) {
    lexer.leaveField();
    lexer.at = parser.token.end;
  } else {
    throw closingExpected(parser, conversion !== null || shown !== "");
  }
  if (shown !== "" && conversion === null && spec === null) conversion = "r";
  return { field: { kind: "replacement", value, conversion, spec, start, end: lexer.at }, shown };
}

function closingExpected(parser: Parser, afterSuffix: boolean): SyntaxFault {
  const { start, end, kind } = parser.token;
  if (kind === "end") return new SyntaxFault("'{' was never closed", start, end);
  if (afterSuffix) return new SyntaxFault("f-string: expecting ':' or '}'", start, end);
  return new SyntaxFault("f-string: expecting '=', or '!', or ':', or '}'", start, end);
}

function readConversion(parser: Parser): "s" | "r" | "a" {
  const { lexer } = parser;
  const after = lexer.source[parser.token.end] ?? "";
  if (/\s/.test(after)) {
    throw new SyntaxFault(
      "f-string: conversion type must come right after the exclamation mark",
      parser.token.end,
      parser.token.end + 1,
    );
  }
  parser.advance();
  const { text, start, end, kind } = parser.token;
  if (kind !== "name") {
    const missing = parser.isOperator("}") || parser.isOperator(":");
    throw new SyntaxFault(
      missing ? "f-string: missing conversion character" : "f-string: invalid conversion character",
      start,
      end,
    );
  }
  if (text !== "s" && text !== "r" && text !== "a") {
    throw new SyntaxFault(`f-string: invalid conversion character '${text}': expected 's', 'r', or 'a'`, start, end);
  }
  parser.advance();
  return text;
}
