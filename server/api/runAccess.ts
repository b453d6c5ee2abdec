// Whether runs are there, for handlers that change them or read from them.
import type { ReadTransaction } from "../kv/index.ts";
import type { StoreKeys } from "../store/keys.ts";
import { readMetaFields } from "../store/metaFields.ts";
import { ApiError, missing } from "./errors.ts";

/** Whether a run was created. One that is about to be deleted still counts, until it is gone. */
export async function runExists(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<boolean> {
  return (await missingRuns(tx, store, [hash])).length === 0;
}

/** @throws ApiError 404 */
export async function requireRun(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<void> {
  if (!(await runExists(tx, store, hash))) throw missingRun(hash);
}

export function missingRun(hash: string): ApiError {
  return missing("run", hash);
}

/** How many unknown runs an error names. */
const shownMissing = 10;

/** Refuses a list with a run that is not there, as a whole (W7). @throws ApiError 404 naming them. */
export async function requireRuns(tx: ReadTransaction, store: StoreKeys, hashes: readonly string[]): Promise<void> {
  const missing = await missingRuns(tx, store, hashes);
  if (missing.length === 0) return;
  const named = missing.slice(0, shownMissing).map((hash) => `'${hash.slice(0, 200)}'`);
  const more = missing.length > shownMissing ? ` and ${missing.length - shownMissing} more` : "";
  throw new ApiError(404, `There is no run ${named.join(", ")}${more}: nothing was changed`);
}

async function missingRuns(tx: ReadTransaction, store: StoreKeys, hashes: readonly string[]): Promise<string[]> {
  const rows = await readMetaFields(tx, store, hashes, ["created_at"]);
  return hashes.filter((_, i) => rows[i]?.[0] === undefined);
}
