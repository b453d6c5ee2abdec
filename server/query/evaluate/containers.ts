// Methods of list, tuple, dict, set and frozenset.
import { bind, noKeywords, sizeOf } from "./arguments.ts";
import { ordered, same, truth } from "./compare.ts";
import { PyException, raise, typeError, valueError } from "./exceptions.ts";
import { hashKey, PyDict, PySet } from "./hashed.ts";
import { iterate, toArray } from "./iterate.ts";
import type { Meter } from "./meter.ts";
import { repr } from "./repr.ts";
import { done, type Keywords, type Py, PyFunction, PyList, PyTuple, PyType } from "./values.ts";

export type Method<Self> = (self: Self, given: readonly Py[], keywords: Keywords, meter: Meter) => Py;
type Table<Self> = ReadonlyMap<string, Method<Self>>;

function method<Self>(
  name: string,
  minimum: number,
  maximum: number,
  body: (self: Self, given: readonly Py[], meter: Meter) => Py,
): [string, Method<Self>] {
  return [
    name,
    (self, given, keywords, meter) => {
      noKeywords(name, keywords);
      if (given.length < minimum || given.length > maximum) {
        typeError(`${name}() takes from ${minimum} to ${maximum} arguments (${given.length} given)`);
      }
      return body(self, given, meter);
    },
  ];
}

/** Calls anything that can be called. */
export function invoke(callee: Py, given: readonly Py[], keywords: Keywords): Py {
  if (callee instanceof PyFunction) return callee.call(given, keywords);
  if (callee instanceof PyType) return callee.make(given, keywords);
  return typeError("object is not callable");
}

/** A sorted copy: stable, by `<` alone, of `items` or of what `key` makes of them. */
export function sorted(items: readonly Py[], key: Py, reverse: boolean, meter: Meter): Py[] {
  meter.items(items.length);
  const keyed = items.map((item) => ({ item, key: key === null ? item : invoke(key, [item], undefined) }));
  if (reverse) keyed.reverse();
  keyed.sort((a, b) => {
    meter.charge(1);
    if (ordered("<", a.key, b.key, meter)) return -1;
    return ordered("<", b.key, a.key, meter) ? 1 : 0;
  });
  if (reverse) keyed.reverse();
  return keyed.map((entry) => entry.item);
}

function indexOf(items: readonly Py[], value: Py, start: Py | undefined, stop: Py | undefined, meter: Meter): bigint {
  const bound = (given: Py | undefined, fallback: number): number => {
    if (given === undefined) return fallback;
    const place = sizeOf(given);
    return place < 0 ? Math.max(0, place + items.length) : place;
  };
  const end = Math.min(bound(stop, items.length), items.length);
  for (let i = bound(start, 0); i < end; i++) if (same(items[i]!, value, meter)) return BigInt(i);
  return valueError(`${repr(value, meter)} is not in list`);
}

function countOf(items: readonly Py[], value: Py, meter: Meter): bigint {
  return BigInt(items.filter((item) => same(item, value, meter)).length);
}

export const listMethods: Table<PyList> = new Map<string, Method<PyList>>([
  method("append", 1, 1, (self, [value]) => {
    self.items.push(value ?? null);
    return null;
  }),
  method("extend", 1, 1, (self, [values], meter) => {
    const more = toArray(values ?? null, meter);
    meter.items(self.items.length + more.length);
    self.items = self.items.concat(more);
    return null;
  }),
  method("insert", 2, 2, (self, [index, value]) => {
    self.items.splice(sizeOf(index), 0, value ?? null);
    return null;
  }),
  method("remove", 1, 1, (self, [value], meter) => {
    const at = self.items.findIndex((item) => same(item, value ?? null, meter));
    if (at < 0) valueError("list.remove(x): x not in list");
    self.items.splice(at, 1);
    return null;
  }),
  method("pop", 0, 1, (self, [index = -1n]) => {
    const place = sizeOf(index);
    const at = place < 0 ? place + self.items.length : place;
    if (self.items.length === 0) raise("IndexError", "pop from empty list");
    if (at < 0 || at >= self.items.length) raise("IndexError", "pop index out of range");
    return self.items.splice(at, 1)[0]!;
  }),
  method("clear", 0, 0, (self) => {
    self.items = [];
    return null;
  }),
  method("copy", 0, 0, (self, _, meter) => new PyList(toArray(self, meter))),
  method("count", 1, 1, (self, [value], meter) => countOf(self.items, value ?? null, meter)),
  method("index", 1, 3, (self, [value, start, stop], meter) => indexOf(self.items, value ?? null, start, stop, meter)),
  method("reverse", 0, 0, (self) => {
    self.items.reverse();
    return null;
  }),
  [
    "sort",
    (self, given, keywords, meter) => {
      const [, key = null, reverse = false] = bind("sort", ["", "key", "reverse"], 0, ["", ...given], keywords, 1);
      self.items = sorted(self.items, key, truth(reverse), meter);
      return null;
    },
  ],
]);

export const tupleMethods: Table<PyTuple> = new Map<string, Method<PyTuple>>([
  method("count", 1, 1, (self, [value], meter) => countOf(self.items, value ?? null, meter)),
  method("index", 1, 3, (self, [value, start, stop], meter) => indexOf(self.items, value ?? null, start, stop, meter)),
]);

/** Adds what `source` (a dict or an iterable of pairs) holds. */
export function updateDict(target: PyDict, source: Py, meter: Meter): void {
  if (source instanceof PyDict) {
    for (const entry of source.entries.values()) target.set(entry.key, entry.value);
    meter.charge(source.entries.size);
    return;
  }
  for (const pair of toArray(source, meter)) {
    const [key, value, ...more] = toArray(pair, meter);
    if (key === undefined || value === undefined || more.length > 0) {
      valueError("dictionary update sequence element has the wrong length; 2 is required");
    }
    target.set(key, value);
  }
}

