// Values over the engine's 100 kB: cut into chunks beside the data of their owner, with a pointer at their own key.
import { MatyanError } from "../../formats/error.ts";
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import { rangeOf } from "../../formats/tuple.ts";
import { Extension, isMap, mapOf, type Value } from "../../formats/value.ts";
import { type Database, type KeyRange, limits, type ReadTransaction, type Transaction } from "../kv/index.ts";
import { packKey } from "./keys.ts";

/** The msgpack extension type of a pointer ("M"). Its payload is the msgpack map {size, chunks, sha256}. */
export const largeValueType = 0x4d;
/** Payload bytes of one chunk: with its msgpack header it stays under `limits.valueBytes`. */
const chunkBytes = 90_000;
/** A value over this many bytes cannot share a transaction with its pointer; `stageValue` takes it. */
export const maxDirectBytes = 9_000_000;
/** Chunk bytes that staging and loading hold in one go. */
const groupBytes = 3_600_000;

/** Whose data a value belongs to: its chunks live in that directory, below the run's hash if it is a run's. */
export interface Owner {
  readonly dir: Uint8Array;
  readonly run?: string | undefined;
}

/** A value whose chunks are already stored; only its pointer is still to be written. Made by `stageValue`. */
export class StagedValue {
  readonly key: Uint8Array;
  readonly pointer: LargePointer;
  constructor(key: Uint8Array, pointer: LargePointer) {
    this.key = key;
    this.pointer = pointer;
  }
}

export type Storable = Value | StagedValue;

/** What a pointer says: bytes of the msgpack value, number of chunks, SHA-256 of the bytes. */
export class LargePointer {
  readonly size: number;
  readonly chunks: number;
  readonly sha256: Uint8Array;
  constructor(size: number, chunks: number, sha256: Uint8Array) {
    this.size = size;
    this.chunks = chunks;
    this.sha256 = sha256;
  }

  encode(): Uint8Array {
    const payload = mapOf({ size: BigInt(this.size), chunks: BigInt(this.chunks), sha256: this.sha256 });
    return encodeValue(new Extension(largeValueType, encodeValue(payload)));
  }
}

/** The stored value, or the pointer to it. No I/O. */
export function decodeStored(bytes: Uint8Array): Value | LargePointer {
  const value = decodeValue(bytes);
  return value instanceof Extension && value.type === largeValueType ? (readPointer(value) ?? value) : value;
}

/** The pointer that an extension is, or undefined when something else wrote it: then it is an ordinary value. */
export function readPointer(extension: Extension): LargePointer | undefined {
  let payload: Value;
  try {
    payload = decodeValue(extension.data);
  } catch {
    return undefined; // not our payload: a foreign extension that happens to use this type
  }
  if (!isMap(payload) || payload.size !== 3) return undefined;
  const size = payload.get("size");
  const chunks = payload.get("chunks");
  const sha256 = payload.get("sha256");
  if (typeof size !== "bigint" || typeof chunks !== "bigint" || !(sha256 instanceof Uint8Array)) return undefined;
  if (sha256.length !== 32 || chunks !== BigInt(Math.ceil(Number(size) / chunkBytes))) return undefined;
  return new LargePointer(Number(size), Number(chunks), sha256);
}

/** The value that was stored at `key`, with its chunks when it is large. @throws MatyanError `corrupt` when they are damaged. */
export async function loadStored(
  tx: ReadTransaction,
  owner: Owner,
  key: Uint8Array,
  bytes: Uint8Array,
): Promise<Value> {
  const stored = decodeStored(bytes);
  return stored instanceof LargePointer ? loadLarge(tx, owner, key, stored) : stored;
}

