// The contexts of a run: one map per context id (storage.md 2.4).
import { unpack } from "../../formats/tuple.ts";
import { isMap, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { checkKey, cutText, runKey, runRange, type StoreKeys } from "./keys.ts";
import { loadStored, openValues } from "./largeValues.ts";

/** All contexts of a run by id. Values that are not maps (damage) read as an empty context. */
export async function readContexts(
  tx: ReadTransaction,
  store: StoreKeys,
  hash: string,
): Promise<Map<number, ValueMap>> {
  const owner = { dir: store.dirs.runs, run: hash };
  const offset = runKey(store, hash, "contexts").length;
  const contexts = new Map<number, ValueMap>();
  for await (const batch of tx.range(runRange(store, hash, "contexts")))
    for (const [key, bytes] of batch) {
      const [id, ...rest] = unpack(key, offset);
      if (typeof id !== "bigint" || rest.length > 0) continue;
      const context = await loadStored(tx, owner, key, bytes);
      contexts.set(Number(id), isMap(context) ? context : new Map());
    }
  return contexts;
}

/**
 * Writes a context. Idempotent and cheap: write it in every transaction that writes a trace or point which needs it,
 * since what an earlier transaction wrote may not have been committed.
 */
export async function writeContext(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  id: number,
  context: ValueMap,
): Promise<void> {
  const what = () => `context ${id} of run '${cutText(hash)}'`;
  const key = checkKey(runKey(store, hash, "contexts", BigInt(id)), what);
  await (await openValues(tx, { dir: store.dirs.runs, run: hash })).put(key, context, what);
}
