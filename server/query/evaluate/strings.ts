// Methods of str. Positions count characters (code points), as in Python.

import { blanks, isBlank, onlyBlanks, strip, stripLeft, stripRight } from "../whitespace.ts";
import { bind, integerOf, noKeywords, sizeOf, textOf } from "./arguments.ts";
import { truth } from "./compare.ts";
import { PyException, raise, typeError, valueError } from "./exceptions.ts";
import { PyDict } from "./hashed.ts";
import { isPlain, points, textLength, toArray } from "./iterate.ts";
import type { Meter } from "./meter.ts";
import { isPrintable } from "./repr.ts";
import { unwrap } from "./stored.ts";
import { formatTemplate } from "./template.ts";
import { typeName } from "./types.ts";
import { DictProxy, type Keywords, type Py, PyList, PyTuple } from "./values.ts";

type Method = (self: string, given: readonly Py[], keywords: Keywords, meter: Meter) => Py;

/** A method whose arguments are all positional. */
function plainMethod(
  name: string,
  minimum: number,
  maximum: number,
  body: (self: string, given: readonly Py[], meter: Meter) => Py,
): [string, Method] {
  return [
    name,
    (self, given, keywords, meter) => {
      noKeywords(`str.${name}`, keywords);
      if (given.length < minimum || given.length > maximum) {
        typeError(`str.${name}() takes from ${minimum} to ${maximum} arguments (${given.length} given)`);
      }
      meter.charge(self.length >> 4);
      return body(self, given, meter);
    },
  ];
}

function test(name: string, body: (self: string) => boolean): [string, Method] {
  return plainMethod(name, 0, 0, body);
}

function map(name: string, body: (self: string) => string): [string, Method] {
  return plainMethod(name, 0, 0, (self, _, meter) => {
    const out = body(self);
    meter.text(out.length);
    return out;
  });
}

/** UTF-16 index of the character at `index`. */
function unitIndex(text: string, index: number): number {
  if (isPlain(text)) return index;
  let units = 0;
  let count = 0;
  for (const point of text) {
    if (count++ === index) return units;
    units += point.length;
  }
  return units;
}

/** Start and end of the part that optional arguments name, in UTF-16 units, or undefined when it is empty in a wrong way. */
function part(text: string, start: Py | undefined, end: Py | undefined): [number, number] | undefined {
  if (start === undefined && end === undefined) return [0, text.length];
  const length = textLength(text);
  const clamp = (value: Py | undefined, fallback: number): number => {
    if (value === undefined || value === null) return fallback;
    const index = sizeOf(value);
    return index < 0 ? Math.max(0, index + length) : index;
  };
  const from = clamp(start, 0);
  const to = Math.min(clamp(end, length), length);
  if (from > length || from > to) return undefined;
  return [unitIndex(text, from), unitIndex(text, to)];
}

function search(name: string, last: boolean, missing: "raise" | "minus"): [string, Method] {
  return plainMethod(name, 1, 3, (self, [what, start, end], meter) => {
    const needle = textOf(`${name}() argument`, what);
    meter.charge(self.length >> 2);
    const range = part(self, start, end);
    let found = -1;
    if (range !== undefined) {
      const within = self.slice(range[0], range[1]);
      const at = last ? within.lastIndexOf(needle) : within.indexOf(needle);
      if (at >= 0) found = textLength(self.slice(0, range[0] + at));
    }
    if (found < 0 && missing === "raise") valueError("substring not found");
    return BigInt(found);
  });
}

function affix(name: string, holds: (text: string, part: string) => boolean): [string, Method] {
  return plainMethod(name, 1, 3, (self, [what, start, end]) => {
    const range = part(self, start, end);
    const within = range === undefined ? undefined : self.slice(range[0], range[1]);
    const one = (candidate: Py): boolean => {
      if (typeof candidate !== "string") {
        typeError(`${name} first arg must be str or a tuple of str, not ${typeName(candidate)}`);
      }
      return within !== undefined && holds(within, candidate);
    };
    return what instanceof PyTuple ? what.items.some(one) : one(what ?? null);
  });
}

function stripping(name: string, left: boolean, right: boolean): [string, Method] {
  return plainMethod(name, 0, 1, (self, [set]) => {
    if (set === undefined || set === null) return left ? (right ? strip(self) : stripLeft(self)) : stripRight(self);
    const drop = new Set(points(textOf(`${name} arg`, set)));
    const characters = points(self);
    let from = 0;
    let to = characters.length;
    if (left) while (from < to && drop.has(characters[from]!)) from++;
    if (right) while (to > from && drop.has(characters[to - 1]!)) to--;
    return characters.slice(from, to).join("");
  });
}

