// The size of a folder of blobs, counted bit by bit while somebody looks: a listing of all files at once would take long.
import type { BlobStore } from "../blobs/index.ts";
import type { LiveFigures } from "./figures.ts";

export type BlobSize = NonNullable<LiveFigures["blobs"]>;

/** A whole count is told for so long before it is made anew, seconds. */
const keepSeconds = 300;

export class BlobTally {
  readonly #blobs: Pick<BlobStore, "list">;
  readonly #now: () => number;
  #walk: { readonly entries: AsyncIterator<{ readonly size: number }>; files: number; bytes: number } | undefined;
  #whole: BlobSize | undefined;
  #looking: Promise<void> | undefined;

  /** @param now seconds since the epoch. */
  constructor(blobs: Pick<BlobStore, "list">, now: () => number) {
    this.#blobs = blobs;
    this.#now = now;
  }

  /** Counts on for about `ms` and tells what is known: the last whole count, or how far the first one is. */
  async look(ms: number): Promise<BlobSize> {
    const at = this.#now();
    if (this.#whole === undefined || at - this.#whole.at > keepSeconds || at < this.#whole.at) {
      // Who comes meanwhile waits for the same piece of work.
      this.#looking ??= this.#count(ms).finally(() => {
        this.#looking = undefined;
      });
      await this.#looking;
    }
    const { files = 0, bytes = 0 } = this.#walk ?? {};
    return this.#whole ?? { files, bytes, whole: false, at };
  }

  async #count(ms: number): Promise<void> {
    const end = performance.now() + ms;
    this.#walk ??= { entries: this.#blobs.list("")[Symbol.asyncIterator](), files: 0, bytes: 0 };
    const walk = this.#walk;
    try {
      do {
        const next = await walk.entries.next();
        if (next.done === true) {
          this.#whole = { files: walk.files, bytes: walk.bytes, whole: true, at: this.#now() };
          this.#walk = undefined;
          return;
        }
        walk.files++;
        walk.bytes += next.value.size;
      } while (performance.now() < end);
    } catch (error) {
      this.#walk = undefined;
      throw error;
    }
  }
}
