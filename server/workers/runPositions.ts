// How far the topics' messages of one run were applied, as one attempt of a transaction found it and leaves it.
import type { MessageSource } from "../../formats/messages/index.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import type { Store } from "../store/index.ts";
import { advanced, isBehind, type Position, readPosition, writePosition } from "../store/positions.ts";

export class RunPositions {
  readonly #store: Store;
  readonly #hash: string;
  /** By partition: nearly always one, since a run has one key. */
  readonly #known = new Map<string, Position | undefined>();
  readonly #moved = new Set<string>();

  constructor(store: Store, hash: string) {
    this.#store = store;
    this.#hash = hash;
  }

  /** As `isBehind`, without a promise; undefined while the partition's position was not read. */
  knowsBehind(source: MessageSource): boolean | undefined {
    const position = this.#known.get(source.partition);
    return position === undefined && !this.#known.has(source.partition) ? undefined : isBehind(position, source);
  }

  /** Whether the message was applied before. One that came from no topic never was. */
  async isBehind(tx: ReadTransaction, source: MessageSource | undefined): Promise<boolean> {
    if (source === undefined) return false;
    const position = await readPosition(tx, this.#store, this.#hash, source.partition);
    this.#known.set(source.partition, position);
    return isBehind(position, source);
  }

  /** The message is the last one now. */
  advance(source: MessageSource): void {
    this.#known.set(source.partition, advanced(this.#known.get(source.partition), source));
    this.#moved.add(source.partition);
  }

  flush(tx: Transaction): void {
    for (const partition of this.#moved)
      writePosition(tx, this.#store, this.#hash, partition, this.#known.get(partition)!);
  }

  /** Writes the position of a single message, whose partition's position was read before. */
  write(tx: Transaction, source: MessageSource | undefined): void {
    if (source === undefined) return;
    const position = advanced(this.#known.get(source.partition), source);
    writePosition(tx, this.#store, this.#hash, source.partition, position);
  }
}
