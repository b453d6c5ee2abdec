// `string` and `random`, as far as a query needs them.

import { blanks, strip } from "../whitespace.ts";
import { bind, integerOf, textOf } from "./arguments.ts";
import { raise, valueError } from "./exceptions.ts";
import { toArray } from "./iterate.ts";
import { real } from "./mathModule.ts";
import { str } from "./repr.ts";
import type { Runtime } from "./runtime.ts";
import { subscript } from "./subscript.ts";
import { type Keywords, type Py, PyFunction, PyList, PyModule } from "./values.ts";

type Call = (given: readonly Py[], keywords: Keywords) => Py;

function moduleOf(
  name: string,
  functions: Readonly<Record<string, Call>>,
  constants: Readonly<Record<string, Py>>,
): PyModule {
  const members = new Map<string, Py>(Object.entries(constants));
  for (const [key, call] of Object.entries(functions)) members.set(key, new PyFunction(key, call));
  return new PyModule(name, members);
}

const lower = "abcdefghijklmnopqrstuvwxyz";
const upper = lower.toUpperCase();
const digits = "0123456789";
const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const whitespace = " \t\n\r\v\f";

export const stringModule = moduleOf(
  "string",
  {
    capwords: ([text, separator]) => {
      const given = textOf("capwords() argument", text);
      const mark = separator === undefined || separator === null ? undefined : textOf("sep", separator);
      const words = mark === undefined ? strip(given).split(blanks) : given.split(mark);
      const capital = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase();
      return words.map(capital).join(mark ?? " ");
    },
  },
  {
    ascii_letters: lower + upper,
    ascii_lowercase: lower,
    ascii_uppercase: upper,
    digits,
    hexdigits: `${digits}abcdefABCDEF`,
    octdigits: "01234567",
    punctuation,
    whitespace,
    printable: digits + lower + upper + punctuation + whitespace,
  },
);

/** Random numbers that repeat: each row starts from the same seed, so one query always gives one answer. */
export function randomModule(runtime: Runtime): PyModule {
  const { meter } = runtime;
  const below = (n: number): number => Math.floor(runtime.random() * n);
  const between = (low: bigint, high: bigint): bigint => {
    if (high < low) valueError("empty range for randrange()");
    return low + BigInt(below(Number(high - low) + 1));
  };
  const gauss = (mean: number, deviation: number): number =>
    mean + deviation * Math.sqrt(-2 * Math.log(1 - runtime.random())) * Math.cos(2 * Math.PI * runtime.random());
  const shuffled = (items: Py[]): Py[] => {
    for (let i = items.length - 1; i > 0; i--) {
      const j = below(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  };
  return moduleOf(
    "random",
    {
      seed: ([value = null]) => {
        runtime.seed(typeof value === "bigint" ? Number(value & 0xffffffffn) : hashText(str(value, meter)));
        return null;
      },
      random: () => runtime.random(),
      uniform: ([a, b]) => real(a) + (real(b) - real(a)) * runtime.random(),
      randint: ([a, b]) => between(integerOf(a), integerOf(b)),
      randrange: ([a, b, step = 1n]) => {
        const [low, high] = b === undefined ? [0n, integerOf(a)] : [integerOf(a), integerOf(b)];
        const by = integerOf(step);
        if (by === 0n) valueError("zero step for randrange()");
        const count = (high - low + by + (by > 0n ? -1n : 1n)) / by;
        return low + by * between(0n, count - 1n);
      },
      choice: ([items = null]) => {
        const length = toArray(items, meter).length;
        if (length === 0) raise("IndexError", "Cannot choose from an empty sequence");
        return subscript(items, BigInt(below(length)), meter);
      },
      choices: (given, keywords) => {
        const [population = null, , , k = 1n] = bind(
          "choices",
          ["population", "weights", "cum_weights", "k"],
          1,
          given,
          keywords,
        );
        const items = toArray(population, meter);
        if (items.length === 0) raise("IndexError", "list index out of range");
        const count = Number(integerOf(k));
        meter.items(count);
        return new PyList(Array.from({ length: count }, () => items[below(items.length)]!));
      },
      sample: (given, keywords) => {
        const [population = null, k] = bind("sample", ["population", "k"], 2, given, keywords);
        const items = shuffled(toArray(population, meter));
        const count = Number(integerOf(k));
        if (count > items.length || count < 0) valueError("Sample larger than population or is negative");
        return new PyList(items.slice(0, count));
      },
      shuffle: ([items = null]) => {
        if (items instanceof PyList) items.items = shuffled(toArray(items, meter));
        return null;
      },
      gauss: ([mean = 0, deviation = 1]) => gauss(real(mean), real(deviation)),
      normalvariate: ([mean = 0, deviation = 1]) => gauss(real(mean), real(deviation)),
      expovariate: ([rate = 1]) => -Math.log(1 - runtime.random()) / real(rate),
    },
    {},
  );
}

/** FNV-1a over UTF-16 units. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
