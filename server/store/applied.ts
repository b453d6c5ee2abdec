// What of a run's messages was applied already, where the data itself cannot tell (docs/ingestion.md): kept beside the run's
// data under `(h, "_applied", ...)` and deleted with it, so that a message that comes twice changes nothing.
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import { unpack } from "../../formats/tuple.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { checkKey, runKey, runRange, type StoreKeys } from "./keys.ts";
import { type SequenceRef, sequenceText } from "./sequences.ts";

/** The two ends of a session: a process that logs to the run. */
export type SessionEnd = "start" | "finish";

const yes = encodeValue(true);

function sessionKey(store: StoreKeys, hash: string, end: SessionEnd, time: number): Uint8Array {
  return runKey(store, hash, "_applied", end, time);
}

/** Remembers that a session of the run started or finished at `time`. Returns whether that is new. */
export async function rememberSession(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  end: SessionEnd,
  time: number,
): Promise<boolean> {
  const key = sessionKey(store, hash, end, time);
  if ((await tx.get(key)) !== undefined) return false;
  tx.set(key, yes);
  return true;
}

/** The time of the run's first remembered start, in seconds since the epoch. */
export async function firstStart(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<number | undefined> {
  const [first] = await tx.firstOfEach([runRange(store, hash, "_applied", "start")]);
  if (first === undefined) return undefined;
  const time = unpack(first[0], runKey(store, hash, "_applied", "start").length)[0];
  return typeof time === "number" ? time : undefined;
}

function stepKeyOf(store: StoreKeys, ref: SequenceRef, identity: Uint8Array): Uint8Array {
  const key = runKey(store, ref.hash, "_applied", "step", BigInt(ref.contextId), ref.name, identity);
  return checkKey(key, () => sequenceText(ref));
}

/** The step that a point which came without one was given, found by the digest of its content; undefined for a new one. */
export async function rememberedStep(
  tx: ReadTransaction,
  store: StoreKeys,
  ref: SequenceRef,
  identity: Uint8Array,
): Promise<bigint | undefined> {
  const bytes = await tx.get(stepKeyOf(store, ref, identity));
  const step = bytes === undefined ? undefined : decodeValue(bytes);
  return typeof step === "bigint" ? step : undefined;
}

export function rememberStep(
  tx: Transaction,
  store: StoreKeys,
  ref: SequenceRef,
  identity: Uint8Array,
  step: bigint,
): void {
  tx.set(stepKeyOf(store, ref, identity), encodeValue(step));
}
