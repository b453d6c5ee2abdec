// Methods of str. Positions count characters (code points), as in Python.

import { onlyBlanks, strip, stripLeft, stripRight } from "../whitespace.ts";
import { bind, integerOf, noKeywords, sizeOf, textOf } from "./arguments.ts";
import { truth } from "./compare.ts";
import { raise, typeError, valueError } from "./exceptions.ts";
import { isPlain, points, textLength, toArray } from "./iterate.ts";
import type { Meter } from "./meter.ts";
import { isPrintable } from "./repr.ts";
import { formatTemplate } from "./template.ts";
import {
  encode,
  expandTabs,
  isTitle,
  makeTrans,
  replaceLimited,
  splitBlanks,
  splitLines,
  title,
  titleCase,
  translate,
} from "./textChanges.ts";
import { typeName } from "./types.ts";
import { type Keywords, type Py, PyList, PyTuple } from "./values.ts";

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
