// Some meta fields of many runs in one wait: lists of runs need a few fields each, not all.
import type { Value } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { leaf, runKey, type StoreKeys } from "./keys.ts";
import { loadStored } from "./largeValues.ts";

/** For each hash the stored values of `fields`, in their order; undefined where none is stored. */
export async function readMetaFields(
  tx: ReadTransaction,
  store: StoreKeys,
  hashes: readonly string[],
  fields: readonly string[],
): Promise<(Value | undefined)[][]> {
  const keys = hashes.flatMap((hash) => fields.map((field) => runKey(store, hash, "meta", field, leaf)));
  const stored = await tx.getMany(keys);
  const rows: (Value | undefined)[][] = [];
  for (let row = 0; row < hashes.length; row++) {
    const owner = { dir: store.dirs.runs, run: hashes[row]! };
    const values: (Value | undefined)[] = [];
    for (let i = row * fields.length; i < (row + 1) * fields.length; i++) {
      const bytes = stored[i];
      values.push(bytes === undefined ? undefined : await loadStored(tx, owner, keys[i]!, bytes));
    }
    rows.push(values);
  }
  return rows;
}