function padding(name: string, place: (missing: number, length: number, width: number) => number): [string, Method] {
  return plainMethod(name, 1, 2, (self, [size, fill = " "], meter) => {
    const width = sizeOf(size);
    const filler = textOf("The fill character", fill);
    if (textLength(filler) !== 1) typeError("The fill character must be exactly one character long");
    meter.text(width);
    const length = textLength(self);
    const missing = width - length;
    if (missing <= 0) return self;
    const left = place(missing, length, width);
    return filler.repeat(left) + self + filler.repeat(missing - left);
  });
}

function splitBlanks(self: string, limit: number, fromRight: boolean): string[] {
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

function splitting(name: "split" | "rsplit"): [string, Method] {
  return [
    name,
    (self, given, keywords, meter) => {
      const [separator, most] = bind(name, ["sep", "maxsplit"], 0, given, keywords);
      const limit = most === undefined ? -1 : sizeOf(most);
      meter.charge(self.length >> 2);
      let pieces: string[];
      if (separator === undefined || separator === null) {
        pieces = splitBlanks(self, limit, name === "rsplit");
      } else {
        const mark = textOf("sep", separator);
        if (mark === "") valueError("empty separator");
        pieces = self.split(mark);
        if (limit >= 0 && pieces.length > limit + 1) {
          pieces =
            name === "split"
              ? [...pieces.slice(0, limit), pieces.slice(limit).join(mark)]
              : [pieces.slice(0, pieces.length - limit).join(mark), ...pieces.slice(pieces.length - limit)];
        }
      }
      meter.items(pieces.length);
      return new PyList(pieces);
    },
  ];
}

function partition(name: string, last: boolean): [string, Method] {
  return plainMethod(name, 1, 1, (self, [separator]) => {
    const mark = textOf("must be str", separator);
    if (mark === "") valueError("empty separator");
    const at = last ? self.lastIndexOf(mark) : self.indexOf(mark);
    if (at < 0) return new PyTuple(last ? ["", "", self] : [self, "", ""]);
    return new PyTuple([self.slice(0, at), mark, self.slice(at + mark.length)]);
  });
}

const cased = /[\p{Lu}\p{Ll}\p{Lt}]/u;

function title(self: string): string {
  let out = "";
  let inside = false;
  for (const point of self) {
    out += inside ? point.toLowerCase() : titleCase(point);
    inside = cased.test(point);
  }
  return out;
}

function titleCase(point: string): string {
  const upper = point.toUpperCase();
  return upper.length > point.length ? upper[0] + upper.slice(1).toLowerCase() : upper;
}

function isTitle(self: string): boolean {
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

function translate(self: string, table: Py): string {
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

function expandTabs(self: string, size: number, meter: Meter): string {
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

function splitLines(self: string, keep: boolean): string[] {
  const lines =
    self.match(/[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|$)/g) ?? [];
  if (lines.at(-1) === "") lines.pop();
  return keep ? lines : lines.map((line) => line.replace(/(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])$/, ""));
}

function replaceLimited(self: string, from: string, to: string, limit: number, meter: Meter): string {
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

function encode(self: string, encoding: string): Uint8Array {
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

function makeTrans(given: readonly Py[]): Py {
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

const every = (self: string, shape: RegExp): boolean => self !== "" && points(self).every((point) => shape.test(point));
const digit = /[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468]/u;

export const textMethods: ReadonlyMap<string, Method> = new Map([
  map("capitalize", (self) => {
    const [first = "", ...rest] = points(self);
    return titleCase(first) + rest.join("").toLowerCase();
  }),
  map("casefold", (self) => self.replaceAll("ß", "ss").toLowerCase().replaceAll("ς", "σ")),
  padding("center", (missing, _, width) => Math.floor(missing / 2) + (missing & width & 1)),
  plainMethod("count", 1, 3, (self, [what, start, end], meter) => {
    const needle = textOf("must be str", what);
    meter.charge(self.length >> 2);
    const range = part(self, start, end);
    if (range === undefined) return 0n;
    const within = self.slice(range[0], range[1]);
    return BigInt(needle === "" ? textLength(within) + 1 : within.split(needle).length - 1);
  }),
  [
    "encode",
    (self, given, keywords) => {
      const [encoding = "utf-8"] = bind("encode", ["encoding", "errors"], 0, given, keywords);
      return encode(self, textOf("encoding", encoding));
    },
  ],
  affix("endswith", (text, suffix) => text.endsWith(suffix)),
  [
    "expandtabs",
    (self, given, keywords, meter) => {
      const [size = 8n] = bind("expandtabs", ["tabsize"], 0, given, keywords);
      return expandTabs(self, sizeOf(size), meter);
    },
  ],
  search("find", false, "minus"),
  ["format", () => raise("NotImplementedError", "str.format is not allowed in a query; use an f-string")],
  plainMethod("format_map", 1, 1, (self, [mapping], meter) => formatTemplate(self, mapping ?? null, meter)),
  search("index", false, "raise"),
  test("isalnum", (self) => self !== "" && points(self).every((point) => /[\p{L}\p{N}]/u.test(point))),
  test("isalpha", (self) => every(self, /\p{L}/u)),
  test("isascii", (self) => /^[\x00-\x7f]*$/.test(self)),
  test("isdecimal", (self) => every(self, /\p{Nd}/u)),
  test("isdigit", (self) => every(self, digit)),
  test("isidentifier", (self) => /^[\p{XIDS}_]\p{XIDC}*$/u.test(self)),
  test("islower", (self) => /\p{Lowercase}/u.test(self) && !/[\p{Uppercase}\p{Lt}]/u.test(self)),
  test("isnumeric", (self) => every(self, /\p{N}/u)),
  test("isprintable", (self) => points(self).every(isPrintable)),
  test("isspace", (self) => onlyBlanks.test(self)),
  test("istitle", isTitle),
  test("isupper", (self) => /\p{Uppercase}/u.test(self) && !/[\p{Lowercase}\p{Lt}]/u.test(self)),
  plainMethod("join", 1, 1, (self, [items], meter) => {
    const parts = toArray(items ?? null, meter);
    let length = 0;
    parts.forEach((item, index) => {
      if (typeof item !== "string") typeError(`sequence item ${index}: expected str instance, ${typeName(item)} found`);
      length += item.length + self.length;
    });
    meter.text(length);
    return parts.join(self);
  }),
  padding("ljust", () => 0),
  map("lower", (self) => self.toLowerCase()),
  stripping("lstrip", true, false),
  plainMethod("maketrans", 1, 3, (_, given) => makeTrans(given)),
  partition("partition", false),
  plainMethod("removeprefix", 1, 1, (self, [prefix]) => {
    const text = textOf("removeprefix() argument", prefix);
    return self.startsWith(text) ? self.slice(text.length) : self;
  }),
  plainMethod("removesuffix", 1, 1, (self, [suffix]) => {
    const text = textOf("removesuffix() argument", suffix);
    return text !== "" && self.endsWith(text) ? self.slice(0, -text.length) : self;
  }),
  plainMethod("replace", 2, 3, (self, [from, to, count], meter) => {
    const limit = count === undefined ? -1 : Number(integerOf(count));
    return replaceLimited(self, textOf("replace() argument 1", from), textOf("replace() argument 2", to), limit, meter);
  }),
  search("rfind", true, "minus"),
  search("rindex", true, "raise"),
  padding("rjust", (missing) => missing),
  partition("rpartition", true),
  splitting("rsplit"),
  stripping("rstrip", false, true),
  splitting("split"),
  [
    "splitlines",
    (self, given, keywords, meter) => {
      const [keep = false] = bind("splitlines", ["keepends"], 0, given, keywords);
      const lines = splitLines(self, truth(keep));
      meter.items(lines.length);
      return new PyList(lines);
    },
  ],
  affix("startswith", (text, prefix) => text.startsWith(prefix)),
  stripping("strip", true, true),
  map("swapcase", (self) =>
    points(self)
      .map((point) => (/\p{Lu}/u.test(point) ? point.toLowerCase() : point.toUpperCase()))
      .join(""),
  ),
  map("title", title),
  plainMethod("translate", 1, 1, (self, [table]) => translate(self, table ?? null)),
  map("upper", (self) => self.toUpperCase()),
  plainMethod("zfill", 1, 1, (self, [size], meter) => {
    const width = sizeOf(size);
    meter.text(width);
    const missing = width - textLength(self);
    if (missing <= 0) return self;
    const sign = /^[+-]/.test(self) ? self[0]! : "";
    return sign + "0".repeat(missing) + self.slice(sign.length);
  }),
]);
