// The free-form attributes of a run, and the index of its parameters (storage.md 2.2, 3).
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import type { TupleElement } from "../../formats/tuple.ts";
import { unpack } from "../../formats/tuple.ts";
import { isMap, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import type { Store } from "./index.ts";
import { hparamTerm, type IndexTerm, longHparamTerm, syncTerms } from "./indexes.ts";
import { cutText, leaf, runKey, runRange, type StoreKeys } from "./keys.ts";
import { loadStored, openValues, StagedValue, type Storable, stageValue } from "./largeValues.ts";
import { deleteTree, getTree, setTree, type Tree } from "./tree.ts";

export interface WriteAttrsOptions {
  /** Sets the run's `updated_at`, seconds since the epoch, if the run exists. */
  readonly now?: number;
  /** False leaves the index of parameters to a later `reindexRun`. */
  readonly index?: boolean;
}

/** Where the attributes of a run hang. */
export function attrsTree(store: StoreKeys, hash: string): Tree {
  return { dir: store.dirs.runs, run: hash, root: [hash, "attrs"], name: `the attributes of run '${cutText(hash)}'` };
}

/** The attributes at `path` (all of them by default), or undefined when there are none. */
export function readAttrs(
  tx: ReadTransaction,
  store: StoreKeys,
  hash: string,
  path: readonly TupleElement[] = [],
): Promise<Value | undefined> {
  return getTree(tx, attrsTree(store, hash), path);
}

/**
 * Replaces what stands at `path` by `value` and keeps the parameter index true to `hparams`, whichever part changed.
 * The empty path replaces all attributes of the run.
 * @throws MatyanError `too_large` naming path and run.
 */
export async function setAttrs(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  path: readonly TupleElement[],
  value: Storable,
  options: WriteAttrsOptions = {},
): Promise<void> {
  await setTree(tx, attrsTree(store, hash), path, value);
  await finishWrite(tx, store, hash, path, value, options);
}

/** Replaces all attributes of a run. */
export function replaceAttrs(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  value: ValueMap,
  options: WriteAttrsOptions = {},
): Promise<void> {
  return setAttrs(tx, store, hash, [], value, options);
}

/** Merges `value` into what stands at `path`: maps merge name by name, anything else (lists too) replaces. */
export async function mergeAttrs(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  value: ValueMap,
  path: readonly TupleElement[] = [],
  options: WriteAttrsOptions = {},
): Promise<void> {
  const tree = attrsTree(store, hash);
  const values = await openValues(tx, tree);
  const merge = async (at: readonly TupleElement[], node: Value): Promise<void> => {
    if (!isMap(node)) return setTree(tx, tree, at, node, values);
    if (node.size > 0) {
      for (const [name, child] of node) await merge([...at, name], child);
    } else if (!isMap(await getTree(tx, tree, at))) await setTree(tx, tree, at, node, values);
  };
  // Descending here keeps the index work to the one parameter that a message of one name is about.
  const top = [...path];
  let node: Value = value;
  while (isMap(node) && node.size === 1)
    for (const [name, child] of node) {
      top.push(name);
      node = child;
    }
  await merge(top, node);
  await finishWrite(tx, store, hash, top, node, options);
}

/** Removes what stands at `path`. */
export async function deleteAttrs(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  path: readonly TupleElement[],
  options: WriteAttrsOptions = {},
): Promise<void> {
  await deleteTree(tx, attrsTree(store, hash), path);
  await finishWrite(tx, store, hash, path, undefined, options);
}

/** Stores a value of any size for a later `setAttrs` at the same path; see `stageValue`. */
export function stageAttr(
  store: Store,
  hash: string,
  path: readonly TupleElement[],
  value: Value,
): Promise<StagedValue> {
  const key = runKey(store, hash, "attrs", ...path, leaf);
  return stageValue(store.database, attrsTree(store, hash), key, value);
}

async function finishWrite(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  path: readonly TupleElement[],
  written: Storable | undefined,
  options: WriteAttrsOptions,
): Promise<void> {
  if (options.index ?? true) await syncHparams(tx, store, hash, path, written);
  if (options.now !== undefined) await touchRun(tx, store, hash, options.now);
}

/** Sets `updated_at` of a run that exists; never makes one, and never goes back in time, so that replays change nothing. */
export async function touchRun(tx: Transaction, store: StoreKeys, hash: string, now: number): Promise<void> {
  const key = runKey(store, hash, "meta", "updated_at", leaf);
  const stored = await tx.get(key);
  if (stored === undefined) return;
  const before = toNumber(decodeValue(stored));
  if (before === undefined || before < now) tx.set(key, encodeValue(now));
}

/** A write below one parameter concerns that parameter's entries alone: a run logged key by key costs O(keys). */
async function syncHparams(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  path: readonly TupleElement[],
  written: Storable | undefined,
): Promise<void> {
  const [top, name] = path;
  if (top !== undefined && top !== "hparams") return;
  if (typeof name !== "string" || written === undefined || written instanceof StagedValue) {
    const expected = await hparamTerms(tx, store, hash);
    for (const kind of ["hparam", "hparam_long"])
      await syncTerms(
        tx,
        store,
        hash,
        [kind],
        expected.filter((term) => term[0] === kind),
      );
    return;
  }
  const term = path.length === 2 ? hparamTerm(store, hash, name, written) : undefined;
  for (const within of [["hparam", name], longHparamTerm(name)])
    await syncTerms(tx, store, hash, within, term !== undefined && term[0] === within[0] ? [term] : []);
}

/** The index terms that the stored parameters of a run give: its top-level scalars with a text name. */
export async function hparamTerms(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<IndexTerm[]> {
  const tree = attrsTree(store, hash);
  const offset = runKey(store, hash, "attrs", "hparams").length;
  const scalars = new Map<string, Value>();
  const branches = new Set<string>();
  for await (const batch of tx.range(runRange(store, hash, "attrs", "hparams")))
    for (const [key, bytes] of batch) {
      const [name, kind, ...rest] = unpack(key, offset);
      if (typeof name !== "string" || kind === undefined) continue;
      if (kind === leaf && rest.length === 0) scalars.set(name, await loadStored(tx, tree, key, bytes));
      else branches.add(name);
    }
  return [...scalars].flatMap(([name, value]) => {
    // Where both exist the branch is what readers see (tree.ts).
    const term = branches.has(name) ? undefined : hparamTerm(store, hash, name, value);
    return term === undefined ? [] : [term];
  });
}
