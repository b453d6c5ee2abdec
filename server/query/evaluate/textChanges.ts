// What Python's string methods make of a text: pieces, other cases, other characters, bytes.
import { blanks, isBlank, strip, stripLeft, stripRight } from "../whitespace.ts";
import { textOf } from "./arguments.ts";
import { PyException, raise, typeError, valueError } from "./exceptions.ts";
import { PyDict } from "./hashed.ts";
import { points, textLength } from "./iterate.ts";
import type { Meter } from "./meter.ts";
import { unwrap } from "./stored.ts";
import { typeName } from "./types.ts";
import { DictProxy, type Py } from "./values.ts";

export function splitBlanks(self: string, limit: number, fromRight: boolean): string[] {
  const trimmed = fromRight ? stripRight(self) : stripLeft(self);
  if (limit < 0) return strip(self) === "" ? [] : strip(self).split(blanks);
  const out: string[] = [];
  let rest = trimmed;
  while (rest !== "" && out.length < limit) {
    const at = fromRight ? lastBlank(rest) : firstBlank(rest);
    if (at < 0) break;
    out.push(fromRight ? rest.slice(at + 1) : rest.slice(0, at));
    rest = fromRight ? stripRight(rest.slice(0, at)) : stripLeft(rest.slice(at + 1));
  }
  if (rest !== "") out.push(rest);
  return fromRight ? out.reverse() : out;
}

function firstBlank(text: string): number {
  for (let at = 0; at < text.length; at++) if (isBlank(text.charCodeAt(at))) return at;
  return -1;
}

function lastBlank(text: string): number {
  for (let at = text.length - 1; at >= 0; at--) if (isBlank(text.charCodeAt(at))) return at;
  return -1;
}

const cased = /[\p{Lu}\p{Ll}\p{Lt}]/u;

export function title(self: string): string {
  let out = "";
  let inside = false;
  for (const point of self) {
    out += inside ? point.toLowerCase() : titleCase(point);
    inside = cased.test(point);
  }
  return out;
}

export function titleCase(point: string): string {
  const upper = point.toUpperCase();
  return upper.length > point.length ? upper[0] + upper.slice(1).toLowerCase() : upper;
}

export function isTitle(self: string): boolean {
  let inside = false;
  let any = false;
  for (const point of self) {
    if (/[\p{Lu}\p{Lt}]/u.test(point)) {
      if (inside) return false;
      inside = any = true;
    } else if (/\p{Ll}/u.test(point)) {
      if (!inside) return false;
      any = true;
    } else {
      inside = false;
    }
  }
  return any;
}

export function translate(self: string, table: Py): string {
  const dict = table instanceof DictProxy ? unwrap(table) : table;
  if (!(dict instanceof PyDict)) return typeError(`'${typeName(table)}' object is not subscriptable`);
  let out = "";
  for (const point of points(self)) {
    const entry = dict.get(BigInt(point.codePointAt(0)!));
    if (entry === undefined) out += point;
    else if (typeof entry === "string") out += entry;
    else if (typeof entry === "bigint") out += String.fromCodePoint(Number(entry));
    else if (entry !== null) typeError("character mapping must return integer, None or str");
  }
  return out;
}

export function expandTabs(self: string, size: number, meter: Meter): string {
  let out = "";
  let column = 0;
  for (const point of self) {
    if (point === "\t") {
      const width = size > 0 ? size - (column % size) : 0;
      meter.text(out.length + width);
      out += " ".repeat(width);
      column += width;
    } else {
      out += point;
      column = point === "\n" || point === "\r" ? 0 : column + 1;
    }
  }
  return out;
}

export function splitLines(self: string, keep: boolean): string[] {
  const lines =
    self.match(/[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|$)/g) ?? [];
  if (lines.at(-1) === "") lines.pop();
  return keep ? lines : lines.map((line) => line.replace(/(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])$/, ""));
}

export function replaceLimited(self: string, from: string, to: string, limit: number, meter: Meter): string {
  if (limit < 0) {
    const count = from === "" ? textLength(self) + 1 : self.split(from).length - 1;
    meter.text(self.length + count * Math.max(0, to.length - from.length));
    return from === "" ? [to, ...points(self).map((point) => point + to)].join("") : self.replaceAll(from, () => to);
  }
  let out = "";
  let rest = from === "" ? points(self) : self.split(from);
  if (from === "") {
    for (let i = 0; i < limit && i <= rest.length; i++) out += to + (rest[i] ?? "");
    return limit > rest.length ? out : out + rest.slice(limit).join("");
  }
  const count = Math.min(limit, rest.length - 1);
  meter.text(self.length + count * to.length);
  out = rest.slice(0, count + 1).join(to);
  rest = rest.slice(count + 1);
  return rest.length === 0 ? out : [out, ...rest].join(from);
}

export function encode(self: string, encoding: string): Uint8Array {
  const name = encoding.toLowerCase().replaceAll("-", "_");
  if (name === "utf_8" || name === "utf8") {
    if (!self.isWellFormed()) throw new PyException("UnicodeEncodeError", "surrogates not allowed");
    return new TextEncoder().encode(self);
  }
  const limit = name === "ascii" ? 128 : name === "latin_1" || name === "iso_8859_1" ? 256 : 0;
  if (limit === 0) raise("LookupError", `unknown encoding: ${encoding}`);
  return Uint8Array.from(points(self), (point) => {
    const code = point.codePointAt(0)!;
    return code < limit ? code : raise("UnicodeEncodeError", `'${encoding}' codec can't encode character`);
  });
}

export function makeTrans(given: readonly Py[]): Py {
  const out = new PyDict();
  const [from, to, drop] = given;
  if (to === undefined) {
    if (!(from instanceof PyDict)) return typeError("if you give only one argument to maketrans it must be a dict");
    for (const entry of from.entries.values()) {
      out.set(typeof entry.key === "string" ? BigInt(entry.key.codePointAt(0) ?? 0) : entry.key, entry.value);
    }
    return out;
  }
  const sources = points(textOf("maketrans() argument", from ?? null));
  const targets = points(textOf("maketrans() argument", to));
  if (sources.length !== targets.length) valueError("the first two maketrans arguments must have equal length");
  sources.forEach((source, index) => {
    out.set(BigInt(source.codePointAt(0)!), BigInt(targets[index]!.codePointAt(0)!));
  });
  if (drop !== undefined) {
    for (const point of points(textOf("maketrans() argument", drop))) out.set(BigInt(point.codePointAt(0)!), null);
  }
  return out;
}
