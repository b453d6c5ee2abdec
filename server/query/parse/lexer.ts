// Tokens of a query, read on demand: Python 3.12 reference, "Lexical analysis". Replacement fields of f-strings are read
// by the parser, which tells the lexer when it is inside one.
import { SyntaxFault } from "../errors.ts";

export type TokenKind = "name" | "keyword" | "number" | "string" | "formatted" | "operator" | "newline" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** The token's text; for names, the normalised (NFKC) name. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export const keywords: ReadonlySet<string> = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from global " +
    "if import in is lambda nonlocal not or pass raise return try while with yield"
  ).split(" "),
);

const maximalBrackets = 200;
const closers: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const operators = [
  ["**=", "//=", ">>=", "<<=", "...", "!=", "==", "<=", ">=", "->", ":=", "**", "//", ">>", "<<", "+=", "-=", "*="],
  ["/=", "%=", "&=", "|=", "^=", "@=", "+", "-", "*", "/", "%", "@", "&", "|", "^", "~", "<", ">", "(", ")", "[", "]"],
  ["{", "}", ",", ":", ".", ";", "=", "!"],
].flat();
const identifierStart = /[\p{XIDS}_]/u;
const identifierPart = /\p{XIDC}/u;
const stringStart = /^(?:[rR]?[fF]|[fF][rR]|[rR]?[bB]|[bB][rR]|[rR]|[uU])?(?:'''|"""|'|")/;
/** Keywords that may follow a number without a blank, as in `1if x else 2`. */
const afterNumber = /^(?:and|else|for|if|in|is|not|or)/;

interface OpenBracket {
  readonly text: string;
  readonly at: number;
}

export class Lexer {
  readonly source: string;
  readonly brackets: OpenBracket[] = [];
  at = 0;
  /** Replacement fields of f-strings that are open, innermost last: where they began and their string's quotes. */
  readonly #fields: { readonly depth: number; readonly quote: string }[] = [];

  constructor(source: string) {
    this.source = source;
    const nul = source.indexOf("\0");
    if (nul >= 0) throw new SyntaxFault("source code string cannot contain null bytes", nul, nul + 1);
  }

  enterField(quote: string): void {
    this.#fields.push({ depth: this.brackets.length, quote });
  }

  leaveField(): void {
    this.#fields.pop();
  }

  /** Whether the next token lies directly in a replacement field, where `:` and `!` end the expression. */
  get atFieldLevel(): boolean {
    return this.#fields.at(-1)?.depth === this.brackets.length;
  }

  next(): Token {
    const { source } = this;
    for (;;) {
      const unit = source[this.at];
      if (unit === undefined) return this.#token("end", "", this.at);
      if (unit === " " || unit === "\t" || unit === "\f") {
        this.at++;
      } else if (unit === "\n" || unit === "\r") {
        const start = this.at;
        this.at += source.startsWith("\r\n", this.at) ? 2 : 1;
        if (this.brackets.length === 0 && this.#fields.length === 0) {
          return { kind: "newline", text: "\n", start, end: this.at };
        }
      } else if (unit === "#") {
        while (this.at < source.length && source[this.at] !== "\n" && source[this.at] !== "\r") this.at++;
      } else if (unit === "\\") {
        const line = /^\\(?:\r\n|\n|\r)/.exec(source.slice(this.at, this.at + 3));
        if (line === null) {
          throw new SyntaxFault("unexpected character after line continuation character", this.at + 1, this.at + 2);
        }
        this.at += line[0].length;
        if (this.at >= source.length) throw new SyntaxFault("unexpected EOF while parsing", this.at, this.at + 1);
      } else {
        return this.#lexeme(unit);
      }
    }
  }

  #lexeme(unit: string): Token {
    const start = this.at;
    const ahead = this.source.slice(start, start + 6);
    const opening = stringStart.exec(ahead);
    if (opening !== null) return this.#string(opening[0]);
    if (isDigit(unit) || (unit === "." && isDigit(this.source[start + 1]))) return this.#number();
    const point = String.fromCodePoint(this.source.codePointAt(start)!);
    if (identifierStart.test(point)) return this.#name();
    if (point.charCodeAt(0) > 127) {
      const code = point.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
      const printable = /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(point);
      throw new SyntaxFault(
        printable ? `invalid character '${point}' (U+${code})` : `invalid non-printable character U+${code}`,
        start,
        start + point.length,
      );
    }
    const operator = operators.find((candidate) => this.source.startsWith(candidate, start));
    if (operator === undefined) throw new SyntaxFault("invalid syntax", start, start + 1, true);
    return this.#operator(operator);
  }

  #operator(operator: string): Token {
    const start = this.at;
    let text = operator;
    if (this.atFieldLevel) {
      // `{x:=5}` formats x with `=5`, `{x!r}` converts; only `!=` stays a comparison.
      if (text === ":=") text = ":";
    }
    this.at += text.length;
    if (text in closers) {
      if (this.brackets.length >= maximalBrackets) {
        throw new SyntaxFault("too many nested parentheses", start, start + 1);
      }
      this.brackets.push({ text, at: start });
    } else if (text === ")" || text === "]" || text === "}") {
      if (this.atFieldLevel) {
        if (text === "}") return this.#token("operator", text, start);
        throw new SyntaxFault(`f-string: unmatched '${text}'`, start, start + 1);
      }
      const open = this.brackets.pop();
      if (open === undefined) throw new SyntaxFault(`unmatched '${text}'`, start, start + 1);
      if (closers[open.text] !== text) {
        const line = this.#lineOf(open.at);
        const where = line === this.#lineOf(start) ? "" : ` on line ${line}`;
        throw new SyntaxFault(
          `closing parenthesis '${text}' does not match opening parenthesis '${open.text}'${where}`,
          start,
          start + 1,
        );
      }
    }
    return this.#token("operator", text, start);
  }

  #lineOf(at: number): number {
    return this.source.slice(0, at).split("\n").length;
  }

  #name(): Token {
    const { source } = this;
    const start = this.at;
    while (this.at < source.length) {
      const point = String.fromCodePoint(source.codePointAt(this.at)!);
      if (!identifierPart.test(point)) {
        if (point.charCodeAt(0) > 127 && !/\s/u.test(point)) {
          const code = point.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
          throw new SyntaxFault(`invalid character '${point}' (U+${code})`, this.at, this.at + point.length);
        }
        break;
      }
      this.at += point.length;
    }
    const text = source.slice(start, this.at);
    if (keywords.has(text)) return this.#token("keyword", text, start);
    return this.#token("name", text.normalize("NFKC"), start);
  }

  #number(): Token {
    const start = this.at;
    const rest = this.source.slice(start);
    const based = /^0[xXoObB]/.exec(rest);
    if (based !== null) return this.#basedNumber(rest, based[0][1]!.toLowerCase());
    const match = /^(?:[0-9](?:_?[0-9])*)?(?:\.(?:[0-9](?:_?[0-9])*)?)?(?:[eE][+-]?[0-9](?:_?[0-9])*)?[jJ]?/.exec(rest);
    const text = match![0];
    this.at = start + text.length;
    const plainInteger = /^[0-9_]+$/.test(text);
    if (this.source[this.at] === "_") throw new SyntaxFault("invalid decimal literal", this.at - 1, this.at);
    if (plainInteger && /^0[0-9_]*[1-9]/.test(text)) {
      throw new SyntaxFault(
        "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers",
        start,
        start + /^0[0_]*/.exec(text)![0].length,
      );
    }
    const kind = /[jJ]$/.test(text) ? "imaginary" : "decimal";
    this.#checkAfterNumber(kind);
    return this.#token("number", text, start);
  }

  #basedNumber(rest: string, base: string): Token {
    const start = this.at;
    const [digits, name] =
      base === "x" ? ["0-9a-fA-F", "hexadecimal"] : base === "o" ? ["0-7", "octal"] : ["01", "binary"];
    const text = new RegExp(`^0[a-zA-Z](?:_?[${digits}])*`).exec(rest)![0];
    this.at = start + text.length;
    const next = this.source[this.at];
    if (base !== "x" && isDigit(next)) {
      throw new SyntaxFault(`invalid digit '${next}' in ${name} literal`, this.at, this.at + 1);
    }
    if (text.length === 2 || next === "_") throw new SyntaxFault(`invalid ${name} literal`, this.at - 1, this.at);
    this.#checkAfterNumber(name!);
    return this.#token("number", text, start);
  }

  #checkAfterNumber(name: string): void {
    const rest = this.source.slice(this.at, this.at + 8);
    const point = rest === "" ? "" : String.fromCodePoint(rest.codePointAt(0)!);
    if (point === "" || !identifierPart.test(point) || afterNumber.test(rest)) return;
    throw new SyntaxFault(`invalid ${name} literal`, this.at - 1, this.at);
  }

  #string(opening: string): Token {
    const { source } = this;
    const start = this.at;
    const quote = opening.endsWith("'''") || opening.endsWith('"""') ? opening.slice(-3) : opening.slice(-1);
    const formatted = /f/i.test(opening.slice(0, -quote.length));
    this.at += opening.length;
    // The parser reads an f-string's parts itself, from just after the opening quotes.
    if (formatted) return this.#token("formatted", opening, start);
    for (;;) {
      const unit = source[this.at];
      if (unit === undefined || (quote.length === 1 && (unit === "\n" || unit === "\r"))) {
        // A string that begins with the quotes of the f-string around it and does not end is where that one ends.
        if (this.#fields.at(-1)?.quote === quote) throw new SyntaxFault("f-string: expecting '}'", start, start + 1);
        throw unterminated(source, quote, start, this.at, "");
      }
      if (unit === "\\") {
        this.at += source.startsWith("\r\n", this.at + 1) ? 3 : 2;
      } else if (source.startsWith(quote, this.at)) {
        this.at += quote.length;
        return this.#token("string", source.slice(start, this.at), start);
      } else {
        this.at++;
      }
    }
  }

  #token(kind: TokenKind, text: string, start: number): Token {
    return { kind, text, start, end: this.at };
  }
}

/** The error of a string that does not end; `prefix` is `f-` for f-strings. */
export function unterminated(source: string, quote: string, start: number, at: number, prefix: string): SyntaxFault {
  const line = source.slice(0, Math.min(at, source.length)).split("\n").length;
  const triple = quote.length === 3 ? "triple-quoted " : "";
  return new SyntaxFault(`unterminated ${triple}${prefix}string literal (detected at line ${line})`, start, start + 1);
}

function isDigit(unit: string | undefined): boolean {
  return unit !== undefined && unit >= "0" && unit <= "9";
}
