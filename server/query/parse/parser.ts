// Python 3.12's grammar of one expression (reference, chapter 10, start symbol `eval`) by recursive descent. It accepts and
// refuses what CPython's own parser does, and reports the same places; checked against it in parser.test.ts.
import type { BinaryOperator, CompareOperator, Node } from "../ast.ts";
import { childrenOf } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";
import { parseArguments, parseSlices } from "./calls.ts";
import { describe } from "./describe.ts";
import { parseBraces, parseList, parseParenthesised } from "./displays.ts";
import { parseFormatted } from "./formatted.ts";
import { parseLambda } from "./lambda.ts";
import { Lexer, type Token } from "./lexer.ts";
import { numberValue, unescapeBytes, unescapeText } from "./literals.ts";

/** Levels of nesting that a query may have; a person's query has under twenty. */
export const maximalNesting = 500;

const comparisons: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);
const binaryLevels: readonly ReadonlySet<string>[] = [
  new Set(["|"]),
  new Set(["^"]),
  new Set(["&"]),
  new Set(["<<", ">>"]),
  new Set(["+", "-"]),
  new Set(["*", "/", "//", "%", "@"]),
];
const softKeywords: ReadonlySet<string> = new Set(["match", "case", "_", "type"]);

/**
 * Parses one expression.
 * @throws SyntaxFault with Python's message and the range of the offending text.
 */
export function parseExpression(source: string): Node {
  let parser: Parser | undefined;
  try {
    parser = new Parser(source);
    const node = parser.whole();
    refuseDeepTrees(node);
    return node;
  } catch (fault) {
    if (parser === undefined || !(fault instanceof SyntaxFault)) throw fault;
    throw parser.lexerFailed && !fault.generic ? fault : parser.betterFault(fault);
  }
}

/** Bounds the depth without recursion, because chains such as `1+1+1+…` are deep but not nested in the text. */
function refuseDeepTrees(root: Node): void {
  const stack: [Node, number][] = [[root, 1]];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const [node, depth] = entry;
    if (depth > maximalNesting) throw tooDeep(root.start, root.end);
    for (const child of childrenOf(node)) stack.push([child, depth + 1]);
  }
}

function tooDeep(start: number, end: number): SyntaxFault {
  return new SyntaxFault(`too deeply nested: an expression may have ${maximalNesting} levels`, start, end);
}

export class Parser {
  readonly lexer: Lexer;
  token: Token = { kind: "newline", text: "", start: 0, end: 0 };
  previousEnd = 0;
  /** Whether the current fault came from the lexer, which then has nothing more to tell. */
  lexerFailed = false;
  /** Expressions that stand in parentheses of their own: `(a) := 1` and `f((a)=1)` are not what `a` would be. */
  readonly grouped = new WeakSet<Node>();
  #depth = 0;
  #speculating = false;

  constructor(source: string) {
    this.lexer = new Lexer(source);
  }

  whole(): Node {
    this.advance();
    const node = this.#expressions();
    while (this.token.kind === "newline") this.advance();
    if (this.token.kind !== "end") throw this.unexpected();
    return node;
  }

  advance(): void {
    this.previousEnd = this.token.end;
    try {
      this.token = this.lexer.next();
    } catch (fault) {
      this.lexerFailed = true;
      throw fault;
    }
  }

  unexpected(): SyntaxFault {
    return new SyntaxFault("invalid syntax", this.token.start, this.token.end, true);
  }

  /** Python prefers what the tokenizer finds in the rest of the text to what the parser complained of. */
  betterFault(fault: SyntaxFault): SyntaxFault {
    if (fault.generic && this.token.kind === "end") {
      const open = this.lexer.brackets.at(-1);
      if (open !== undefined) return new SyntaxFault(`'${open.text}' was never closed`, open.at, open.at + 1);
    }
    for (;;) {
      this.lexerFailed = false;
      try {
        while (this.token.kind !== "end") {
          if (this.token.kind === "formatted") parseFormatted(this);
          else this.advance();
        }
        return fault;
      } catch (later) {
        if (!(later instanceof SyntaxFault)) throw later;
        if (!this.lexerFailed) return fault;
        if (!later.generic) return later;
        // A character that no token starts with: look on behind it.
        this.lexer.at = later.end;
      }
    }
  }

