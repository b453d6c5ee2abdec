// Reads JSON as Python does, with number kinds kept: `1` is an integer, `1.0` a float, NaN and infinities are bare tokens.
// Source: RFC 8259, Python's json module documentation, backup-convert.md section 1.4.
import { MatyanError } from "./error.ts";
import { decodeAscii, sliceAscii, validLength } from "./utf8.ts";
import type { Value, ValueMap } from "./value.ts";

/** Deeper than any stored value can be; recursion stays bounded. */
const maxDepth = 512;
/** Python's own bound for integer text; converting longer ones takes quadratic time. */
const maxDigits = 4300;

interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** From 0, in bytes of the UTF-8 text. */
  readonly offset: number;
}

/** Where the text stops being JSON, and why. */
export class JsonError extends MatyanError implements Position {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
  constructor(what: string, position: Position, snippet: string) {
    const near = snippet === "" ? "" : `, near ${JSON.stringify(snippet)}`;
    super(
      "corrupt",
      `not JSON: ${what} at line ${position.line}, column ${position.column} (byte ${position.offset})${near}`,
    );
    this.line = position.line;
    this.column = position.column;
    this.offset = position.offset;
  }
}

/**
 * One JSON document. A number token with `.`, `e` or `E` is a float (`number`), any other an integer (`bigint`, exact).
 * Of equal keys the last wins. Escaped lone surrogates are kept. Bytes must be UTF-8; a byte order mark is skipped.
 * @throws JsonError, also on nesting beyond 512 and integers of more than 4,300 digits.
 */
export function parseJson(source: string | Uint8Array): Value {
  if (typeof source !== "string") return new Parser(source).document();
  const parser = new Parser(encoder.encode(source));
  if (parser.length !== source.length && !source.isWellFormed()) {
    const lone = source
      .toWellFormed()
      .split("")
      .findIndex((unit, i) => unit !== source[i]);
    parser.fail("half of a surrogate pair", Buffer.byteLength(source.slice(0, lone)));
  }
  return parser.document();
}

