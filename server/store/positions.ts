// How far the messages of a topic were applied, for each run: written with what they did, so that none is applied twice, not even by
// a worker that lost its partition without knowing. `("_position", hash, partition)` in S; the Python services read nothing there.
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { type StoreKeys, systemKey, systemRange } from "./keys.ts";

/** The last message of a run that was applied from a partition of a topic. */
export interface Position {
  readonly offset: bigint;
  /** The latest time at which any of those up to it was published, seconds since the epoch. */
  readonly published: number;
}

function positionKey(store: StoreKeys, hash: string, partition: string): Uint8Array {
  return systemKey(store, "_position", hash, partition);
}

/** @param partition names cluster, topic and partition. */
export async function readPosition(
  tx: ReadTransaction,
  store: StoreKeys,
  hash: string,
  partition: string,
): Promise<Position | undefined> {
  const bytes = await tx.get(positionKey(store, hash, partition));
  return bytes === undefined ? undefined : positionOf(bytes);
}

function positionOf(bytes: Uint8Array): Position | undefined {
  const value = decodeValue(bytes);
  if (!Array.isArray(value)) return undefined;
  const [offset, published] = value;
  return typeof offset === "bigint" && typeof published === "number" ? { offset, published } : undefined;
}

/** When the last message of the run that was applied was published, seconds since the epoch; undefined without a bus. */
export async function lastPublished(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<number | undefined> {
  let latest: number | undefined;
  for await (const batch of tx.range(systemRange(store, "_position", hash)))
    for (const [, bytes] of batch) {
      const published = positionOf(bytes)?.published;
      if (published !== undefined) latest = Math.max(latest ?? published, published);
    }
  return latest;
}

/** For a run of which no message can come any more. */
export function forgetPositions(tx: Transaction, store: StoreKeys, hash: string): void {
  tx.clearRange(systemRange(store, "_position", hash));
}

export function writePosition(
  tx: Transaction,
  store: StoreKeys,
  hash: string,
  partition: string,
  { offset, published }: Position,
): void {
  tx.set(positionKey(store, hash, partition), encodeValue([offset, published]));
}

/**
 * Whether the message at `offset` was applied. A topic that was deleted and made again counts from 0 anew: what was published later
 * than anything that was applied is new, whatever its offset.
 */
export function isBehind(position: Position | undefined, { offset, published }: Position): boolean {
  return position !== undefined && offset <= position.offset && published <= position.published;
}

/** The position after a message that is not behind `before`. */
export function advanced(before: Position | undefined, { offset, published }: Position): Position {
  return { offset, published: Math.max(published, before?.published ?? published) };
}
