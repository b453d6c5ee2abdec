// One read of the store for requests that ask for the same at the same time.

/**
 * Those who ask before a read has begun share it, and nobody shares one that had begun already: whoever asks sees all that was
 * stored before it asked.
 */
export class SharedRead<T> {
  readonly #read: () => Promise<T>;
  #next: Promise<T> | undefined;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  read(): Promise<T> {
    this.#next ??= this.#begin();
    return this.#next;
  }

  async #begin(): Promise<T> {
    // Requests that came in together are all taken before this goes on.
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#next = undefined;
    return this.#read();
  }
}