/** As `parseJson`, and undefined for what is not JSON: for answers of servers of which nobody knows what they are. */
export function tryParseJson(source: string | Uint8Array): Value | undefined {
  try {
    return parseJson(source);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

const encoder = new TextEncoder();
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** 10^0..10^22, the powers of ten that are exact as doubles. */
const exactPowers = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

/** Recursive descent over bytes: plain loops, since the records of archives come through here by the million. */
class Parser {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  #at: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    this.#at = this.#start;
  }

  get length(): number {
    return this.#bytes.length;
  }

  document(): Value {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#bytes.length) this.fail("something follows the end of the document", this.#at);
    return value;
  }

  fail(what: string, at: number): never {
    const bytes = this.#bytes;
    let line = 1;
    let column = 1;
    for (let i = this.#start; i < at; i++) {
      if (bytes[i] === 0x0a) {
        line++;
        column = 1;
      } else if ((bytes[i]! & 0xc0) !== 0x80) column++; // the first byte of a character
    }
    // Whole characters of this line only, about 20 to either side, however long the line is.
    const from = Math.max(this.#start, bytes.lastIndexOf(0x0a, Math.max(at - 1, 0)) + 1, at - 80);
    const before = lenient.decode(bytes.subarray(Math.min(from, at), at));
    const after = lenient.decode(bytes.subarray(at, at + 80)).split("\n", 1)[0] ?? "";
    const snippet = [...before].slice(-20).join("") + [...after].slice(0, 20).join("");
    throw new JsonError(what, { line, column, offset: at }, snippet);
  }

  #value(depth: number): Value {
    const byte = this.#space();
    if (byte === 0x22) return this.#string();
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return this.#number(byte);
    switch (byte) {
      case 0x7b:
        return this.#object(depth);
      case 0x5b:
        return this.#array(depth);
      case 0x74:
        return this.#word("true", true);
      case 0x66:
        return this.#word("false", false);
      case 0x6e:
        return this.#word("null", null);
      case 0x4e:
        return this.#word("NaN", Number.NaN);
      case 0x49:
        return this.#word("Infinity", Number.POSITIVE_INFINITY);
    }
    return this.fail(this.#at < this.#bytes.length ? "there is no value" : "the text ends before a value", this.#at);
  }

  /** Skips white space and returns the byte that follows; undefined becomes 0, which no grammar rule takes. */
  #space(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at]!;
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at]!;
    this.#at = at;
    return byte ?? 0;
  }

  #word<T>(word: string, value: T): T {
    for (let i = 0; i < word.length; i++)
      if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) this.fail("there is no value", this.#at);
    this.#at += word.length;
    return value;
  }

  #object(depth: number): ValueMap {
    if (depth >= maxDepth) this.fail(`nesting beyond ${maxDepth}`, this.#at);
    const map: ValueMap = new Map();
    this.#at++;
    let byte = this.#space();
    if (byte === 0x7d) {
      this.#at++;
      return map;
    }
    for (;;) {
      if (byte !== 0x22) this.fail("a key in double quotes is expected", this.#at);
      const key = this.#string();
      if (this.#space() !== 0x3a) this.fail('":" is expected', this.#at);
      this.#at++;
      map.set(key, this.#value(depth + 1));
      byte = this.#space();
      if (byte !== 0x2c && byte !== 0x7d) this.fail('"," or "}" is expected', this.#at);
      this.#at++;
      if (byte === 0x7d) return map;
      byte = this.#space();
    }
  }

  #array(depth: number): Value[] {
    if (depth >= maxDepth) this.fail(`nesting beyond ${maxDepth}`, this.#at);
    const items: Value[] = [];
    this.#at++;
    if (this.#space() === 0x5d) {
      this.#at++;
      return items;
    }
    for (;;) {
      items.push(this.#value(depth + 1));
      const byte = this.#space();
      if (byte !== 0x2c && byte !== 0x5d) this.fail('"," or "]" is expected', this.#at);
      this.#at++;
      if (byte === 0x5d) return items;
    }
  }

  #string(): string {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    let at = start;
    let all = 0;
    let byte = bytes[at]!;
    // The comparisons also fail for undefined: the end of the text.
    while (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) {
      all |= byte;
      byte = bytes[++at]!;
    }
    if (byte !== 0x22) return this.#escaped(start, at);
    this.#at = at + 1;
    if (all >= 0x80) return this.#unicode(start, at);
    return decodeAscii(bytes, start, at);
  }

  /** A string with escapes, or one without an end. `at` is where the first unusual byte is. */
  #escaped(start: number, at: number): string {
    const bytes = this.#bytes;
    for (;;) {
      const byte = bytes[at];
      if (byte === 0x22) break;
      if (byte === undefined) this.fail("a string has no end", start - 1);
      if (byte < 0x20) this.fail("a control character must be escaped", at);
      if (byte === 0x5c) this.#checkEscape(++at, start);
      at++;
    }
    this.#at = at + 1;
    // The literal is well-formed by now, and the built-in parser unescapes it faster than any loop here.
    return JSON.parse(this.#unicode(start - 1, at + 1)) as string;
  }

  #checkEscape(at: number, start: number): void {
    const name = this.#bytes[at];
    if (name === undefined) this.fail("a string has no end", start - 1);
    if (name === 0x75) {
      for (let i = at + 1; i <= at + 4; i++)
        if (!isHexDigit(this.#bytes[i])) this.fail("four hex digits are expected", i);
    } else if (!'"\\/bfnrt'.includes(String.fromCharCode(name))) this.fail("there is no such escape", at - 1);
  }

  #unicode(start: number, end: number): string {
    const part = this.#bytes.subarray(start, end);
    try {
      return strict.decode(part);
    } catch {
      return this.fail("there is no UTF-8 text", start + validLength(part));
    }
  }

  #number(first: number): bigint | number {
    const bytes = this.#bytes;
    const start = this.#at;
    const negative = first === 0x2d;
    const digits = negative ? start + 1 : start;
    let at = digits;
    let byte = bytes[at]!;
    if (negative && byte === 0x49) {
      this.#at = at;
      return this.#word("Infinity", Number.NEGATIVE_INFINITY);
    }
    let size = 0;
    while (byte >= 0x30 && byte <= 0x39) {
      size = size * 10 + byte - 0x30;
      byte = bytes[++at]!;
    }
    let count = at - digits;
    if (count === 0) this.fail("a digit is expected", at);
    if (count > 1 && bytes[digits] === 0x30) this.fail("a number starts with a needless zero", digits);
    if (byte !== 0x2e && byte !== 0x65 && byte !== 0x45) {
      this.#at = at;
      if (count <= 15) return BigInt(negative ? -size : size);
      if (count > maxDigits) this.fail(`an integer has more than ${maxDigits} digits`, start);
      return BigInt(sliceAscii(bytes, start, at));
    }
    let fraction = 0;
    if (byte === 0x2e) {
      const point = at;
      byte = bytes[++at]!;
      while (byte >= 0x30 && byte <= 0x39) {
        size = size * 10 + byte - 0x30;
        byte = bytes[++at]!;
      }
      fraction = at - point - 1;
      count += fraction;
      if (fraction === 0) this.fail("a digit is expected", at);
    }
    if (byte === 0x65 || byte === 0x45) {
      byte = bytes[++at]!;
      if (byte === 0x2b || byte === 0x2d) byte = bytes[++at]!;
      const exponent = at;
      while (byte >= 0x30 && byte <= 0x39) byte = bytes[++at]!;
      if (at === exponent) this.fail("a digit is expected", at);
    } else if (count <= 15) {
      // Both numbers are exact, so that one division rounds as the decimal text must (Clinger's fast path).
      this.#at = at;
      const value = size / exactPowers[fraction]!;
      return negative ? -value : value;
    }
    this.#at = at;
    return Number(sliceAscii(bytes, start, at));
  }
}

function isHexDigit(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66));
}