/** Reads the chunks of a large value, a few MB at a time, and checks their digest. */
export async function loadLarge(
  tx: ReadTransaction,
  owner: Owner,
  key: Uint8Array,
  pointer: LargePointer,
): Promise<Value> {
  const damaged = (what: string) =>
    new MatyanError("corrupt", `the large value at key ${key.toHex()} ${what}`, {
      hint: "Restore the run from a backup, or write the value again.",
    });
  const bytes = new Uint8Array(pointer.size);
  const step = Math.floor(groupBytes / chunkBytes);
  let at = 0;
  for (let first = 0; first < pointer.chunks; first += step) {
    const count = Math.min(step, pointer.chunks - first);
    const keys = Array.from({ length: count }, (_, i) => chunkKey(owner, key, pointer, first + i));
    for (const stored of await tx.getMany(keys)) {
      if (stored === undefined) throw damaged(`lacks a chunk of its ${pointer.chunks}`);
      const chunk = decodeValue(stored);
      if (!(chunk instanceof Uint8Array) || at + chunk.length > bytes.length)
        throw damaged("has a chunk of another kind");
      bytes.set(chunk, at);
      at += chunk.length;
    }
  }
  if (at !== pointer.size || Buffer.compare(digest(bytes), pointer.sha256) !== 0)
    throw damaged("does not match its digest");
  return decodeValue(bytes);
}

/**
 * Stores the chunks of a value in transactions of their own, so that it may have any size, and returns what the writers
 * of this room take in place of the value. Until then the chunks are invisible; deleting the run removes them.
 */
export async function stageValue(
  database: Database,
  owner: Owner,
  key: Uint8Array,
  value: Value,
): Promise<StagedValue> {
  const bytes = encodeValue(value);
  const pointer = pointerTo(bytes);
  const step = Math.floor(groupBytes / chunkBytes);
  for (let first = 0; first < pointer.chunks; first += step)
    await database.transact(async (tx) => writeChunks(tx, owner, key, pointer, bytes, first, first + step));
  return new StagedValue(key, pointer);
}

/** Opens a writer for the values of one owner: one look-up says whether earlier large values may have to be cleared away. */
export async function openValues(tx: Transaction, owner: Owner): Promise<ValueWriter> {
  // A snapshot read: concurrent writers of other values of the run must not conflict with this one.
  const [first] = await tx.snapshot.firstOfEach([largeRange(owner)]);
  return new ValueWriter(tx, owner, first !== undefined);
}

/** Writes values of any size, and clears the chunks of those that it replaces. */
export class ValueWriter {
  readonly #tx: Transaction;
  readonly #owner: Owner;
  #mayHoldChunks: boolean;

  constructor(tx: Transaction, owner: Owner, mayHoldChunks: boolean) {
    this.#tx = tx;
    this.#owner = owner;
    this.#mayHoldChunks = mayHoldChunks;
  }

  /** Whether the owner has large values: if not, a plain `set` does the same as `put` for a small value. */
  get mayHoldChunks(): boolean {
    return this.#mayHoldChunks;
  }

