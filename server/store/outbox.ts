// What a deleted run still has to set off outside the store: written in the transaction that decides it, removed when it is
// done, so that no crash in between loses it. `("_outbox", kind, hash)` in S; the Python services read nothing there.
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import { isMap, mapOf, toNumber } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import type { Store } from "./index.ts";
import { after, lastString, type StoreKeys, systemKey, systemRange } from "./keys.ts";

/**
 * `delete_run`: the run is hidden, and whoever applies messages has to delete it. `run_deleted`: its deletion has begun;
 * after its data its files have to go. The second takes the place of the first. The names are those of the messages.
 */
export type OutboxKind = "delete_run" | "run_deleted";

export interface OutboxEntry {
  readonly kind: OutboxKind;
  readonly hash: string;
  /** When it was written, seconds since the epoch. */
  readonly since: number;
  /** Whether the files of the run go with it. */
  readonly withFiles: boolean;
}

export function putOutbox(tx: Transaction, store: StoreKeys, entry: OutboxEntry): void {
  const { kind, hash, since, withFiles } = entry;
  tx.set(systemKey(store, "_outbox", kind, hash), encodeValue(mapOf({ since, with_files: withFiles })));
}

export function clearOutbox(tx: Transaction, store: StoreKeys, kind: OutboxKind, hash: string): void {
  tx.clear(systemKey(store, "_outbox", kind, hash));
}

export async function readOutbox(
  tx: ReadTransaction,
  store: StoreKeys,
  kind: OutboxKind,
  hash: string,
): Promise<OutboxEntry | undefined> {
  const bytes = await tx.get(systemKey(store, "_outbox", kind, hash));
  return bytes === undefined ? undefined : entryOf(kind, hash, bytes);
}

/** All entries of a kind by hash, each page a snapshot of its own: entries may be removed while they are walked. */
export async function* listOutbox(store: Store, kind: OutboxKind): AsyncGenerator<OutboxEntry> {
  const pageSize = 500;
  const all = systemRange(store, "_outbox", kind);
  for (let begin: Uint8Array | undefined = all.begin; begin !== undefined; ) {
    const range = { begin, end: all.end };
    const page: OutboxEntry[] = await store.database.snapshot(async (tx) => {
      const entries: OutboxEntry[] = [];
      for await (const batch of tx.range(range, { limit: pageSize }))
        for (const [key, bytes] of batch) entries.push(entryOf(kind, lastString(key, store.dirs.system), bytes));
      return entries;
    });
    yield* page;
    const last = page.at(-1);
    begin =
      last === undefined || page.length < pageSize ? undefined : after(systemKey(store, "_outbox", kind, last.hash));
  }
}

function entryOf(kind: OutboxKind, hash: string, bytes: Uint8Array): OutboxEntry {
  const value = decodeValue(bytes);
  const fields = isMap(value) ? value : undefined;
  return { kind, hash, since: toNumber(fields?.get("since")) ?? 0, withFiles: fields?.get("with_files") === true };
}
