// Nested maps and lists as flat keys, one key per scalar (storage.md 1.4).
import { MatyanError } from "../../formats/error.ts";
import { rangeOf, type TupleElement, TupleWriter, unpack } from "../../formats/tuple.ts";
import type { Value, ValueMap } from "../../formats/value.ts";
import { type KeyRange, limits, type ReadTransaction, type Transaction } from "../kv/index.ts";
import { emptyDict, emptyList, leaf, packKey, pathText } from "./keys.ts";
import { loadStored, type Owner, openValues, StagedValue, type Storable, type ValueWriter } from "./largeValues.ts";

/** A place in a directory where a tree hangs, such as `(h, "attrs")`. `name` says what it is in errors. */
export interface Tree extends Owner {
  readonly root: readonly TupleElement[];
  readonly name: string;
}

/** The keys and values of a subtree, in the order of the maps. Keys are whole (directory, root and path included). */
export function* flatten(
  tree: Tree,
  path: readonly TupleElement[],
  value: Storable,
): Generator<[Uint8Array, Storable]> {
  const writer = new TupleWriter(512).raw(tree.dir);
  for (const element of tree.root) writer.element(element);
  for (const element of path) writer.element(element);
  yield* walk(value, [...path]);

  function* walk(node: Storable, at: TupleElement[]): Generator<[Uint8Array, Storable]> {
    const length = writer.length;
    // Checked on the way down: the depth of what a user nests is bounded by the size of a key.
    if (length > limits.keyBytes) throw tooLong(tree, at, length);
    if (node instanceof Map && node.size > 0) {
      for (const [name, child] of node) yield* step(name, child);
    } else if (Array.isArray(node) && node.length > 0) {
      for (let i = 0; i < node.length; i++) yield* step(BigInt(i), node[i]!);
    } else {
      const kind = node instanceof Map ? emptyDict : Array.isArray(node) ? emptyList : leaf;
      const key = writer.string(kind).finish();
      if (key.length > limits.keyBytes) throw tooLong(tree, at, key.length);
      yield [key, kind === leaf ? node : true];
    }
    writer.reset(length);

    function* step(element: string | bigint, child: Storable): Generator<[Uint8Array, Storable]> {
      const before = writer.length;
      writer.element(element);
      at.push(element);
      yield* walk(child, at);
      at.pop();
      writer.reset(before);
    }
  }
}

/**
 * Puts `value` at `path`, replacing what was there. The last writer wins over a clash of kinds: what stood in the way
 * above `path` (a scalar, an empty map, an empty list) goes.
 * @throws MatyanError `too_large` naming the path.
 */
export async function setTree(
  tx: Transaction,
  tree: Tree,
  path: readonly TupleElement[],
  value: Storable,
  values?: ValueWriter,
): Promise<void> {
  const writer = values ?? (await openValues(tx, tree));
  await writer.clearRange(rangeAt(tree, path), value instanceof StagedValue ? value : undefined);
  for (let depth = 0; depth < path.length; depth++)
    for (const kind of [leaf, emptyDict, emptyList])
      writer.clear(packKey(tree.dir, [...tree.root, ...path.slice(0, depth), kind]));
  for (const [key, stored] of flatten(tree, path, value)) await writer.put(key, stored, () => nameOf(tree, path));
}

/** Clears `path` and all below it. */
export async function deleteTree(tx: Transaction, tree: Tree, path: readonly TupleElement[]): Promise<void> {
  await (await openValues(tx, tree)).clearRange(rangeAt(tree, path));
}

/**
 * The value at `path`, or undefined when there is none. Holds the whole subtree in memory.
 * Where the old system left both a scalar (or empty map or list) and a branch at one place, the branch is read: it can
 * only have been written later.
 */
export async function getTree(
  tx: ReadTransaction,
  tree: Tree,
  path: readonly TupleElement[] = [],
): Promise<Value | undefined> {
  const range = rangeAt(tree, path);
  const entries: [TupleElement[], Value][] = [];
  for await (const batch of tx.range(range))
    for (const [key, bytes] of batch)
      entries.push([unpack(key, range.begin.length - 1), await loadStored(tx, tree, key, bytes)]);
  return unflatten(entries);
}

