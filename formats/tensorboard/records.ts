// TFRecord framing: finds the intact records of an event file, and goes on past damage wherever the framing allows.
import { crc32c, maskCrc } from "./crc32c.ts";
import { type Arena, type ByteSource, frameBytes, maxRecordBytes } from "./source.ts";

/** A stretch of a file that could not be used. */
export interface Loss {
  readonly offset: number;
  readonly bytes: number;
  readonly reason: string;
}

const headerBytes = 12;
const windowBytes = 4 * 1024 * 1024;
/** Losses that are kept one by one; beyond them only counted, so that a file of nothing but damage stays small in memory. */
const maxListedLosses = 100;
/** Bytes that may be checksummed for headers that turn out not to begin a sound record: a crafted file must not cost its square. */
const searchBudget = 512 * 1024 * 1024;

/**
 * Walks a file in windows. `next` is synchronous and moves to the next intact record in the window; when it returns
 * false, `fill` reads on and says whether there is more. Between the two the caller may let others run.
 *
 * Damage: a bad payload checksum under a good header loses that record; a bad header loses what lies before the next
 * offset at which header and payload are both sound; a record that the file's end cuts off is lost.
 * Format: tensorflow/core/lib/io/record_writer.h.
 */
export class RecordScanner {
  /** The first losses, in file order; `lossCount` and `lostBytes` cover all. */
  readonly losses: Loss[] = [];
  lossCount = 0;
  lostBytes = 0;
  /** Offset in the file of the current record's frame, and where its payload lies in the arena. */
  offset = 0;
  payloadStart = 0;
  payloadEnd = 0;

  readonly #source: ByteSource;
  readonly #size: number;
  readonly #arena: Arena;
  /** The window holds the file's bytes [#base, #base + #filled); `#at` is the next unread byte of it. */
  #base = 0;
  #filled = 0;
  #at = 0;
  /** Bytes that must be in the window from `#at` on before `next` can go on. */
  #wanted = headerBytes;
  /** Offset from which on nothing sound was found, while searching. */
  #searchFrom = -1;
  #searchReason = "";
  #searchBudget = searchBudget;

  /** `size` bytes of `source` are read: what is appended meanwhile belongs to the next conversion. */
  constructor(source: ByteSource, size: number, arena: Arena) {
    this.#source = source;
    this.#size = size;
    this.#arena = arena;
  }

