// JSON as Python reads and writes it, with number kinds kept: `1` is an integer, `1.0` a float, NaN and infinities are bare tokens.
// Source: RFC 8259, Python's json module documentation, backup-convert.md section 1.4.
import { MatyanError } from "./error.ts";
import { Extension, Timestamp, type Value, type ValueMap } from "./value.ts";

/** Deeper than any stored value can be; recursion stays bounded. */
const maxDepth = 512;
/** Python's own bound for integer text; converting longer ones takes quadratic time. */
const maxDigits = 4300;

/** Where the text stops being JSON. `line` and `column` count from 1 (column in characters), `offset` from 0 (in bytes if bytes were given). */
export class JsonError extends MatyanError {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
  constructor(what: string, position: { line: number; column: number; offset: number }, snippet: string) {
    super(
      "corrupt",
      `not JSON: ${what} at line ${position.line}, column ${position.column} (offset ${position.offset})${snippet}`,
    );
    this.line = position.line;
    this.column = position.column;
    this.offset = position.offset;
  }
}

/**
 * One JSON document. A number token with `.`, `e` or `E` is a float (`number`), any other an integer (`bigint`, exact).
 * Of equal keys the last wins. Escaped lone surrogates are kept. Throws `JsonError`.
 */
export function parseJson(source: string | Uint8Array): Value {
  if (typeof source === "string") return new Parser(source, 0).document();
  return new Parser(decode(source), hasMark(source) ? 3 : 0, true).document();
}

export interface JsonFormat {
  /** Only ASCII: all else as escapes. Default: raw. */
  readonly ascii?: boolean;
  /** Spaces per level; one line if absent. */
  readonly indent?: number;
}

/**
 * Text as `json.dumps` gives it: `, ` and `: `, floats as `repr`, bare NaN and Infinity. Lone surrogates are always
 * escaped. Bytes become hex and moments ISO 8601 text, as in the reference's archives; neither is turned back by `parseJson`.
 */
export function formatJson(value: Value, format: JsonFormat = {}): string {
  const quote = format.ascii ? quoteAscii : JSON.stringify;
  return format.indent === undefined
    ? formatLine(value, quote)
    : formatIndented(value, quote, " ".repeat(format.indent), "\n");
}

/** A float as Python's `repr` prints it: shortest digits, exponents below 1e-4 and from 1e16 on, always `.0` or an exponent. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e16) return Number.isInteger(value) ? `${value}.0` : String(value);
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  const sign = exponent[0];
  return `${digits}e${sign}${exponent.slice(1).padStart(2, "0")}`;
}

/** A string literal in pure ASCII, escapes in lower-case hex as Python writes them. */
export function quoteAscii(text: string): string {
  const quoted = JSON.stringify(text);
  return /[\x7f-\uffff]/.test(quoted)
    ? quoted.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : quoted;
}

/** A float as a JSON token: `pythonFloat`, with the spellings of non-finite numbers that JSON readers of Python know. */
export function jsonFloat(value: number): string {
  if (Number.isFinite(value)) return pythonFloat(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

function formatScalar(value: Exclude<Value, Value[] | ValueMap>, quote: (text: string) => string): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      return jsonFloat(value);
    case "bigint":
    case "boolean":
      return String(value);
  }
  if (value === null) return "null";
  if (value instanceof Uint8Array) return `"${toHex(value)}"`;
  if (value instanceof Timestamp) return `"${isoText(value.seconds)}"`;
  if (value instanceof Extension) return `{"$ext": ${value.type}, "data": "${toHex(value.data)}"}`;
  throw new TypeError(`JSON cannot hold ${String(value)}`);
}

function formatLine(value: Value, quote: (text: string) => string): string {
  if (Array.isArray(value)) {
    let text = "[";
    for (let i = 0; i < value.length; i++) text += (i === 0 ? "" : ", ") + formatLine(value[i]!, quote);
    return `${text}]`;
  }
  if (!(value instanceof Map)) return formatScalar(value, quote);
  let text = "{";
  for (const [key, item] of value) text += `${text.length === 1 ? "" : ", "}${quote(key)}: ${formatLine(item, quote)}`;
  return `${text}}`;
}