/** The names directly below `path`, in key order: one seek for each. */
export async function* treeKeys(
  tx: ReadTransaction,
  tree: Tree,
  path: readonly TupleElement[] = [],
): AsyncGenerator<TupleElement> {
  const { begin, end } = rangeAt(tree, path);
  const offset = begin.length - 1;
  for (let from = begin; ; ) {
    const [found] = await tx.firstOfEach([{ begin: from, end }]);
    if (found === undefined) return;
    const [name, ...rest] = unpack(found[0], offset);
    if (name === undefined) return;
    if (rest.length > 0) yield name;
    // A sentinel's own key lies before the range of a map entry of the same name.
    from = rest.length > 0 ? rangeOf(packKey(tree.dir, [...tree.root, ...path, name])).end : rangeOf(found[0]).begin;
  }
}

/** Rebuilds a value from (remaining path, value) pairs in key order; undefined for none. */
export function unflatten(entries: Iterable<readonly [readonly TupleElement[], Value]>): Value | undefined {
  const root = new Node();
  for (const [path, value] of entries) root.add(path, value);
  return root.toValue();
}

class Node {
  #own: Value | undefined;
  #children: Map<string | bigint, Node> | undefined;

  add(path: readonly TupleElement[], value: Value): void {
    let node: Node = this;
    for (let i = 0; i < path.length - 1; i++) node = node.#child(path[i]!);
    const kind = path[path.length - 1];
    // A key without its sentinel is none of a tree; `matyan inspect` shows it.
    if (kind === leaf) node.#own = value;
    else if (kind === emptyDict) node.#own ??= new Map();
    else if (kind === emptyList) node.#own ??= [];
  }

  #child(element: TupleElement): Node {
    const name = typeof element === "string" || typeof element === "bigint" ? element : String(element);
    this.#children ??= new Map();
    let child = this.#children.get(name);
    if (child === undefined) {
      child = new Node();
      this.#children.set(name, child);
    }
    return child;
  }

  toValue(): Value | undefined {
    if (this.#children === undefined) return this.#own;
    const children = [...this.#children].flatMap(([name, child]): [string | bigint, Value][] => {
      const value = child.toValue();
      return value === undefined ? [] : [[name, value]];
    });
    if (children.length === 0) return this.#own;
    return asList(children) ?? asMap(children);
  }
}

/** Only integers: a list, with null in the holes, unless that would be nearly all holes (damaged or hand-made keys). */
function asList(children: readonly (readonly [string | bigint, Value])[]): Value[] | undefined {
  let size = 0n;
  for (const [name] of children) {
    if (typeof name !== "bigint" || name < 0n) return undefined;
    if (name >= size) size = name + 1n;
  }
  if (size > BigInt(children.length) * 8n + 1024n) return undefined;
  const list: Value[] = new Array(Number(size)).fill(null);
  for (const [name, value] of children) list[Number(name)] = value;
  return list;
}

/** A list that was patched with a text index holds "1" and 1: the text came later and wins. */
function asMap(children: readonly (readonly [string | bigint, Value])[]): ValueMap {
  const map: ValueMap = new Map();
  for (const [name, value] of children) if (typeof name === "string") map.set(name, value);
  for (const [name, value] of children)
    if (typeof name === "bigint" && !map.has(String(name))) map.set(String(name), value);
  return map;
}

export function rangeAt(tree: Tree, path: readonly TupleElement[]): KeyRange {
  return rangeOf(packKey(tree.dir, [...tree.root, ...path]));
}

function nameOf(tree: Tree, path: readonly TupleElement[]): string {
  return path.length === 0 ? tree.name : `'${pathText(path)}' in ${tree.name}`;
}

function tooLong(tree: Tree, path: readonly TupleElement[], size: number): MatyanError {
  return new MatyanError("too_large", `the key of ${nameOf(tree, path)} has ${size} bytes or more`, {
    hint: `A key holds at most ${limits.keyBytes} bytes: use shorter names or less nesting.`,
  });
}
