// Values of number and string literals: Python 3.12 reference, "Lexical analysis", sections 2.4.1 to 2.4.6.
import type { Literal } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";

const maximalDigits = 4300;

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** The value of a number token whose form is already known to be right. */
export function numberValue(text: string, start: number): Literal {
  const plain = text.replaceAll("_", "");
  if (/^0[xobXOB]/.test(plain)) return BigInt(plain.toLowerCase());
  if (/[jJ]$/.test(plain)) return { imaginary: Number(plain.slice(0, -1)) };
  if (/[.eE]/.test(plain)) return Number(plain);
  if (plain.length > maximalDigits) {
    throw new SyntaxFault(
      `Exceeds the limit (${maximalDigits} digits) for integer string conversion: value has ${plain.length} digits; use sys.set_int_max_str_digits() to increase the limit - Consider hexadecimal for huge integer literals to avoid decimal conversion limits.`,
      start,
      start + text.length,
    );
  }
  return BigInt(plain);
}

/** The text between the quotes with its escapes resolved; unknown escapes keep their backslash. `\r\n` reads as `\n`. */
export function unescapeText(body: string, raw: boolean, start: number): string {
  const text = body.replace(/\r\n?/g, "\n");
  if (raw || !text.includes("\\")) return text;
  let out = "";
  for (let at = 0; at < text.length; ) {
    const unit = text[at]!;
    if (unit !== "\\") {
      out += unit;
      at++;
      continue;
    }
    const next = text[at + 1] ?? "";
    const simple = escapes[next];
    if (simple !== undefined) {
      out += simple;
      at += 2;
    } else if (next === "\n") {
      at += 2;
    } else if (next >= "0" && next <= "7") {
      const digits = /^[0-7]{1,3}/.exec(text.slice(at + 1, at + 4))![0];
      out += String.fromCharCode(Number.parseInt(digits, 8));
      at += 1 + digits.length;
    } else if (next === "x" || next === "u" || next === "U") {
      const width = next === "x" ? 2 : next === "u" ? 4 : 8;
      const digits = text.slice(at + 2, at + 2 + width);
      if (!/^[0-9a-fA-F]+$/.test(digits) || digits.length < width) {
        const shape = next === "x" ? "\\xXX" : next === "u" ? "\\uXXXX" : "\\UXXXXXXXX";
        throw new SyntaxFault(
          `(unicode error) 'unicodeescape' codec can't decode bytes in position ${at}-${at + 1 + digits.length}: truncated ${shape} escape`,
          start,
          start + body.length,
        );
      }
      const point = Number.parseInt(digits, 16);
      if (point > 0x10ffff) {
        throw new SyntaxFault(
          `(unicode error) 'unicodeescape' codec can't decode bytes in position ${at}-${at + 9}: illegal Unicode character`,
          start,
          start + body.length,
        );
      }
      out += String.fromCodePoint(point);
      at += 2 + width;
    } else if (next === "N") {
      throw new SyntaxFault(
        "characters by name (\\N{...}) are not known here; write the character or its \\u escape",
        start,
        start + body.length,
      );
    } else {
      out += unit;
      at++;
    }
  }
  return out;
}

/** The bytes of a bytes literal's body. */
export function unescapeBytes(body: string, raw: boolean, start: number): Uint8Array {
  const text = body.replace(/\r\n?/g, "\n");
  const out: number[] = [];
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code > 127) {
      throw new SyntaxFault("bytes can only contain ASCII literal characters", start, start + body.length);
    }
    if (raw || code !== 0x5c) {
      out.push(code);
      at++;
      continue;
    }
    const next = text[at + 1] ?? "";
    const simple = escapes[next];
    if (simple !== undefined) {
      out.push(simple.charCodeAt(0));
      at += 2;
    } else if (next === "\n") {
      at += 2;
    } else if (next >= "0" && next <= "7") {
      const digits = /^[0-7]{1,3}/.exec(text.slice(at + 1, at + 4))![0];
      out.push(Number.parseInt(digits, 8) & 0xff);
      at += 1 + digits.length;
    } else if (next === "x") {
      const digits = text.slice(at + 2, at + 4);
      if (!/^[0-9a-fA-F]{2}$/.test(digits)) {
        throw new SyntaxFault(`(value error) invalid \\x escape at position ${at}`, start, start + body.length);
      }
      out.push(Number.parseInt(digits, 16));
      at += 4;
    } else {
      out.push(code);
      at++;
    }
  }
  return Uint8Array.from(out);
}
