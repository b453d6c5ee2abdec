// Writes a .tar.gz member by member: what is packed is never held in memory or on disk as a whole.
import { closeSync, createReadStream, createWriteStream, fsyncSync, openSync, readFileSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack } from "tar-stream";
import { guard, ioError } from "./fileSink.ts";
import { feedAll } from "./streamFeed.ts";

const chunkBytes = 1 << 18;

export class TarGzipWriter {
  readonly #path: string;
  readonly #pack = pack();
  readonly #time: Date;
  readonly #done: Promise<void>;
  #failure: unknown;
  /** Ends the wait for the member in work when what comes after the packer fails: a full disk. */
  #fail: (error: unknown) => void = () => {};

  /** `time` is the modification time of every member; `level` is gzip's, 1-9. */
  constructor(path: string, options: { time: Date; level: number }) {
    this.#path = path;
    this.#time = options.time;
    const file = createWriteStream(path, { flags: "wx", mode: 0o644 });
    this.#done = pipeline(this.#pack, createGzip({ level: options.level, chunkSize: chunkBytes }), file).catch(
      (error) => {
        this.#failure = ioError(path, error);
        this.#fail(this.#failure);
      },
    );
  }

  async folder(name: string): Promise<void> {
    await this.#member((done) => {
      this.#pack.entry({ name: `${name}/`, type: "directory", mode: 0o755, mtime: this.#time }, done);
    });
  }

  /** Appends the file at `source` as `name`. It must not change meanwhile; `size` is its size in bytes. */
  async file(name: string, source: string, size: number): Promise<void> {
    const header = { name, size, type: "file", mode: 0o644, mtime: this.#time } as const;
    await this.#member((done) => {
      if (size <= chunkBytes) {
        const bytes = guard(source, () => readFileSync(source));
        this.#pack.entry(header, bytes, done).on("error", reportedByCallback);
        return;
      }
      const entry = this.#pack.entry(header, done).on("error", reportedByCallback);
      feedAll(createReadStream(source, { highWaterMark: chunkBytes }), entry).catch((error) =>
        this.#pack.destroy(ioError(source, error)),
      );
    });
  }

  /** Ends the tar; its bytes are on the disk afterwards when `durable`. */
  async finish(durable: boolean): Promise<void> {
    this.#pack.finalize();
    await this.#done;
    if (this.#failure !== undefined) throw this.#failure;
    if (!durable) return;
    const fd = guard(this.#path, () => openSync(this.#path, "r+"));
    try {
      guard(this.#path, () => fsyncSync(fd));
    } finally {
      closeSync(fd);
    }
  }

  /** Stops; the file is left for the caller to remove. */
  async abort(): Promise<void> {
    this.#pack.destroy(null);
    await this.#done;
  }

  async #member(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#fail = reject;
        start((error) => (error ? reject(error) : resolve()));
      });
    } catch (error) {
      throw this.#failure ?? ioError(this.#path, error);
    }
  }
}

/** An entry tells of its failure twice; an event that nobody listens to would end the process. */
function reportedByCallback(): void {}
