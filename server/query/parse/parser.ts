// Python 3.12's grammar of one expression (reference, chapter 10, start symbol `eval`) by recursive descent. It accepts and
// refuses what CPython's own parser does, and reports the same places; checked against it in parser.test.ts.
import type { BinaryOperator, CompareOperator, Node } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";
import { parseArguments, parseSlices } from "./calls.ts";
import { describe } from "./describe.ts";
import { parseBraces, parseList, parseParenthesised } from "./displays.ts";
import { betterFault, isNot, startsExpression } from "./faults.ts";
import { parseLambda } from "./lambda.ts";
import { Lexer, type Token } from "./lexer.ts";
import { numberValue } from "./literals.ts";
import { maximalNesting, refuseDeepTrees, tooDeep } from "./nesting.ts";
import { parseStrings } from "./strings.ts";

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
    throw parser.lexerFailed && !fault.generic ? fault : betterFault(parser, fault);
  }
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
      if (!startsExpression(this.token) && !this.isOperator("*")) break;
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
    if (!startsExpression(this.token) || this.#speculating) return;
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
        return parseStrings(this);
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

  yield(): Node {
    const start = this.token.start;
    this.advance();
    if (this.takeKeyword("from")) {
      const value = this.expression();
      return { kind: "yield", value, start, end: this.previousEnd };
    }
    const value = startsExpression(this.token) || this.isOperator("*") ? this.starExpressions() : null;
    return { kind: "yield", value, start, end: this.previousEnd };
  }

  starOrNamed(): Node {
    return this.isOperator("*") ? this.starExpression() : this.namedExpression();
  }

  startsClause(): boolean {
    return this.isKeyword("for") || this.isKeyword("async");
  }
}
