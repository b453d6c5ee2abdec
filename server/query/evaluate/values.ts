// Python values during evaluation. The value model carries over: `bigint` int, `number` float, `null` None, `string` str.
import type { Extension, Timestamp, ValueMap } from "../../../formats/value.ts";
import type { PyDatetime, PyTimedelta } from "./datetime.ts";
import type { PyException } from "./exceptions.ts";
import type { PyDict, PySet } from "./hashed.ts";

export class PyList {
  items: Py[];
  constructor(items: Py[]) {
    this.items = items;
  }
}

export class PyTuple {
  readonly items: readonly Py[];
  constructor(items: readonly Py[]) {
    this.items = items;
  }
}

export class PyComplex {
  readonly re: number;
  readonly im: number;
  constructor(re: number, im: number) {
    this.re = re;
    this.im = im;
  }
}

/** Bounded to small lengths by the language, so plain numbers do. */
export class PyRange {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  constructor(start: number, stop: number, step: number) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
  get length(): number {
    const span = this.step > 0 ? this.stop - this.start : this.start - this.stop;
    return span <= 0 ? 0 : Math.ceil(span / Math.abs(this.step));
  }
  at(index: number): bigint {
    return BigInt(this.start + index * this.step);
  }
}

export class PySlice {
  readonly start: Py;
  readonly stop: Py;
  readonly step: Py;
  constructor(start: Py, stop: Py, step: Py) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

export const done: unique symbol = Symbol("done");

/** A one-way iterator: generator expressions, `zip`, and what `iterate` makes of containers. */
export class PyIterator {
  readonly next: () => Py | typeof done;
  constructor(next: () => Py | typeof done) {
    this.next = next;
  }
}

/** Keyword arguments of a call, in order; undefined when there are none. */
export type Keywords = ReadonlyMap<string, Py> | undefined;

/** A builtin, a bound method or a lambda. */
export class PyFunction {
  readonly name: string;
  readonly call: (positional: readonly Py[], keywords: Keywords) => Py;
  constructor(name: string, call: (positional: readonly Py[], keywords: Keywords) => Py) {
    this.name = name;
    this.call = call;
  }
}

/** A class. `make` is what calling it does. */
export class PyType {
  readonly name: string;
  readonly base: PyType | undefined;
  readonly make: (positional: readonly Py[], keywords: Keywords) => Py;
  /** Class attributes, such as `datetime.now`. */
  readonly members: ReadonlyMap<string, Py>;
  constructor(
    name: string,
    make: (positional: readonly Py[], keywords: Keywords) => Py,
    base?: PyType,
    members: ReadonlyMap<string, Py> = new Map(),
  ) {
    this.name = name;
    this.make = make;
    this.base = base;
    this.members = members;
  }
}

/** `math`, `string`, `random`. */
export class PyModule {
  readonly name: string;
  readonly members: ReadonlyMap<string, Py>;
  constructor(name: string, members: ReadonlyMap<string, Py>) {
    this.name = name;
    this.members = members;
  }
}

/** A dict among the attributes or a context: dotted access, None where nothing is (storage.md 5.4, "Dict proxy"). */
export class DictProxy {
  readonly map: ValueMap;
  constructor(map: ValueMap) {
    this.map = map;
  }
}

/** An object that the rows offer: `run`, `metric`, `run.tags`, …. Its methods say what a query may do with it. */
export abstract class RowObject {
  abstract readonly typeName: string;
  /** Value of a dotted access; None for what does not exist. */
  attribute(_name: string): Py {
    return null;
  }
  /** Value of a bracket access, or undefined when the object has none. */
  item(_key: Py): Py | undefined {
    return undefined;
  }
  contains(_value: Py): boolean | undefined {
    return undefined;
  }
  elements(): readonly Py[] | undefined {
    return undefined;
  }
  equals(other: Py): boolean {
    return other === this;
  }
  /** `!=`. */
  differs(other: Py): boolean {
    return !this.equals(other);
  }
  truth(): boolean {
    return true;
  }
}

/** A stored value that Python code could not look into either. */
export type Opaque = Timestamp | Extension;

export type Py =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | PyComplex
  | PyList
  | PyTuple
  | PyDict
  | PySet
  | PyRange
  | PySlice
  | PyIterator
  | PyFunction
  | PyType
  | PyModule
  | PyException
  | PyDatetime
  | PyTimedelta
  | DictProxy
  | RowObject
  | Opaque;
