// The parameters that a program has set on its run, by path of names with dots between.
import { MatyanError } from "../../formats/error.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";

export class LocalParams {
  readonly #root: ValueMap = new Map();

  /** The value at a path; undefined when nothing was set there. */
  at(names: readonly string[]): Value | undefined {
    let node: Value | undefined = this.#root;
    for (const name of names) node = isMap(node) ? node.get(name) : undefined;
    return node;
  }

  /** Sets the value at a path; what is in the way of it is replaced by a map. */
  set(names: readonly string[], value: Value): void {
    let map = this.#root;
    for (const name of names.slice(0, -1)) {
      const inner = map.get(name);
      const next: ValueMap = isMap(inner) ? inner : new Map();
      map.set(name, next);
      map = next;
    }
    const last = names.at(-1);
    if (last !== undefined) map.set(last, value);
  }
}

/** The names of a path. @throws MatyanError `usage` when one is empty. */
export function namesOfPath(path: string): string[] {
  const names = path.split(".");
  if (names.includes("")) throw new MatyanError("usage", `'${path}' is no path of a parameter: a name is empty`);
  return names;
}

/** A map that holds nothing but `value` at the path of `names`, of which there is one at least. */
export function nested(names: readonly string[], value: Value): ValueMap {
  const [first = "", ...rest] = names;
  return new Map([[first.toWellFormed(), rest.length === 0 ? value : nested(rest, value)]]);
}