  isOperator(text: string): boolean {
    return this.token.kind === "operator" && this.token.text === text;
  }

  isKeyword(text: string): boolean {
    return this.token.kind === "keyword" && this.token.text === text;
  }

  takeOperator(text: string): boolean {
    if (!this.isOperator(text)) return false;
    this.advance();
    return true;
  }

  takeKeyword(text: string): boolean {
    if (!this.isKeyword(text)) return false;
    this.advance();
    return true;
  }

  expectOperator(text: string): void {
    if (!this.takeOperator(text)) throw this.unexpected();
  }

  #nested<T>(body: () => T): T {
    if (++this.#depth > maximalNesting) throw tooDeep(this.token.start, this.token.end);
    try {
      return body();
    } finally {
      this.#depth--;
    }
  }

  #expressions(): Node {
    const start = this.token.start;
    const first = this.expression();
    if (!this.isOperator(",")) return first;
    const elements = [first];
    while (this.takeOperator(",")) {
      if (this.token.kind === "newline" || this.token.kind === "end") break;
      elements.push(this.expression());
    }
    return { kind: "tuple", elements, start, end: this.previousEnd };
  }

  /** `yield …` or comma-separated expressions that may be starred, as in a replacement field. */
  starExpressions(): Node {
    if (this.isKeyword("yield")) return this.yield();
    const start = this.token.start;
    const first = this.starExpression();
    if (!this.isOperator(",")) {
      if (first.kind === "starred") throw this.starredMisplaced(first);
      return first;
    }
    const elements = [first];
    while (this.takeOperator(",")) {
      if (!this.#startsExpression() && !this.isOperator("*")) break;
      elements.push(this.starExpression());
    }
    return { kind: "tuple", elements, start, end: this.previousEnd };
  }

  starredMisplaced(node: Node): SyntaxFault {
    return new SyntaxFault("cannot use starred expression here", node.start, node.end);
  }

  starExpression(): Node {
    if (!this.isOperator("*")) return this.expression();
    const start = this.token.start;
    this.advance();
    const value = this.bitwise(0);
    return { kind: "starred", value, start, end: this.previousEnd };
  }

  expression(): Node {
    return this.#nested(() => {
      if (this.isKeyword("lambda")) return parseLambda(this);
      const first = this.token;
      const start = first.start;
      const node = this.disjunction();
      if (this.isKeyword("if")) {
        this.advance();
        const test = this.disjunction();
        if (!this.takeKeyword("else")) {
          if (this.isOperator(":")) throw this.unexpected();
          throw new SyntaxFault("expected 'else' after 'if' expression", start, this.previousEnd);
        }
        const otherwise = this.expression();
        return { kind: "conditional", test, body: node, otherwise, start, end: this.previousEnd };
      }
      this.#refuseMissingComma(first, node, start);
      return node;
    });
  }

  /** Two expressions side by side are never right; Python then guesses what was meant, and so do we. */
  #refuseMissingComma(first: Token, node: Node, start: number): void {
    if (!this.#startsExpression() || this.#speculating) return;
    if (first.kind === "name" && (this.token.kind === "string" || this.token.kind === "formatted")) {
      if (node.kind === "name") return;
    }
    if (first.kind === "name" && softKeywords.has(first.text)) return;
    if (node.kind === "name" && (node.id === "print" || node.id === "exec")) return;
    if (this.lexer.brackets.length === 0) return;
    this.#speculating = true;
    this.expression();
    this.#speculating = false;
    if (this.token.kind === "end") throw this.unexpected();
    throw new SyntaxFault("invalid syntax. Perhaps you forgot a comma?", start, this.previousEnd);
  }

  #startsExpression(): boolean {
    const { kind, text } = this.token;
    if (kind === "name" || kind === "number" || kind === "string" || kind === "formatted") return true;
    if (kind === "keyword") return ["True", "False", "None", "not", "lambda", "await"].includes(text);
    return kind === "operator" && ["(", "[", "{", "-", "+", "~", "..."].includes(text);
  }

  /** `name := value` or an expression; `=` in its place gets Python's advice. */
  namedExpression(): Node {
    const start = this.token.start;
    const node = this.expression();
    if (this.isOperator(":=")) return this.assignment(node, start);
    if (this.isOperator("=")) this.#refuseEquals(node, start);
    return node;
  }

  assignment(target: Node, start: number): Node {
    if (target.kind !== "name" || this.grouped.has(target)) {
      throw new SyntaxFault(`cannot use assignment expressions with ${describe(target)}`, start, this.previousEnd);
    }
    this.advance();
    const value = this.expression();
    return { kind: "assignment", target, value, start, end: this.previousEnd };
  }

  #refuseEquals(node: Node, start: number): never {
    const end = this.previousEnd;
    const at = this.unexpected();
    const simple = node.kind === "name" && !this.grouped.has(node);
    const isDisplay = ["tuple", "list"].includes(node.kind) || (node.kind === "comprehension" && node.form !== "set");
    const isLiteralName = node.kind === "constant" && (node.value === null || typeof node.value === "boolean");
    const isWide = ["bool", "compare", "conditional", "lambda"].includes(node.kind) || isNot(node);
    this.advance();
    if (isWide && !this.grouped.has(node)) throw at;
    this.#speculating = true;
    this.bitwise(0);
    this.#speculating = false;
    if (this.isOperator("=") || this.isOperator(":=")) throw at;
    if (simple) {
      throw new SyntaxFault("invalid syntax. Maybe you meant '==' or ':=' instead of '='?", start, this.previousEnd);
    }
    if (isDisplay || isLiteralName) throw at;
    throw new SyntaxFault(`cannot assign to ${describe(node)} here. Maybe you meant '==' instead of '='?`, start, end);
  }

  disjunction(): Node {
    return this.#boolean("or", () => this.#boolean("and", () => this.#inversion()));
  }

  #boolean(op: "and" | "or", operand: () => Node): Node {
    const start = this.token.start;
    const first = operand();
    if (!this.isKeyword(op)) return first;
    const values = [first];
    while (this.takeKeyword(op)) values.push(operand());
    return { kind: "bool", op, values, start, end: this.previousEnd };
  }

  #inversion(): Node {
    if (!this.isKeyword("not")) return this.#comparison();
    const start = this.token.start;
    return this.#nested(() => {
      this.advance();
      const operand = this.#inversion();
      return { kind: "unary", op: "not", operand, start, end: this.previousEnd };
    });
  }

  #comparison(): Node {
    const start = this.token.start;
    const left = this.bitwise(0);
    const ops: CompareOperator[] = [];
    const comparators: Node[] = [];
    for (let op = this.#comparisonOperator(); op !== undefined; op = this.#comparisonOperator()) {
      ops.push(op);
      comparators.push(this.bitwise(0));
    }
    return ops.length === 0 ? left : { kind: "compare", left, ops, comparators, start, end: this.previousEnd };
  }

  #comparisonOperator(): CompareOperator | undefined {
    const { kind, text } = this.token;
    if (kind === "operator" && comparisons.has(text)) {
      this.advance();
      return text as CompareOperator;
    }
    if (kind !== "keyword") return undefined;
    if (text === "in") {
      this.advance();
      return "in";
    }
    if (text === "is") {
      this.advance();
      return this.takeKeyword("not") ? "is not" : "is";
    }
    if (text === "not") {
      this.advance();
      if (!this.takeKeyword("in")) throw this.unexpected();
      return "not in";
    }
    return undefined;
  }

  bitwise(level: number): Node {
    const operators = binaryLevels[level];
    if (operators === undefined) return this.#factor();
    const start = this.token.start;
    let left = this.bitwise(level + 1);
    while (this.token.kind === "operator" && operators.has(this.token.text)) {
      const op = this.token.text as BinaryOperator;
      this.advance();
      const right = this.bitwise(level + 1);
      left = { kind: "binary", op, left, right, start, end: this.previousEnd };
    }
    return left;
  }

  #factor(): Node {
    const { kind, text, start } = this.token;
    if (kind === "operator" && (text === "-" || text === "+" || text === "~")) {
      return this.#nested(() => {
        this.advance();
        const operand = this.#factor();
        return { kind: "unary", op: text, operand, start, end: this.previousEnd };
      });
    }
    const left = this.#awaited();
    if (!this.takeOperator("**")) return left;
    const right = this.#nested(() => this.#factor());
    return { kind: "binary", op: "**", left, right, start, end: this.previousEnd };
  }

  #awaited(): Node {
    const start = this.token.start;
    if (!this.takeKeyword("await")) return this.#primary();
    const value = this.#primary();
    return { kind: "await", value, start, end: this.previousEnd };
  }

  #primary(): Node {
    const start = this.token.start;
    let node = this.#atom();
    for (;;) {
      if (this.takeOperator(".")) {
        if (this.token.kind !== "name") throw this.unexpected();
        const name = this.token.text;
        this.advance();
        node = { kind: "attribute", object: node, name, start, end: this.previousEnd };
      } else if (this.isOperator("(")) {
        const { positional, keywords } = parseArguments(this);
        node = { kind: "call", callee: node, positional, keywords, start, end: this.previousEnd };
      } else if (this.isOperator("[")) {
        const index = parseSlices(this);
        node = { kind: "subscript", object: node, index, start, end: this.previousEnd };
      } else {
        return node;
      }
    }
  }

  #atom(): Node {
    const { kind, text, start, end } = this.token;
    switch (kind) {
      case "name":
        this.advance();
        return { kind: "name", id: text, start, end };
      case "number": {
        const value = numberValue(text, start);
        this.advance();
        return { kind: "constant", value, start, end };
      }
      case "string":
      case "formatted":
        return this.#strings();
      case "keyword":
        if (text === "True" || text === "False" || text === "None") {
          this.advance();
          return { kind: "constant", value: text === "None" ? null : text === "True", start, end };
        }
        throw this.unexpected();
      case "operator":
        if (text === "(") return parseParenthesised(this);
        if (text === "[") return parseList(this);
        if (text === "{") return parseBraces(this);
        if (text === "...") {
          this.advance();
          return { kind: "constant", value: undefined, start, end };
        }
        throw this.unexpected();
      default:
        throw this.unexpected();
    }
  }

  #strings(): Node {
    const start = this.token.start;
    const pieces: Node[] = [];
    while (this.token.kind === "string" || this.token.kind === "formatted") {
      pieces.push(this.token.kind === "formatted" ? parseFormatted(this) : this.#plainString());
    }
    const end = this.previousEnd;
    const isBytes = (piece: Node): boolean => piece.kind === "constant" && piece.value instanceof Uint8Array;
    if (pieces.some(isBytes)) {
      if (!pieces.every(isBytes)) throw new SyntaxFault("cannot mix bytes and nonbytes literals", start, end);
      const all = pieces.flatMap((piece) => (piece.kind === "constant" ? [...(piece.value as Uint8Array)] : []));
      return { kind: "constant", value: Uint8Array.from(all), start, end };
    }
    if (pieces.some((piece) => piece.kind === "formatted")) {
      const parts = pieces.flatMap((piece) =>
        piece.kind === "formatted" ? piece.parts : [(piece as { value: string }).value],
      );
      return { kind: "formatted", parts, start, end };
    }
    const value = pieces.map((piece) => (piece.kind === "constant" ? (piece.value as string) : "")).join("");
    return { kind: "constant", value, start, end };
  }

  #plainString(): Node {
    const { text, start, end } = this.token;
    const prefix = /^[a-zA-Z]*/.exec(text)![0].toLowerCase();
    const width = text.startsWith("'''", prefix.length) || text.startsWith('"""', prefix.length) ? 3 : 1;
    const body = text.slice(prefix.length + width, text.length - width);
    const raw = prefix.includes("r");
    const value = prefix.includes("b") ? unescapeBytes(body, raw, start) : unescapeText(body, raw, start);
    this.advance();
    return { kind: "constant", value, start, end };
  }

  yield(): Node {
    const start = this.token.start;
    this.advance();
    if (this.takeKeyword("from")) {
      const value = this.expression();
      return { kind: "yield", value, start, end: this.previousEnd };
    }
    const value = this.#startsExpression() || this.isOperator("*") ? this.starExpressions() : null;
    return { kind: "yield", value, start, end: this.previousEnd };
  }

  starOrNamed(): Node {
    return this.isOperator("*") ? this.starExpression() : this.namedExpression();
  }

  startsClause(): boolean {
    return this.isKeyword("for") || this.isKeyword("async");
  }
}

function isNot(node: Node): boolean {
  return node.kind === "unary" && node.op === "not";
}
