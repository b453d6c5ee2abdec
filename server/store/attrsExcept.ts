// The attributes of a run without some of its top-level names, whose keys are not even read: a run's environment
// (`__system_params`) and its list of artifacts (`__blobs__`) are often many times larger than its parameters.

import type { TupleElement } from "../../formats/tuple.ts";
import { unpack } from "../../formats/tuple.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { attrsTree } from "./attrs.ts";
import type { StoreKeys } from "./keys.ts";
import { loadStored } from "./largeValues.ts";
import { rangeAt, unflatten } from "./tree.ts";

/** All attributes but those below `names`. An empty map when there are none, or when they are no map. */
export async function readAttrsExcept(
  tx: ReadTransaction,
  store: StoreKeys,
  hash: string,
  names: readonly string[],
): Promise<ValueMap> {
  const tree = attrsTree(store, hash);
  const all = rangeAt(tree, []);
  const offset = all.begin.length - 1;
  const entries: [TupleElement[], Value][] = [];
  const skipped = names.map((name) => rangeAt(tree, [name])).sort((a, b) => Buffer.compare(a.begin, b.begin));
  let { begin } = all;
  for (const { begin: end, end: next } of [...skipped, { begin: all.end, end: all.end }]) {
    for await (const batch of tx.range({ begin, end }))
      for (const [key, bytes] of batch) entries.push([unpack(key, offset), await loadStored(tx, tree, key, bytes)]);
    begin = next;
  }
  const value = unflatten(entries);
  return isMap(value) ? value : new Map();
}
