// Python 3.12's grammar of one expression (reference, chapter 10, start symbol `eval`) by recursive descent. It accepts and
// refuses what CPython's own parser does, and reports the same places; checked against it in parser.test.ts.
import type { BinaryOperator, CompareOperator, DictEntry, ForClause, Keyword, Node, Parameter } from "../ast.ts";
import { childrenOf } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";
import { describe } from "./describe.ts";
import { parseFormatted } from "./formatted.ts";
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
  readonly #grouped = new WeakSet<Node>();
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

  #isKeyword(text: string): boolean {
    return this.token.kind === "keyword" && this.token.text === text;
  }

  #takeOperator(text: string): boolean {
    if (!this.isOperator(text)) return false;
    this.advance();
    return true;
  }

  #takeKeyword(text: string): boolean {
    if (!this.#isKeyword(text)) return false;
    this.advance();
    return true;
  }

  #expectOperator(text: string): void {
    if (!this.#takeOperator(text)) throw this.unexpected();
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
    while (this.#takeOperator(",")) {
      if (this.token.kind === "newline" || this.token.kind === "end") break;
      elements.push(this.expression());
    }
    return { kind: "tuple", elements, start, end: this.previousEnd };
  }

  /** `yield …` or comma-separated expressions that may be starred, as in a replacement field. */
  starExpressions(): Node {
    if (this.#isKeyword("yield")) return this.#yield();
    const start = this.token.start;
    const first = this.#starExpression();
    if (!this.isOperator(",")) {
      if (first.kind === "starred") throw this.#starredMisplaced(first);
      return first;
    }
    const elements = [first];
    while (this.#takeOperator(",")) {
      if (!this.#startsExpression() && !this.isOperator("*")) break;
      elements.push(this.#starExpression());
    }
    return { kind: "tuple", elements, start, end: this.previousEnd };
  }

  #starredMisplaced(node: Node): SyntaxFault {
    return new SyntaxFault("cannot use starred expression here", node.start, node.end);
  }

  #starExpression(): Node {
    if (!this.isOperator("*")) return this.expression();
    const start = this.token.start;
    this.advance();
    const value = this.#bitwise(0);
    return { kind: "starred", value, start, end: this.previousEnd };
  }

  expression(): Node {
    return this.#nested(() => {
      if (this.#isKeyword("lambda")) return this.#lambda();
      const first = this.token;
      const start = first.start;
      const node = this.#disjunction();
      if (this.#isKeyword("if")) {
        this.advance();
        const test = this.#disjunction();
        if (!this.#takeKeyword("else")) {
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
  #namedExpression(): Node {
    const start = this.token.start;
    const node = this.expression();
    if (this.isOperator(":=")) return this.#assignment(node, start);
    if (this.isOperator("=")) this.#refuseEquals(node, start);
    return node;
  }

  #assignment(target: Node, start: number): Node {
    if (target.kind !== "name" || this.#grouped.has(target)) {
      throw new SyntaxFault(`cannot use assignment expressions with ${describe(target)}`, start, this.previousEnd);
    }
    this.advance();
    const value = this.expression();
    return { kind: "assignment", target, value, start, end: this.previousEnd };
  }

  #refuseEquals(node: Node, start: number): never {
    const end = this.previousEnd;
    const at = this.unexpected();
    const simple = node.kind === "name" && !this.#grouped.has(node);
    const isDisplay = ["tuple", "list"].includes(node.kind) || (node.kind === "comprehension" && node.form !== "set");
    const isLiteralName = node.kind === "constant" && (node.value === null || typeof node.value === "boolean");
    const isWide = ["bool", "compare", "conditional", "lambda"].includes(node.kind) || isNot(node);
    this.advance();
    if (isWide && !this.#grouped.has(node)) throw at;
    this.#speculating = true;
    this.#bitwise(0);
    this.#speculating = false;
    if (this.isOperator("=") || this.isOperator(":=")) throw at;
    if (simple) {
      throw new SyntaxFault("invalid syntax. Maybe you meant '==' or ':=' instead of '='?", start, this.previousEnd);
    }
    if (isDisplay || isLiteralName) throw at;
    throw new SyntaxFault(`cannot assign to ${describe(node)} here. Maybe you meant '==' instead of '='?`, start, end);
  }

  #disjunction(): Node {
    return this.#boolean("or", () => this.#boolean("and", () => this.#inversion()));
  }

  #boolean(op: "and" | "or", operand: () => Node): Node {
    const start = this.token.start;
    const first = operand();
    if (!this.#isKeyword(op)) return first;
    const values = [first];
    while (this.#takeKeyword(op)) values.push(operand());
    return { kind: "bool", op, values, start, end: this.previousEnd };
  }

  #inversion(): Node {
    if (!this.#isKeyword("not")) return this.#comparison();
    const start = this.token.start;
    return this.#nested(() => {
      this.advance();
      const operand = this.#inversion();
      return { kind: "unary", op: "not", operand, start, end: this.previousEnd };
    });
  }

  #comparison(): Node {
    const start = this.token.start;
    const left = this.#bitwise(0);
    const ops: CompareOperator[] = [];
    const comparators: Node[] = [];
    for (let op = this.#comparisonOperator(); op !== undefined; op = this.#comparisonOperator()) {
      ops.push(op);
      comparators.push(this.#bitwise(0));
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
      return this.#takeKeyword("not") ? "is not" : "is";
    }
    if (text === "not") {
      this.advance();
      if (!this.#takeKeyword("in")) throw this.unexpected();
      return "not in";
    }
    return undefined;
  }

  #bitwise(level: number): Node {
    const operators = binaryLevels[level];
    if (operators === undefined) return this.#factor();
    const start = this.token.start;
    let left = this.#bitwise(level + 1);
    while (this.token.kind === "operator" && operators.has(this.token.text)) {
      const op = this.token.text as BinaryOperator;
      this.advance();
      const right = this.#bitwise(level + 1);
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
    if (!this.#takeOperator("**")) return left;
    const right = this.#nested(() => this.#factor());
    return { kind: "binary", op: "**", left, right, start, end: this.previousEnd };
  }

  #awaited(): Node {
    const start = this.token.start;
    if (!this.#takeKeyword("await")) return this.#primary();
    const value = this.#primary();
    return { kind: "await", value, start, end: this.previousEnd };
  }

  #primary(): Node {
    const start = this.token.start;
    let node = this.#atom();
    for (;;) {
      if (this.#takeOperator(".")) {
        if (this.token.kind !== "name") throw this.unexpected();
        const name = this.token.text;
        this.advance();
        node = { kind: "attribute", object: node, name, start, end: this.previousEnd };
      } else if (this.isOperator("(")) {
        const { positional, keywords } = this.#arguments();
        node = { kind: "call", callee: node, positional, keywords, start, end: this.previousEnd };
      } else if (this.isOperator("[")) {
        const index = this.#slices();
        node = { kind: "subscript", object: node, index, start, end: this.previousEnd };
      } else {
        return node;
      }
    }
  }

  #slices(): Node {
    this.advance();
    const start = this.token.start;
    const first = this.#slice();
    if (!this.isOperator(",")) {
      if (first.kind === "starred") {
        // `a[*b]` is a tuple of one (PEP 646).
        this.#expectOperator("]");
        return { kind: "tuple", elements: [first], start, end: this.previousEnd - 1 };
      }
      this.#expectOperator("]");
      return first;
    }
    const elements = [first];
    while (this.#takeOperator(",")) {
      if (this.isOperator("]")) break;
      elements.push(this.#slice());
    }
    const end = this.previousEnd;
    this.#expectOperator("]");
    return { kind: "tuple", elements, start, end };
  }

  #slice(): Node {
    const start = this.token.start;
    if (this.isOperator("*")) return this.#starExpression();
    let lower: Node | null = null;
    if (!this.isOperator(":")) {
      lower = this.#namedExpression();
      if (!this.isOperator(":")) return lower;
      if (lower.kind === "assignment" && !this.#grouped.has(lower)) throw this.unexpected();
    }
    this.advance();
    const bound = (): Node | null =>
      this.isOperator(":") || this.isOperator("]") || this.isOperator(",") ? null : this.expression();
    const upper = bound();
    const step = this.#takeOperator(":") ? bound() : null;
    return { kind: "slice", lower, upper, step, start, end: this.previousEnd };
  }

  #arguments(): { positional: Node[]; keywords: Keyword[] } {
    this.advance();
    const positional: Node[] = [];
    const keywords: Keyword[] = [];
    let unpacked = false;
    const names = new Set<string>();
    while (!this.isOperator(")")) {
      const start = this.token.start;
      if (this.#takeOperator("**")) {
        const value = this.expression();
        keywords.push({ name: null, value, start, end: this.previousEnd });
        unpacked = true;
      } else if (this.isOperator("*")) {
        this.advance();
        const value = this.expression();
        if (unpacked) {
          throw new SyntaxFault(
            "iterable argument unpacking follows keyword argument unpacking",
            start,
            this.previousEnd,
          );
        }
        positional.push({ kind: "starred", value, start, end: this.previousEnd });
      } else {
        this.#argument(start, positional, keywords, names, unpacked);
      }
      if (!this.#takeOperator(",")) break;
    }
    this.#expectOperator(")");
    return { positional, keywords };
  }

  #argument(start: number, positional: Node[], keywords: Keyword[], names: Set<string>, unpacked: boolean): void {
    const isFirst = positional.length === 0 && keywords.length === 0;
    let node = this.expression();
    if (this.isOperator(":=")) node = this.#assignment(node, start);
    if (this.#startsClause()) {
      const clauses = this.#clauses();
      node = { kind: "comprehension", form: "generator", element: node, key: null, clauses, start, end: 0 };
      const end = this.previousEnd;
      if (!isFirst || !this.isOperator(")")) {
        throw new SyntaxFault("Generator expression must be parenthesized", start, end);
      }
      // As in Python, a bare generator argument spans the call's parentheses.
      positional.push({ ...node, start: start - 1, end: this.token.end });
      return;
    }
    if (this.isOperator("=")) {
      if (node.kind === "constant" && (node.value === null || typeof node.value === "boolean")) {
        const word = describe(node);
        throw new SyntaxFault(`cannot assign to ${word}`, start, this.token.end);
      }
      if (node.kind !== "name" || this.#grouped.has(node)) {
        throw new SyntaxFault('expression cannot contain assignment, perhaps you meant "=="?', start, this.token.end);
      }
      this.advance();
      if (this.isOperator(",") || this.isOperator(")")) {
        throw new SyntaxFault("expected argument value expression", start, this.previousEnd);
      }
      const value = this.expression();
      if (this.#startsClause()) {
        throw new SyntaxFault("invalid syntax. Maybe you meant '==' or ':=' instead of '='?", start, this.previousEnd);
      }
      if (names.has(node.id)) {
        throw new SyntaxFault(`keyword argument repeated: ${node.id}`, start, this.previousEnd);
      }
      names.add(node.id);
      keywords.push({ name: node.id, value, start, end: this.previousEnd });
      return;
    }
    if (keywords.length > 0) {
      throw new SyntaxFault(
        unpacked
          ? "positional argument follows keyword argument unpacking"
          : "positional argument follows keyword argument",
        start,
        this.previousEnd,
      );
    }
    positional.push(node);
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
        if (text === "(") return this.#parenthesised();
        if (text === "[") return this.#list();
        if (text === "{") return this.#braces();
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

  #yield(): Node {
    const start = this.token.start;
    this.advance();
    if (this.#takeKeyword("from")) {
      const value = this.expression();
      return { kind: "yield", value, start, end: this.previousEnd };
    }
    const value = this.#startsExpression() || this.isOperator("*") ? this.starExpressions() : null;
    return { kind: "yield", value, start, end: this.previousEnd };
  }

  #parenthesised(): Node {
    const start = this.token.start;
    this.advance();
    if (this.#takeOperator(")")) return { kind: "tuple", elements: [], start, end: this.previousEnd };
    if (this.#isKeyword("yield")) {
      const node = this.#yield();
      this.#expectOperator(")");
      this.#grouped.add(node);
      return node;
    }
    if (this.isOperator("**")) {
      const at = this.token;
      this.advance();
      this.expression();
      this.#expectOperator(")");
      throw new SyntaxFault("cannot use double starred expression here", at.start, at.end);
    }
    const first = this.#starOrNamed();
    if (this.#startsClause()) {
      this.#refuseStarredElement(first);
      const clauses = this.#clauses();
      this.#expectOperator(")");
      return {
        kind: "comprehension",
        form: "generator",
        element: first,
        key: null,
        clauses,
        start,
        end: this.previousEnd,
      };
    }
    if (this.isOperator(",")) {
      const elements = this.#moreElements(first, ")");
      if (this.#startsClause()) throw this.#forgottenParentheses(elements);
      this.#expectOperator(")");
      return { kind: "tuple", elements, start, end: this.previousEnd };
    }
    this.#expectOperator(")");
    if (first.kind === "starred") throw this.#starredMisplaced(first);
    this.#grouped.add(first);
    return first;
  }

  #starOrNamed(): Node {
    return this.isOperator("*") ? this.#starExpression() : this.#namedExpression();
  }

  #moreElements(first: Node, closer: string): Node[] {
    const elements = [first];
    while (this.#takeOperator(",")) {
      if (this.isOperator(closer) || this.#startsClause()) break;
      elements.push(this.#starOrNamed());
    }
    return elements;
  }

  #forgottenParentheses(elements: readonly Node[]): SyntaxFault {
    const fault = this.unexpected();
    const first = elements[0]!;
    const end = this.previousEnd;
    this.#clauses();
    if (elements.some((element) => element.kind === "starred")) return fault;
    return new SyntaxFault("did you forget parentheses around the comprehension target?", first.start, end);
  }

  #refuseStarredElement(node: Node): void {
    if (node.kind === "starred") {
      throw new SyntaxFault("iterable unpacking cannot be used in comprehension", node.start, node.end);
    }
  }

  #list(): Node {
    const start = this.token.start;
    this.advance();
    if (this.#takeOperator("]")) return { kind: "list", elements: [], start, end: this.previousEnd };
    const first = this.#starOrNamed();
    if (this.#startsClause()) {
      this.#refuseStarredElement(first);
      const clauses = this.#clauses();
      this.#expectOperator("]");
      return { kind: "comprehension", form: "list", element: first, key: null, clauses, start, end: this.previousEnd };
    }
    const elements = this.#moreElements(first, "]");
    if (this.#startsClause()) throw this.#forgottenParentheses(elements);
    this.#expectOperator("]");
    return { kind: "list", elements, start, end: this.previousEnd };
  }

  #braces(): Node {
    const start = this.token.start;
    this.advance();
    if (this.#takeOperator("}")) return { kind: "dict", entries: [], start, end: this.previousEnd };
    if (this.isOperator("**")) return this.#dict(start, undefined);
    const first = this.#starOrNamed();
    if (this.isOperator(":") && first.kind !== "starred") {
      if (first.kind === "assignment" && !this.#grouped.has(first)) throw this.unexpected();
      return this.#dict(start, first);
    }
    if (this.#startsClause()) {
      this.#refuseStarredElement(first);
      const clauses = this.#clauses();
      this.#expectOperator("}");
      return { kind: "comprehension", form: "set", element: first, key: null, clauses, start, end: this.previousEnd };
    }
    const elements = this.#moreElements(first, "}");
    if (this.#startsClause()) throw this.#forgottenParentheses(elements);
    this.#expectOperator("}");
    return { kind: "set", elements, start, end: this.previousEnd };
  }

  #dict(start: number, firstKey: Node | undefined): Node {
    const entries: DictEntry[] = [];
    let key = firstKey;
    while (!this.isOperator("}")) {
      if (key === undefined && this.isOperator("**")) {
        const at = this.token;
        this.advance();
        const value = this.#bitwise(0);
        if (this.#startsClause()) {
          throw new SyntaxFault("dict unpacking cannot be used in dict comprehension", at.start, at.end);
        }
        entries.push({ key: null, value });
      } else {
        const entryKey = key ?? this.expression();
        key = undefined;
        if (!this.isOperator(":")) {
          const closes = this.isOperator("}") || this.isOperator(",");
          if (!closes) throw this.unexpected();
          throw new SyntaxFault("':' expected after dictionary key", this.previousEnd - 1, this.previousEnd);
        }
        const colon = this.token;
        this.advance();
        if (this.isOperator("}") || this.isOperator(",")) {
          throw new SyntaxFault("expression expected after dictionary key and ':'", colon.start, colon.end);
        }
        if (this.isOperator("*")) {
          const star = this.token.start;
          this.advance();
          this.#bitwise(0);
          throw new SyntaxFault("cannot use a starred expression in a dictionary value", star, this.previousEnd);
        }
        const value = this.expression();
        if (entries.length === 0 && this.#startsClause()) {
          const clauses = this.#clauses();
          this.#expectOperator("}");
          const end = this.previousEnd;
          return { kind: "comprehension", form: "dict", element: value, key: entryKey, clauses, start, end };
        }
        entries.push({ key: entryKey, value });
      }
      if (!this.#takeOperator(",")) break;
    }
    this.#expectOperator("}");
    return { kind: "dict", entries, start, end: this.previousEnd };
  }

  #startsClause(): boolean {
    return this.#isKeyword("for") || this.#isKeyword("async");
  }

  #clauses(): ForClause[] {
    const clauses: ForClause[] = [];
    while (this.#startsClause()) {
      const isAsync = this.#takeKeyword("async");
      if (!this.#takeKeyword("for")) throw this.unexpected();
      const target = this.#targets();
      if (!this.#takeKeyword("in")) throw this.unexpected();
      const iterable = this.#disjunction();
      const conditions: Node[] = [];
      while (this.#takeKeyword("if")) conditions.push(this.#disjunction());
      clauses.push({ target, iterable, conditions, isAsync });
    }
    return clauses;
  }

  /** What follows `for`: names, attributes, items, and tuples or lists of them, one of which may be starred. */
  #targets(): Node {
    const start = this.token.start;
    const first = this.#target();
    if (!this.isOperator(",")) {
      this.#checkTarget(first, true);
      return first;
    }
    const elements = [first];
    while (this.#takeOperator(",")) {
      if (this.#isKeyword("in")) break;
      elements.push(this.#target());
    }
    const node: Node = { kind: "tuple", elements, start, end: this.previousEnd };
    this.#checkTarget(node, true);
    return node;
  }

  #target(): Node {
    const start = this.token.start;
    if (!this.#takeOperator("*")) return this.#bitwise(0);
    const value = this.#bitwise(0);
    return { kind: "starred", value, start, end: this.previousEnd };
  }

  #checkTarget(node: Node, top: boolean): void {
    switch (node.kind) {
      case "name":
      case "attribute":
      case "subscript":
        return;
      case "starred":
        if (node.value.kind === "starred") throw this.unexpected();
        this.#checkTarget(node.value, false);
        return;
      case "tuple":
      case "list":
        for (const element of node.elements) this.#checkTarget(element, false);
        return;
      default: {
        const words = describe(node);
        if (!top && node.kind === "binary" && this.#isKeyword("in")) throw this.unexpected();
        throw new SyntaxFault(`cannot assign to ${words}`, node.start, node.end);
      }
    }
  }

  #lambda(): Node {
    const start = this.token.start;
    if (this.lexer.atFieldLevel) {
      throw new SyntaxFault(
        "f-string: lambda expressions are not allowed without parentheses",
        this.token.start,
        this.token.end,
      );
    }
    this.advance();
    const positional: Parameter[] = [];
    const keywordOnly: Parameter[] = [];
    let positionalOnly = 0;
    let rest: Parameter | null = null;
    let keywordRest: Parameter | null = null;
    let starred = false;
    let slashed = false;
    while (!this.isOperator(":")) {
      if (keywordRest !== null) throw this.unexpected();
      if (this.isOperator("/")) {
        if (slashed || starred || positional.length === 0) throw this.unexpected();
        this.advance();
        slashed = true;
        positionalOnly = positional.length;
      } else if (this.#takeOperator("**")) {
        keywordRest = this.#parameter(false);
      } else if (this.isOperator("*")) {
        if (starred) throw this.unexpected();
        this.advance();
        starred = true;
        if (this.token.kind === "name") rest = this.#parameter(false);
        else if (!this.isOperator(",")) throw this.unexpected();
        else {
          const comma = this.token;
          this.advance();
          if (this.isOperator(":") || this.isOperator("**")) {
            throw new SyntaxFault("named arguments must follow bare *", comma.start - 1, comma.start);
          }
          continue;
        }
      } else {
        const parameter = this.#parameter(true);
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
      if (!this.#takeOperator(",")) break;
    }
    this.#expectOperator(":");
    const body = this.expression();
    const end = this.previousEnd;
    return { kind: "lambda", positional, positionalOnly, rest, keywordOnly, keywordRest, body, start, end };
  }

  #parameter(mayHaveDefault: boolean): Parameter {
    const { kind, text, start, end } = this.token;
    if (kind !== "name") throw this.unexpected();
    this.advance();
    const fallback = mayHaveDefault && this.#takeOperator("=") ? this.expression() : null;
    return { name: text, fallback, start, end };
  }
}

function isNot(node: Node): boolean {
  return node.kind === "unary" && node.op === "not";
}
