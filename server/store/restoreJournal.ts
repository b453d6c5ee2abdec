// How far the restore of a run has come: lets it go on after an interruption, and tells its remains from a run's data.

import { MatyanError } from "../../formats/error.ts";
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import { isMap, mapOf } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { type StoreKeys, systemKey } from "./keys.ts";

/**
 * `clearing`: what was there before (a run that is replaced, a deleted run, another restore's remains) is being removed.
 * `blobs`: documents and points are still to come. `points`: `lines` lines of the points are in the store.
 */
export type RestorePhase = "clearing" | "blobs" | "points";

export interface RestoreJournal {
  /** Names the archive, not its place: the digest of its manifest. */
  readonly archive: string;
  /** Names the restore that works on the run; another one may take over, and the first then stops. */
  readonly owner: string;
  readonly phase: RestorePhase;
  /** Lines of `sequences.jsonl`, from its start, whose points are committed. */
  readonly lines: number;
  /** The run had data but no metadata when the restore began (points of a run whose creation is in flight): it stays. */
  readonly merged: boolean;
}

/** Key `("_restore", hash)` in the system directory; absent once the run is complete. Value: a msgpack map. */
function journalKey(store: StoreKeys, hash: string): Uint8Array {
  return systemKey(store, "_restore", hash);
}

/** @throws MatyanError `corrupt` when the stored entry is none of ours. */
export async function readRestoreJournal(
  tx: ReadTransaction,
  store: StoreKeys,
  hash: string,
): Promise<RestoreJournal | undefined> {
  const bytes = await tx.get(journalKey(store, hash));
  if (bytes === undefined) return undefined;
  const value = decodeValue(bytes);
  const fields = isMap(value) ? value : new Map();
  const archive = fields.get("archive");
  const owner = fields.get("owner");
  const phase = fields.get("phase");
  const lines = fields.get("lines");
  if (typeof archive !== "string" || typeof owner !== "string" || typeof lines !== "bigint" || !isPhase(phase))
    throw new MatyanError("corrupt", `the restore journal of run ${hash} is damaged`, {
      hint: "`matyan inspect system --prefix _restore` shows it.",
    });
  return { archive, owner, phase, lines: Number(lines), merged: fields.get("merged") === true };
}

export function writeRestoreJournal(tx: Transaction, store: StoreKeys, hash: string, journal: RestoreJournal): void {
  const { archive, owner, phase, lines, merged } = journal;
  tx.set(journalKey(store, hash), encodeValue(mapOf({ archive, owner, phase, lines: BigInt(lines), merged })));
}

export function clearRestoreJournal(tx: Transaction, store: StoreKeys, hash: string): void {
  tx.clear(journalKey(store, hash));
}

function isPhase(value: unknown): value is RestorePhase {
  return value === "clearing" || value === "blobs" || value === "points";
}