  /**
   * Writes `value` at `key`. `what` names the thing in errors ("point 3 of sequence 'loss' ... of run 'h'").
   * @throws MatyanError `too_large` over `maxDirectBytes`; `conflict` when the chunks of a staged value are gone.
   */
  async put(key: Uint8Array, value: Storable, what: () => string): Promise<void> {
    if (value instanceof StagedValue) return this.#place(key, value, what);
    const bytes = encodeValue(value);
    // A user's own extension of our type goes out of line too: a pointer at a key is always ours.
    const plain = bytes.length <= limits.valueBytes && !(value instanceof Extension && value.type === largeValueType);
    if (plain) {
      if (this.#mayHoldChunks) this.#tx.clearRange(chunkRange(this.#owner, key));
      this.#tx.set(key, bytes);
      return;
    }
    if (bytes.length > maxDirectBytes)
      throw new MatyanError("too_large", `${what()} has ${bytes.length} bytes`, {
        hint: `At most ${maxDirectBytes} bytes fit into one transaction: log it as a file, or stage it before.`,
      });
    const pointer = pointerTo(bytes);
    this.#clearOtherChunks(key, pointer);
    writeChunks(this.#tx, this.#owner, key, pointer, bytes, 0, pointer.chunks);
    this.#tx.set(key, pointer.encode());
    this.#mayHoldChunks = true;
  }

  clear(key: Uint8Array): void {
    if (this.#mayHoldChunks) this.#tx.clearRange(chunkRange(this.#owner, key));
    this.#tx.clear(key);
  }

  /**
   * Clears all values of a range; when the owner has large ones it is scanned for their pointers. The chunks of `keep`,
   * which is about to be placed in that range, stay.
   */
  async clearRange(range: KeyRange, keep?: StagedValue): Promise<void> {
    if (this.#mayHoldChunks)
      for await (const batch of this.#tx.range(range))
        for (const [key, bytes] of batch) {
          const pointer = isPointer(bytes) ? decodeStored(bytes) : undefined;
          if (!(pointer instanceof LargePointer) || (keep !== undefined && holds(keep, key, pointer))) continue;
          this.#tx.clearRange(contentRange(this.#owner, key, pointer));
        }
    this.#tx.clearRange(range);
  }

  async #place(key: Uint8Array, staged: StagedValue, what: () => string): Promise<void> {
    if (Buffer.compare(key, staged.key) !== 0) throw new Error(`${what()} was staged for another key`);
    const last = staged.pointer.chunks - 1;
    const ends = [chunkKey(this.#owner, key, staged.pointer, 0), chunkKey(this.#owner, key, staged.pointer, last)];
    if ((await this.#tx.getMany(ends)).includes(undefined))
      throw new MatyanError("conflict", `the prepared parts of ${what()} were removed meanwhile`, {
        hint: "Write it again.",
      });
    this.#clearOtherChunks(key, staged.pointer);
    this.#tx.set(key, staged.pointer.encode());
    this.#mayHoldChunks = true;
  }

  /** Chunks are kept by content, so that a value being replaced stays whole until its pointer changes. */
  #clearOtherChunks(key: Uint8Array, pointer: LargePointer): void {
    const all = chunkRange(this.#owner, key);
    const own = contentRange(this.#owner, key, pointer);
    this.#tx.clearRange({ begin: all.begin, end: own.begin });
    this.#tx.clearRange({ begin: own.end, end: all.end });
  }
}

function holds(staged: StagedValue, key: Uint8Array, pointer: LargePointer): boolean {
  return Buffer.compare(staged.key, key) === 0 && Buffer.compare(staged.pointer.sha256, pointer.sha256) === 0;
}

/** Whether stored bytes may be a pointer: msgpack ext formats (c7..c9, d4..d8) of our type. */
export function isPointer(bytes: Uint8Array): boolean {
  const format = bytes[0]!;
  if (format === 0xc7) return bytes[2] === largeValueType;
  if (format === 0xc8) return bytes[3] === largeValueType;
  if (format === 0xc9) return bytes[5] === largeValueType;
  return format >= 0xd4 && format <= 0xd8 && bytes[1] === largeValueType;
}

/** All chunks of an owner: `(h, "_large", ...)` or `("_large", ...)`. */
export function largeRange(owner: Owner): KeyRange {
  return rangeOf(packKey(owner.dir, owner.run === undefined ? ["_large"] : [owner.run, "_large"]));
}

/** The chunks of all contents of the value at `key`. */
function chunkRange(owner: Owner, key: Uint8Array): KeyRange {
  return rangeOf(packKey(owner.dir, ownerPath(owner, key)));
}

function contentRange(owner: Owner, key: Uint8Array, pointer: LargePointer): KeyRange {
  return rangeOf(packKey(owner.dir, [...ownerPath(owner, key), contentId(pointer)]));
}

function chunkKey(owner: Owner, key: Uint8Array, pointer: LargePointer, index: number): Uint8Array {
  return packKey(owner.dir, [...ownerPath(owner, key), contentId(pointer), BigInt(index)]);
}

function ownerPath(owner: Owner, key: Uint8Array): string[] {
  const id = digest(key.subarray(owner.dir.length)).subarray(0, 16).toHex();
  return owner.run === undefined ? ["_large", id] : [owner.run, "_large", id];
}

function contentId(pointer: LargePointer): string {
  return pointer.sha256.subarray(0, 16).toHex();
}

function pointerTo(bytes: Uint8Array): LargePointer {
  return new LargePointer(bytes.length, Math.ceil(bytes.length / chunkBytes), digest(bytes));
}

function writeChunks(
  tx: Transaction,
  owner: Owner,
  key: Uint8Array,
  pointer: LargePointer,
  bytes: Uint8Array,
  from: number,
  to: number,
): void {
  for (let i = from; i < Math.min(to, pointer.chunks); i++)
    tx.set(chunkKey(owner, key, pointer, i), encodeValue(bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes)));
}

function digest(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(new Bun.CryptoHasher("sha256").update(bytes).digest());
}