  /** Reads the next window. False at the end of the file. */
  fill(): boolean {
    const position = this.#base + this.#at;
    if (position >= this.#size) {
      this.#endSearch(this.#size);
      return false;
    }
    const { bytes } = this.#arena;
    const kept = this.#filled - this.#at;
    if (kept > 0) bytes.copyWithin(0, this.#at, this.#filled);
    const length = Math.min(Math.max(windowBytes, this.#wanted), this.#size - position, bytes.length);
    const got = length > kept ? this.#source.read(position + kept, bytes.subarray(kept, length)) : 0;
    this.#base = position;
    this.#at = 0;
    this.#filled = kept + got;
    this.#wanted = headerBytes;
    if (kept + got < length) {
      // The file became shorter than it was when it was measured.
      this.#lose(position, this.#size - position, "the file was cut while it was being read");
      this.#at = this.#filled = 0;
      this.#base = this.#size;
      return false;
    }
    return true;
  }

  /** Moves to the next intact record in the window. */
  next(): boolean {
    const { bytes, view } = this.#arena;
    for (;;) {
      const at = this.#at;
      const left = this.#filled - at;
      const offset = this.#base + at;
      if (left < headerBytes) {
        if (this.#base + this.#filled < this.#size) return this.#want(headerBytes);
        if (left > 0) {
          if (this.#searchFrom < 0) this.#lose(offset, left, "truncated: the file ends inside a record's header");
          this.#at = this.#filled;
        }
        return false;
      }
      const length = view.getUint32(at, true);
      const high = view.getUint32(at + 4, true);
      if (lengthChecksum(bytes, view, at, length, high) !== view.getUint32(at + 8, true)) {
        if (this.#searchFrom < 0) this.#startSearch(offset, "bad checksum of a record's length");
        this.#at = at + 1;
        continue;
      }
      // Offsets within the window stay small integers: one that came of a float multiplication makes all that follow ten times as slow.
      const total = length + frameBytes;
      if (high !== 0 || offset + total > this.#size) {
        if (high !== 0 && offset + high * 4294967296 + total <= this.#size) {
          this.#skipOversized(offset, high * 4294967296 + total);
          if (this.#at >= this.#filled) return false;
          continue;
        }
        if (this.#searchFrom < 0) this.#startSearch(offset, "truncated: the file ends inside a record");
        this.#at = at + 1;
        continue;
      }
      if (total - frameBytes > maxRecordBytes) {
        this.#skipOversized(offset, total);
        if (this.#at >= this.#filled) return false;
        continue;
      }
      if (this.#searchFrom >= 0 && total > this.#searchBudget) {
        this.#at = at + 1;
        continue;
      }
      if (left < total) return this.#want(total);
      const end = at + headerBytes + length;
      if (maskCrc(crc32c(bytes, view, at + headerBytes, end)) !== view.getUint32(end, true)) {
        if (this.#searchFrom >= 0) {
          this.#searchBudget -= total;
          this.#at = at + 1;
          continue;
        }
        // Good header, bad payload: the frame is believed if the next one is sound (or the file ends), else searched through.
        if (left < total + headerBytes && offset + total + headerBytes <= this.#size)
          return this.#want(total + headerBytes);
        const next = at + total;
        const trusted =
          offset + total + headerBytes > this.#size ||
          lengthChecksum(bytes, view, next, view.getUint32(next, true), view.getUint32(next + 4, true)) ===
            view.getUint32(next + 8, true);
        if (trusted) {
          this.#lose(offset, total, "bad checksum of a record's payload");
          this.#at = next;
        } else {
          this.#startSearch(offset, "bad checksum of a record's payload, and no record after it");
          this.#at = at + 1;
        }
        continue;
      }
      if (this.#searchFrom >= 0) this.#endSearch(offset);
      this.offset = offset;
      this.payloadStart = at + headerBytes;
      this.payloadEnd = end;
      this.#at = at + total;
      return true;
    }
  }

  /** Marks the current record, sound as a frame, as unusable. */
  reject(reason: string): void {
    this.#lose(this.offset, this.payloadEnd - this.payloadStart + frameBytes, reason);
  }

  #want(bytes: number): false {
    this.#wanted = bytes;
    return false;
  }

  #skipOversized(from: number, bytes: number): void {
    this.#endSearch(from);
    this.#lose(from, bytes, "a record of more than 64 MiB");
    const offset = from + bytes;
    if (offset <= this.#base + this.#filled) {
      this.#at = offset - this.#base;
    } else {
      this.#base = offset;
      this.#at = this.#filled = 0;
    }
  }

  #startSearch(offset: number, reason: string): void {
    this.#searchFrom = offset;
    this.#searchReason = reason;
  }

  #endSearch(offset: number): void {
    if (this.#searchFrom < 0) return;
    this.#lose(this.#searchFrom, offset - this.#searchFrom, this.#searchReason);
    this.#searchFrom = -1;
  }

  #lose(offset: number, bytes: number, reason: string): void {
    this.lossCount++;
    this.lostBytes += bytes;
    if (this.losses.length < maxListedLosses) this.losses.push({ offset, bytes, reason });
  }
}

/** Masked checksums of the lengths that nearly all records have; 0 means not computed yet. */
const knownLengths = new Uint32Array(65536);

function lengthChecksum(bytes: Uint8Array, view: DataView, at: number, length: number, high: number): number {
  if (high !== 0 || length >= knownLengths.length) return maskCrc(crc32c(bytes, view, at, at + 8));
  const known = knownLengths[length]!;
  if (known !== 0) return known;
  const computed = maskCrc(crc32c(bytes, view, at, at + 8));
  knownLengths[length] = computed;
  return computed;
}
