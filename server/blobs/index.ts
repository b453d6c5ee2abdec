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
}

/**
 * Keys are well-formed Unicode of 1 to `maxBlobKeyBytes` bytes, compared byte by byte; `/` has no meaning but in
 * listings by prefix, so `a` and `a/b` may both exist. Conventionally a run's blobs start with `<run hash>/`.
 * Every method throws MatyanError `usage` for a key that isn't one, and `io` when the engine refuses.
 */
export interface BlobStore {
  readonly engine: BlobEngineName;
  /**
   * Stores all of `source` under `key`, replacing what was there. When the promise resolves, the blob is durable.
   * Readers see the old blob or the new one, never a mixture or a part; if `source` throws, that error is passed on
   * and the old blob stays. Putting the same bytes again is harmless.
   */
  put(key: string, source: BlobSource, options?: BlobPutOptions): Promise<void>;
  /**
   * The blob's bytes in chunks of bounded size, or undefined when there is none. Reading starts when the iteration
   * does (MatyanError `not_found` if the blob was deleted by then); stopping early is free.
   */
  get(key: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** The blob's size, or undefined when there is none. */
  head(key: string): Promise<BlobInfo | undefined>;
  /**
   * All blobs whose key starts with `prefix` ("" for all), in ascending byte order of their UTF-8 keys, in memory that
   * doesn't grow with their number. Blobs put or deleted meanwhile may or may not be listed; all others are, once.
   */
  list(prefix: string): AsyncIterable<BlobEntry>;
  /** Removes the blob; nothing happens when there is none. */
  delete(key: string): Promise<void>;
}

export type BlobEngineName = "folder";

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
