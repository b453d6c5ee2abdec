// Files of an archive in the making: buffered, hashed as they are written, and made durable in the background.
import { closeSync, fsync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { MatyanError, messageOf } from "../error.ts";

/** Size and SHA-256 (lower-case hex) of a finished file. */
export interface FileSum {
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

const bufferBytes = 1 << 20;

/**
 * A new file (an existing one is a `conflict`). Writes are synchronous and go out a buffer at a time: the memory is the
 * buffer, and a slow disk slows the caller. This is the hot path of conversion and backup.
 */
export class FileSink {
  readonly path: string;
  readonly #fd: number;
  readonly #hash = new Bun.CryptoHasher("sha256");
  #buffer: Buffer | undefined;
  #filled = 0;
  #size = 0;
  #closed = false;

  constructor(path: string) {
    this.path = path;
    this.#fd = guard(path, () => openSync(path, "wx", 0o644));
  }

  write(bytes: Uint8Array): void {
    if (bytes.length >= bufferBytes) {
      this.flush();
      this.#emit(bytes);
      return;
    }
    const buffer = this.#room(bytes.length);
    buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  writeText(text: string): void {
    // A UTF-16 unit is at most three bytes of UTF-8.
    if (text.length * 3 >= bufferBytes) {
      this.write(Buffer.from(text));
      return;
    }
    const buffer = this.#room(text.length * 3); // Before `#filled` is read: making room may flush.
    this.#filled += buffer.write(text, this.#filled);
  }

  /** Writes without a buffer of its own: for files that come in one or a few large pieces. */
  writeThrough(bytes: Uint8Array): void {
    this.flush();
    if (bytes.length > 0) this.#emit(bytes);
  }

  flush(): void {
    if (this.#filled === 0 || this.#buffer === undefined) return;
    const filled = this.#filled;
    this.#filled = 0;
    this.#emit(this.#buffer.subarray(0, filled));
  }

  /** Ends the file; `durability` syncs it in the background. */
  async close(durability: Durability): Promise<FileSum> {
    this.flush();
    this.#closed = true;
    this.#buffer = undefined;
    await durability.finish(this.#fd, this.path);
    return { size: this.#size, sha256: this.#hash.digest("hex") };
  }

  /** Closes the file without its last bytes. */
  abandon(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#buffer = undefined;
    closeSync(this.#fd);
  }

  #room(size: number): Buffer {
    if (this.#filled + size > bufferBytes) this.flush();
    this.#buffer ??= Buffer.allocUnsafe(bufferBytes);
    return this.#buffer;
  }

  #emit(bytes: Uint8Array): void {
    // The number of a closed descriptor may by now be another file's.
    if (this.#closed) throw new MatyanError("usage", `${this.path} is closed already`);
    this.#hash.update(bytes);
    this.#size += bytes.length;
    let done = 0;
    while (done < bytes.length) {
      done += guard(this.path, () => writeSync(this.#fd, bytes, done, bytes.length - done));
    }
  }
}

const maxPending = 64;

/** Closes files after syncing them, many at a time: one slow fsync after the other is what makes small files slow. */
export class Durability {
  readonly #durable: boolean;
  readonly #pending = new Set<Promise<void>>();
  #failure: MatyanError | undefined;

  constructor(durable: boolean) {
    this.#durable = durable;
  }

  /** Takes over the descriptor. Waits only while too many are under way. */
  async finish(fd: number, path: string): Promise<void> {
    if (!this.#durable) {
      closeSync(fd);
      return;
    }
    const work: Promise<void> = new Promise<void>((resolve) => {
      fsync(fd, (error) => {
        closeSync(fd);
        if (error) this.#failure ??= ioError(path, error);
        resolve();
      });
    }).finally(() => this.#pending.delete(work));
    this.#pending.add(work);
    while (this.#pending.size >= maxPending) await Promise.race(this.#pending);
  }

  /** Syncs a folder's entries. Where the system has no such thing (Windows), names are durable by themselves. */
  async folder(path: string): Promise<void> {
    if (!this.#durable || process.platform === "win32") return;
    await this.finish(
      guard(path, () => openSync(path, "r")),
      path,
    );
  }

  /** Waits for all; throws `io` when any of them failed. */
  async settle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Runs a file system call; its errors become ones that name the path. */
export function guard<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw ioError(path, error);
  }
}

/** The MatyanError for what the operating system said about `path`. Passes MatyanErrors through. */
export function ioError(path: string, error: unknown): MatyanError {
  if (error instanceof MatyanError) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const options = { cause: error };
  if (code === "ENOENT") return new MatyanError("not_found", `${path} does not exist`, options);
  if (code === "EEXIST") return new MatyanError("conflict", `${path} exists already`, options);
  if (code === "ENAMETOOLONG")
    return new MatyanError("unsupported", `the name of ${path} is too long for the disk`, options);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new MatyanError("io", `no space left for ${path}`, {
      ...options,
      hint: `Free space on the disk of ${dirname(path)}.`,
    });
  }
  return new MatyanError("io", `${path}: ${messageOf(error)}`, options);
}

/** Whether the operating system said `code`, e.g. "ENOENT". */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