function formatIndented(value: Value, quote: (text: string) => string, step: string, line: string): string {
  const deeper = line + step;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[${deeper}${value.map((item) => formatIndented(item, quote, step, deeper)).join(`,${deeper}`)}${line}]`;
  }
  if (!(value instanceof Map)) return formatScalar(value, quote);
  if (value.size === 0) return "{}";
  const fields = Array.from(value, ([key, item]) => `${quote(key)}: ${formatIndented(item, quote, step, deeper)}`);
  return `{${deeper}${fields.join(`,${deeper}`)}${line}}`;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/** `2024-01-02T03:04:05.250000+00:00`, as Python's `isoformat` of a UTC time: microseconds only if there are any. */
function isoText(seconds: number): string {
  const whole = Math.floor(seconds);
  let micros = Math.round((seconds - whole) * 1e6);
  const date = new Date((whole + (micros === 1_000_000 ? 1 : 0)) * 1000);
  if (micros === 1_000_000) micros = 0;
  // Years that a date cannot name: the number itself says what is stored.
  if (Number.isNaN(date.getTime())) return jsonFloat(seconds);
  const fraction = micros === 0 ? "" : `.${String(micros).padStart(6, "0")}`;
  return `${date.toISOString().slice(0, -5)}${fraction}+00:00`;
}

const strict = new TextDecoder("utf-8", { fatal: true });

function hasMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

function decode(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    const valid = validLength(bytes);
    const before = strict.decode(bytes.subarray(0, valid));
    return new Parser(before, hasMark(bytes) ? 3 : 0, true).fail("a byte that is not UTF-8", before.length);
  }
}

/** The length of the longest prefix that is UTF-8. */
function validLength(bytes: Uint8Array): number {
  let low = 0;
  let high = bytes.length;
  // A prefix of a valid prefix may end inside of a character, which streaming decoding allows.
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      low = middle;
    } catch {
      high = middle - 1;
    }
  }
  while (low > 0 && (bytes[low]! & 0xc0) === 0x80) low--;
  return low;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Recursive descent over UTF-16 units: plain loops, since the records of archives come through here by the million. */
class Parser {
  readonly #text: string;
  readonly #shift: number;
  readonly #bytes: boolean;
  #at = 0;

  constructor(text: string, shift: number, bytes = false) {
    this.#text = text;
    this.#shift = shift;
    this.#bytes = bytes;
  }

  document(): Value {
    if (!this.#bytes && this.#text.charCodeAt(0) === 0xfeff) this.#at = 1;
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) this.fail("something follows the end of the document", this.#at);
    return value;
  }

  fail(what: string, at: number): never {
    const before = this.#text.slice(0, at);
    const lineStart = before.lastIndexOf("\n") + 1;
    const line = before.split("\n").length;
    const column = [...before.slice(lineStart)].length + 1;
    const offset = this.#bytes ? Buffer.byteLength(before) + this.#shift : at;
    const near = this.#text.slice(Math.max(lineStart, at - 20), at + 20).split("\n", 1)[0] ?? "";
    throw new JsonError(what, { line, column, offset }, near === "" ? "" : `, near ${JSON.stringify(near)}`);
  }

  #value(depth: number): Value {
    this.#space();
    const text = this.#text;
    const at = this.#at;
    const unit = text.charCodeAt(at);
    switch (unit) {
      case 0x22:
        return this.#string();
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
    if (unit === 0x2d || (unit >= 0x30 && unit <= 0x39)) return this.#number(unit === 0x2d);
    if (at >= text.length) this.fail("the text ends where a value is expected", at);
    return this.fail("there is no value", at);
  }

  #space(): void {
    const text = this.#text;
    for (;;) {
      const unit = text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.#at++;
    }
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.fail("there is no value", this.#at);
    this.#at += word.length;
    return value;
  }

  #object(depth: number): ValueMap {
    const start = this.#at++;
    if (depth >= maxDepth) this.fail(`nesting beyond ${maxDepth}`, start);
    const map: ValueMap = new Map();
    this.#space();
    if (this.#text.charCodeAt(this.#at) === 0x7d) {
      this.#at++;
      return map;
    }
    for (;;) {
      this.#space();
      if (this.#text.charCodeAt(this.#at) !== 0x22) this.fail("a key in double quotes is expected", this.#at);
      const key = this.#string();
      this.#space();
      if (this.#text.charCodeAt(this.#at) !== 0x3a) this.fail('":" is expected', this.#at);
      this.#at++;
      map.set(key, this.#value(depth + 1));
      this.#space();
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x2c && unit !== 0x7d) this.fail('"," or "}" is expected', this.#at);
      this.#at++;
      if (unit === 0x7d) return map;
    }
  }

  #array(depth: number): Value[] {
    const start = this.#at++;
    if (depth >= maxDepth) this.fail(`nesting beyond ${maxDepth}`, start);
    const items: Value[] = [];
    this.#space();
    if (this.#text.charCodeAt(this.#at) === 0x5d) {
      this.#at++;
      return items;
    }
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#space();
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x2c && unit !== 0x5d) this.fail('"," or "]" is expected', this.#at);
      this.#at++;
      if (unit === 0x5d) return items;
    }
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let at = start;
    for (;;) {
      const unit = text.charCodeAt(at);
      if (unit === 0x22) {
        this.#at = at + 1;
        return text.slice(start, at);
      }
      if (unit === 0x5c) return this.#escaped(start, at);
      // The comparison also fails for NaN: the end of the text.
      if (!(unit >= 0x20)) this.#badCharacter(start, at);
      at++;
    }
  }

  #escaped(start: number, first: number): string {
    const text = this.#text;
    let result = "";
    let from = start;
    let at = first;
    for (;;) {
      const unit = text.charCodeAt(at);
      if (unit === 0x22) {
        this.#at = at + 1;
        return result + text.slice(from, at);
      }
      if (unit === 0x5c) {
        result += text.slice(from, at);
        const name = text[at + 1] ?? "";
        if (name === "u") {
          const hex = text.slice(at + 2, at + 6);
          if (!/^[0-9a-fA-F]{4}$/.test(hex)) this.fail("four hex digits are expected", at + 2);
          result += String.fromCharCode(Number.parseInt(hex, 16));
          at += 6;
        } else {
          const plain = escapes[name];
          if (plain === undefined) this.fail(name === "" ? "a string has no end" : "there is no such escape", at);
          result += plain;
          at += 2;
        }
        from = at;
        continue;
      }
      if (!(unit >= 0x20)) this.#badCharacter(start, at);
      at++;
    }
  }

  #badCharacter(start: number, at: number): never {
    if (at >= this.#text.length) this.fail("a string has no end", start - 1);
    return this.fail("a control character must be escaped", at);
  }

  #number(negative: boolean): bigint | number {
    const text = this.#text;
    const start = this.#at;
    let at = negative ? start + 1 : start;
    const digits = at;
    let unit = text.charCodeAt(at);
    if (negative && unit === 0x49) {
      this.#at = at;
      return this.#word("Infinity", Number.NEGATIVE_INFINITY);
    }
    let value = 0;
    while (unit >= 0x30 && unit <= 0x39) {
      value = value * 10 + unit - 0x30;
      unit = text.charCodeAt(++at);
    }
    const count = at - digits;
    if (count === 0) this.fail("a digit is expected", at);
    if (count > 1 && text.charCodeAt(digits) === 0x30) this.fail("a number starts with a needless zero", digits);
    if (unit !== 0x2e && unit !== 0x65 && unit !== 0x45) {
      this.#at = at;
      if (count < 16) return BigInt(negative ? -value : value);
      if (count > maxDigits) this.fail(`an integer has more than ${maxDigits} digits`, start);
      return BigInt(text.slice(start, at));
    }
    if (unit === 0x2e) at = this.#digits(at + 1);
    unit = text.charCodeAt(at);
    if (unit === 0x65 || unit === 0x45) {
      unit = text.charCodeAt(++at);
      if (unit === 0x2b || unit === 0x2d) at++;
      at = this.#digits(at);
    }
    this.#at = at;
    return Number(text.slice(start, at));
  }

  /** The position behind one or more digits. */
  #digits(from: number): number {
    let at = from;
    for (;;) {
      const unit = this.#text.charCodeAt(at);
      if (!(unit >= 0x30 && unit <= 0x39)) break;
      at++;
    }
    if (at === from) this.fail("a digit is expected", at);
    return at;
  }
}
