// Python literals inside strings: how hyperparameter writers spell lists, tuples and dicts (backup-convert.md 4.6).
import { formatJson, parseJson, pythonFloat } from "../json.ts";
import type { Value, ValueMap } from "../value.ts";

const maxDepth = 64;

/**
 * The list or map that a hyperparameter's text stands for: a Python literal or JSON beginning with `[`, `{` or `(`.
 * Undefined for anything else, sets included. Tuples become lists; keys become strings as Python's json makes them.
 */
export function parseLiteral(text: string): Value[] | ValueMap | undefined {
  const trimmed = text.trim();
  if (!/^[[{(]/.test(trimmed)) return undefined;
  const value = parsePython(trimmed) ?? parseStrictJson(trimmed);
  return Array.isArray(value) || value instanceof Map ? value : undefined;
}

function parseStrictJson(text: string): Value | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined; // Not JSON either: the text stays a text.
  }
}

class NotALiteral extends Error {}

function parsePython(text: string): Value | undefined {
  const parser = new LiteralParser(text);
  try {
    return parser.document();
  } catch (error) {
    if (error instanceof NotALiteral) return undefined;
    throw error;
  }
}

/** What `ast.literal_eval` accepts, without bytes, sets, complex numbers and named characters. */
class LiteralParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Value {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw new NotALiteral();
    return value;
  }

  #value(depth: number): Value {
    if (depth > maxDepth) throw new NotALiteral();
    this.#space();
    const char = this.#text[this.#at];
    if (char === "[") return this.#list(depth, "]");
    if (char === "(") return this.#tuple(depth);
    if (char === "{") return this.#dict(depth);
    const word = this.#take(/(True|False|None)(?![\w])/y);
    if (word !== undefined) return word === "None" ? null : word === "True";
    return this.#number() ?? this.#strings();
  }

  #list(depth: number, close: string): Value[] {
    this.#at++;
    const items: Value[] = [];
    while (!this.#accept(close)) {
      items.push(this.#value(depth + 1));
      if (!this.#accept(",") && !this.#peek(close)) throw new NotALiteral();
    }
    return items;
  }

  /** `(1)` is the number 1, `(1,)` and `()` are tuples. */
  #tuple(depth: number): Value {
    const from = this.#at;
    const items = this.#list(depth, ")");
    if (items.length !== 1) return items;
    return /,\s*\)$/.test(this.#text.slice(from, this.#at)) ? items : items[0]!;
  }

  #dict(depth: number): ValueMap {
    this.#at++;
    const map: ValueMap = new Map();
    while (!this.#accept("}")) {
      const key = keyText(this.#value(depth + 1));
      if (!this.#accept(":")) throw new NotALiteral();
      map.set(key, this.#value(depth + 1));
      if (!this.#accept(",") && !this.#peek("}")) throw new NotALiteral();
    }
    return map;
  }

  #number(): Value | undefined {
    const prefixed = this.#take(/[+-]?0(x(_?[\da-f])+|o(_?[0-7])+|b(_?[01])+)(?![\w.])/iy);
    if (prefixed !== undefined) {
      const digits = prefixed.replaceAll("_", "").replace(/^[+-]/, "");
      return prefixed.startsWith("-") ? -BigInt(digits) : BigInt(digits);
    }
    const float = this.#take(/[+-]?(\d(_?\d)*\.(\d(_?\d)*)?|\.\d(_?\d)*|\d(_?\d)*(?=e))(e[+-]?\d(_?\d)*)?(?![\w.])/iy);
    if (float !== undefined) return Number(float.replaceAll("_", ""));
    const integer = this.#take(/[+-]?(0(_?0)*|[1-9](_?\d)*)(?![\w.])/y);
    if (integer === undefined) return undefined;
    const digits = integer.replaceAll("_", "");
    return digits.startsWith("+") ? BigInt(digits.slice(1)) : BigInt(digits);
  }

  /** One string, or several side by side that Python joins. */
  #strings(): string {
    let joined = "";
    let found = false;
    for (;;) {
      const open = this.#take(/[uUrR]?('''|"""|'|")/y);
      if (open === undefined) break;
      found = true;
      const raw = /^r/i.test(open);
      const quote = open.replace(/^[a-z]/i, "");
      joined += this.#string(quote, raw);
      this.#space();
    }
    if (!found) throw new NotALiteral();
    return joined;
  }

  #string(quote: string, raw: boolean): string {
    const text = this.#text;
    let value = "";
    while (!text.startsWith(quote, this.#at)) {
      const char = text[this.#at++];
      if (char === undefined || (char === "\n" && quote.length === 1)) throw new NotALiteral();
      if (char !== "\\") value += char;
      else if (raw) value += char + (text[this.#at++] ?? "");
      else value += this.#escape();
    }
    this.#at += quote.length;
    return value.toWellFormed();
  }

  #escape(): string {
    const octal = this.#take(/[0-7]{1,3}/y);
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
    const hex = this.#take(/x[\da-f]{2}|u[\da-f]{4}|U[\da-f]{8}/iy);
    if (hex !== undefined) {
      const code = Number.parseInt(hex.slice(1), 16);
      if (code > 0x10ffff) throw new NotALiteral();
      return String.fromCodePoint(code);
    }
    const char = this.#text[this.#at++];
    if (char === undefined || char === "N" || char === "x" || char === "u" || char === "U") throw new NotALiteral();
    return simpleEscapes.get(char) ?? `\\${char}`;
  }

  #space(): void {
    this.#take(/(?:\s|#[^\n]*)*/y);
  }

  #accept(char: string): boolean {
    const found = this.#peek(char);
    if (found) this.#at++;
    return found;
  }

  #peek(char: string): boolean {
    this.#space();
    return this.#text[this.#at] === char;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}

const simpleEscapes = new Map([
  ["\n", ""],
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
]);

/** A dict's key as Python's json writes it. Lists and tuples are no keys. */
function keyText(key: Value): string {
  if (typeof key === "string") return key;
  if (typeof key === "number") return pythonFloat(key);
  if (key === null || typeof key === "boolean" || typeof key === "bigint") return formatJson(key);
  throw new NotALiteral();
}
