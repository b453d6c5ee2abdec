// The runs that are under way, the newest first, without walking through all runs.
import { decodeValue } from "../../formats/msgpack.ts";
import { toNumber } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { forwardKey } from "./indexes.ts";
import { pageOfCreated, pageOfTerm } from "./indexPages.ts";
import { leaf, runKey, type StoreKeys } from "./keys.ts";

const activeTerm = ["active", true] as const;
/** Runs, finished ones too, that are gone through for the newest active ones. */
const walked = 2_000;

export interface NewestActive {
  readonly hashes: readonly string[];
  /** Whether there are more than were asked for. */
  readonly more: boolean;
}

/**
 * At most `limit` hashes, as the index of active runs has them: whether a run is archived is not looked at. Where more are active,
 * those among the newest 2,000 runs are found, and any others fill the list up: a run that has been under way for longer than
 * 2,000 others may be missing then. Costs some thousand keys at most.
 */
export async function newestActive(tx: ReadTransaction, store: StoreKeys, limit: number): Promise<NewestActive> {
  const { hashes: some } = await pageOfTerm(tx, store, activeTerm, undefined, limit + 1);
  const more = some.length > limit;
  const newest = more ? await amongNewest(tx, store) : [];
  const hashes = [...new Set([...newest, ...some])].slice(0, Math.max(limit, some.length));
  const created = await tx.getMany(hashes.map((hash) => runKey(store, hash, "meta", "created_at", leaf)));
  const ordered = hashes
    .map((hash, i) => ({ hash, at: created[i] === undefined ? 0 : (toNumber(decodeValue(created[i])) ?? 0) }))
    .sort((a, b) => b.at - a.at || (a.hash < b.hash ? -1 : 1));
  return { hashes: ordered.slice(0, limit).map(({ hash }) => hash), more };
}

async function amongNewest(tx: ReadTransaction, store: StoreKeys): Promise<string[]> {
  const { entries } = await pageOfCreated(tx, store, { reverse: true }, undefined, walked);
  const active = await tx.getMany(entries.map(({ hash }) => forwardKey(store, hash, activeTerm)));
  return entries.filter((_, i) => active[i] !== undefined).map(({ hash }) => hash);
}
