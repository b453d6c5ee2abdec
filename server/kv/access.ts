// Who may use a store of ours when: writers take turns, readers come at once, and closing waits for both.
import { TransactionEndedError } from "./index.ts";
import { Turns } from "./turns.ts";

export class Access {
  readonly #turns = new Turns();
  readonly #reading = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  /** Snapshots at work. */
  get readers(): number {
    return this.#reading.size;
  }

  /** Runs `work` when all writers before it have ended. @throws TransactionEndedError when closed; what `work` throws. */
  async write<T>(work: () => Promise<T>): Promise<T> {
    this.#mustBeOpen();
    return this.#turns.take(work);
  }

  /** Runs `work` now. @throws TransactionEndedError when closed; what `work` throws. */
  async read<T>(work: () => Promise<T>): Promise<T> {
    this.#mustBeOpen();
    const reading = work();
    this.#reading.add(reading);
    try {
      return await reading;
    } finally {
      this.#reading.delete(reading);
    }
  }

  /** Refuses new work, and calls `release` when what was accepted has ended: once, however often this is called. */
  close(release: () => void): Promise<void> {
    this.#closed ??= this.#turns.take(async () => {
      await Promise.allSettled(this.#reading);
      release();
    });
    return this.#closed;
  }

  #mustBeOpen(): void {
    if (this.#closed !== undefined) throw new TransactionEndedError("database");
  }
}
