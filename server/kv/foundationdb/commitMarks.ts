// How a transaction whose commit got lost on its way is done once and not twice: with its data it writes a mark, a number
// that only this attempt has. Who does not know whether it was committed looks whether the mark is there.
import { pack } from "../../../formats/tuple.ts";
import type { Key } from "../index.ts";

/** Path of the marks in the directory layer. No other program has a reason to look into it. */
export const marksPath: readonly string[] = ["matyan", "commits"];

/** A place for marks that one transaction uses at a time, so that marks conflict with nobody's. */
export interface MarkPlace {
  readonly key: Key;
  readonly slot: bigint;
}

export class CommitMarks {
  readonly #openPrefix: () => Promise<Uint8Array>;
  readonly #now: () => number;
  #prefix: Promise<Uint8Array> | undefined;
  readonly #free: MarkPlace[] = [];
  #slots = 0n;
  #last = 0n;

  /** `openPrefix` gives what all marks of this process start with; `now` the milliseconds since the epoch. */
  constructor(openPrefix: () => Promise<Uint8Array>, now: () => number) {
    this.#openPrefix = openPrefix;
    this.#now = now;
  }

  /** A place that no other transaction uses until it is given back. One whose last mark is in doubt is never given back. */
  async take(): Promise<MarkPlace> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    this.#prefix ??= this.#openPrefix();
    let prefix: Uint8Array;
    try {
      prefix = await this.#prefix;
    } catch (error) {
      this.#prefix = undefined;
      throw error;
    }
    const slot = this.#slots++;
    return { slot, key: Buffer.concat([prefix, pack([slot])]) };
  }

  giveBack(place: MarkPlace): void {
    this.#free.push(place);
  }

  /** What all marks of this process start with, if there are any. */
  async usedPrefix(): Promise<Uint8Array | undefined> {
    return this.#prefix?.catch(() => undefined);
  }

  next(): bigint {
    return ++this.#last;
  }

  /** Two little-endian u64: the mark, and when it was made, so that marks of processes that are gone can be told. */
  encode(mark: bigint): Uint8Array {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, mark, true);
    view.setBigUint64(8, BigInt(this.#now()), true);
    return bytes;
  }
}

/** The mark, and its time in ms since the epoch; undefined for bytes that are no mark. */
export function decodeMark(
  bytes: Uint8Array | undefined,
): { readonly mark: bigint; readonly time: number } | undefined {
  if (bytes?.length !== 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { mark: view.getBigUint64(0, true), time: Number(view.getBigUint64(8, true)) };
}