export const dictMethods: Table<PyDict> = new Map<string, Method<PyDict>>([
  method("get", 1, 2, (self, [key, fallback = null]) => self.get(key ?? null) ?? fallback),
  method("keys", 0, 0, (self) => {
    // Keys compare and combine as a set; nothing else of the view's nature can be seen in a query.
    const out = new PySet(true);
    for (const [hash, entry] of self.entries) out.entries.set(hash, entry.key);
    return out;
  }),
  method("values", 0, 0, (self) => new PyList([...self.entries.values()].map((entry) => entry.value))),
  method(
    "items",
    0,
    0,
    (self) => new PyList([...self.entries.values()].map((entry) => new PyTuple([entry.key, entry.value]))),
  ),
  method("copy", 0, 0, (self, _, meter) => {
    const out = new PyDict();
    updateDict(out, self, meter);
    return out;
  }),
  method("clear", 0, 0, (self) => {
    self.entries.clear();
    return null;
  }),
  method("pop", 1, 2, (self, [key, fallback], meter) => {
    const found = self.get(key ?? null);
    if (found === undefined) return fallback ?? raise("KeyError", repr(key ?? null, meter));
    self.entries.delete(hashKey(key ?? null));
    return found;
  }),
  method("setdefault", 1, 2, (self, [key, fallback = null]) => {
    const found = self.get(key ?? null);
    if (found !== undefined) return found;
    self.set(key ?? null, fallback);
    return fallback;
  }),
  [
    "update",
    (self, given, keywords, meter) => {
      if (given.length > 1) typeError(`update expected at most 1 argument, got ${given.length}`);
      if (given[0] !== undefined) updateDict(self, given[0], meter);
      if (keywords !== undefined) for (const [name, value] of keywords) self.set(name, value);
      return null;
    },
  ],
]);

export function setOf(values: Py, frozen: boolean, meter: Meter): PySet {
  const out = new PySet(frozen);
  const next = iterate(values);
  for (let value = next(); value !== done; value = next()) {
    meter.charge(1);
    out.add(value);
  }
  meter.items(out.entries.size);
  return out;
}

function combined(
  name: string,
  most: number,
  keep: (self: PySet, others: readonly PySet[], meter: Meter) => PySet,
): [string, Method<PySet>] {
  return method(name, 0, most, (self, given, meter) =>
    keep(
      self,
      given.map((values) => (values instanceof PySet ? values : setOf(values, true, meter))),
      meter,
    ),
  );
}

function filtered(self: PySet, keep: (hash: string) => boolean): PySet {
  const out = new PySet(self.frozen);
  for (const [hash, value] of self.entries) if (keep(hash)) out.entries.set(hash, value);
  return out;
}

function union(self: PySet, others: readonly PySet[], meter: Meter): PySet {
  const out = filtered(self, () => true);
  for (const other of others)
    for (const [hash, value] of other.entries) if (!out.entries.has(hash)) out.entries.set(hash, value);
  meter.items(out.entries.size);
  return out;
}

function subset(self: PySet, other: PySet): boolean {
  return [...self.entries.keys()].every((hash) => other.entries.has(hash));
}

function changing(
  name: string,
  least: number,
  body: (self: PySet, given: readonly Py[], meter: Meter) => Py,
): [string, Method<PySet>] {
  return method(name, least, least === 0 ? 0 : 1, (self, given, meter) => {
    if (self.frozen) throw new PyException("AttributeError", `'frozenset' object has no attribute '${name}'`);
    return body(self, given, meter);
  });
}

export const setMethods: Table<PySet> = new Map<string, Method<PySet>>([
  changing("add", 1, (self, [value]) => {
    self.add(value ?? null);
    return null;
  }),
  changing("discard", 1, (self, [value]) => {
    self.entries.delete(hashKey(value ?? null));
    return null;
  }),
  changing("remove", 1, (self, [value], meter) => {
    if (!self.entries.delete(hashKey(value ?? null))) raise("KeyError", repr(value ?? null, meter));
    return null;
  }),
  changing("pop", 0, (self) => {
    for (const [hash, value] of self.entries) {
      self.entries.delete(hash);
      return value;
    }
    return raise("KeyError", "'pop from an empty set'");
  }),
  changing("clear", 0, (self) => {
    self.entries.clear();
    return null;
  }),
  changing("update", 1, (self, [values], meter) => {
    for (const [hash, value] of setOf(values ?? null, true, meter).entries) {
      if (!self.entries.has(hash)) self.entries.set(hash, value);
    }
    return null;
  }),
  method("copy", 0, 0, (self) => filtered(self, () => true)),
  combined("union", 100, union),
  combined("intersection", 100, (self, others) =>
    filtered(self, (hash) => others.every((other) => other.entries.has(hash))),
  ),
  combined("difference", 100, (self, others) =>
    filtered(self, (hash) => !others.some((other) => other.entries.has(hash))),
  ),
  combined("symmetric_difference", 1, (self, others, meter) => {
    const [other = new PySet(true)] = others;
    const both = union(self, [other], meter);
    return filtered(both, (hash) => self.entries.has(hash) !== other.entries.has(hash));
  }),
  method("issubset", 1, 1, (self, [other], meter) => subset(self, setOf(other ?? null, true, meter))),
  method("issuperset", 1, 1, (self, [other], meter) => subset(setOf(other ?? null, true, meter), self)),
  method("isdisjoint", 1, 1, (self, [other], meter) => {
    const values = setOf(other ?? null, true, meter);
    return ![...self.entries.keys()].some((hash) => values.entries.has(hash));
  }),
]);
