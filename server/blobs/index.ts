// The contract of a place where blobs (images, audio, artifacts) live: a folder on this machine or an object store.
import { MatyanError } from "../../formats/error.ts";

/** What S3, GCS and Azure all accept, in UTF-8 bytes; every engine refuses longer keys so that none surprises. */
export const maxBlobKeyBytes = 1024;

export type BlobSource = Uint8Array | AsyncIterable<Uint8Array>;

export interface BlobPutOptions {
  /**
   * Handed to engines whose objects carry a type, for the benefit of other tools. It can't be read back through this
   * contract: the content type of record is the one in the run's attributes (`__blobs__`).
   */
  readonly contentType?: string | undefined;
}

export interface BlobInfo {
  /** Bytes. */
  readonly size: number;
}

export interface BlobEntry extends BlobInfo {
  readonly key: string;
  /** When it was put, by the clock of the store that holds it, seconds since the epoch; undefined when that does not say. */
  readonly modified: number | undefined;
}

/** For engines: their date as `modified`. */
export function secondsOf(date: Date | undefined): number | undefined {
  const ms = date?.getTime();
  return ms === undefined || Number.isNaN(ms) ? undefined : ms / 1_000;
}

/** The bytes from `start` up to, not including, `end` (by default the blob's end); what lies beyond the end is left out. */
export interface BlobRange {
  readonly start: number;
  readonly end?: number | undefined;
}

export interface BlobGetOptions {
  readonly range?: BlobRange | undefined;
}

/** What a deletion of many came to. */
export interface BlobDeletion {
  /** Keys that are certainly gone now; a key that wasn't there counts as well where the engine can't tell (`deleteMany`). */
  readonly deleted: number;
  /** Keys that are still there, after retries. */
  readonly failed: number;
  /** The first `maxBlobFailures` of the failed ones, and why. */
  readonly failures: readonly BlobFailure[];
}

export interface BlobFailure {
  readonly key: string;
  readonly reason: string;
}

export const maxBlobFailures = 100;

export interface PresignOptions {
  readonly contentType: string;
  /** How long the URL is good, seconds: up to 7 days. */
  readonly expirySeconds: number;
}

/** Whoever holds the URL may PUT one object there without any other permission, sending `headers` along. */
export interface PresignedPut {
  readonly uploadUrl: string;
  readonly headers: Readonly<Record<string, string>> | undefined;
}

/**
 * Keys are well-formed Unicode of 1 to `maxBlobKeyBytes` bytes, compared byte by byte; `/` has no meaning but in
 * listings by prefix, so `a` and `a/b` may both exist. Conventionally a run's blobs start with `<run hash>/`.
 * Object stores hold no keys with a segment `.` or `..`, nor what their service can't name: `put` refuses those.
 * Every method throws MatyanError `usage` for a key that isn't one, and `io` when the engine refuses: its text names
 * the place and the key, its hint the way out, and no secret is in either. What a disturbance of the network or the
 * service breaks is tried again for some seconds first.
 */
export interface BlobListOptions {
  readonly after?: string | undefined;
}

export interface BlobStore {
  readonly engine: BlobEngineName;
  /**
   * Stores all of `source` under `key`, replacing what was there, in memory that doesn't grow with its size. When the
   * promise resolves, the blob is durable. Readers see the old blob or the new one, never a mixture or a part; if
   * `source` throws, that error is passed on and the old blob stays. Putting the same bytes again is harmless.
   */
  put(key: string, source: BlobSource, options?: BlobPutOptions): Promise<void>;
  /**
   * The blob's bytes, or those of a range, in chunks of bounded size; undefined when there is none. Reading starts when
   * the iteration does (MatyanError `not_found` if the blob was deleted by then); stopping early is free. A reader that
   * got its first chunk goes on with that blob while another is put in its place; should the connection break in such
   * a moment, it fails with `conflict`.
   */
  get(key: string, options?: BlobGetOptions): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** The blob's size, or undefined when there is none. */
  head(key: string): Promise<BlobInfo | undefined>;
  /**
   * All blobs whose key starts with `prefix` ("" for all), in ascending byte order of their UTF-8 keys, in memory that
   * doesn't grow with their number. Blobs put or deleted meanwhile may or may not be listed; all others are, once.
   * With `after`, only keys behind that one, which need not be a blob's: where the service can, the others are not asked for.
   */
  list(prefix: string, options?: BlobListOptions): AsyncIterable<BlobEntry>;
  /** Removes the blob; nothing happens when there is none. */
  delete(key: string): Promise<void>;
  /** Removes many blobs, and goes on after one that can't be. Each key is to be given once. */
  deleteMany(keys: Iterable<string> | AsyncIterable<string>): Promise<BlobDeletion>;
  /**
   * Removes all blobs whose key starts with `prefix`, as `deleteMany` does. @throws MatyanError `usage` for the empty
   * prefix: nobody means to empty a bucket.
   */
  deletePrefix(prefix: string): Promise<BlobDeletion>;
  /** A URL that a client can PUT the blob to by itself; undefined for the folder, whose door is server/frontier's. */
  readonly presignPut: ((key: string, options: PresignOptions) => Promise<PresignedPut>) | undefined;
  /**
   * Resolves when the place (folder, bucket, container) exists and this process may use it. A missing one is made where
   * the settings say so. @throws MatyanError that names the place and the way out.
   */
  check(): Promise<void>;
  /** Where people find the blob: `s3://bucket/key`, `gs://bucket/key`, `azure://container/key`, `file:///data/blobs/key`. */
  uriOf(key: string): string;
  /** Lets go of connections. The store is not to be used after. */
  close(): Promise<void>;
}

const blobEngineNames = ["folder", "s3", "gcs", "azure"] as const;
export type BlobEngineName = (typeof blobEngineNames)[number];

/** By the bytes of UTF-8, as listings are ordered. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** @throws MatyanError `usage` when `key` can't name a blob. */
export function checkBlobKey(key: string): void {
  const fault =
    key === ""
      ? "is empty"
      : !key.isWellFormed()
        ? "is not valid Unicode"
        : Buffer.byteLength(key) > maxBlobKeyBytes
          ? `is over ${maxBlobKeyBytes} bytes`
          : undefined;
  if (fault === undefined) return;
  throw new MatyanError("usage", `the blob key '${key.length > 80 ? `${key.slice(0, 80)}...` : key}' ${fault}`);
}

/** @throws MatyanError `usage` for the empty prefix, which `deletePrefix` doesn't take. */
export function checkDeletePrefix(prefix: string): void {
  if (prefix !== "") return;
  throw new MatyanError("usage", "an empty prefix would delete every blob", {
    hint: "Name the run whose blobs are to go, as '<run hash>/'.",
  });
}

/** @throws MatyanError `usage` when the bounds are no whole numbers from 0 up, or the wrong way round. */
export function checkRange({ start, end }: BlobRange): void {
  const bound = (value: number) => Number.isSafeInteger(value) && value >= 0;
  if (bound(start) && (end === undefined || (bound(end) && end >= start))) return;
  throw new MatyanError("usage", `${start} to ${end ?? "the end"} is no range of bytes`);
}
