// What bounds a transaction on every engine of ours: its end, its 5 s, its 10,000,000 bytes.
import type { Clock } from "./clock.ts";
import { KvError, limits, mutationBytes, TransactionEndedError } from "./index.ts";

export class TransactionLife {
  readonly #clock: Clock;
  #deadline: number;
  #bytes: number = mutationBytes.own;
  #ended = false;
  /** The first failure after which the transaction cannot commit, whatever its body makes of the error. */
  #failure: { readonly error: unknown } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#deadline = clock.now() + limits.transactionMs;
  }

  /** @throws KvError of an earlier failure, or TransactionEndedError. */
  mustBeUsable(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#ended) throw new TransactionEndedError("transaction");
  }

  /** As `mustBeUsable`, and looks at the clock. @throws KvError 1007 */
  mustBeInTime(): void {
    this.mustBeUsable();
    if (this.#timeLeft < 0) throw this.fail(tooOld());
  }

  /** Counts what a mutation adds. @throws KvError 2101 */
  count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > limits.transactionBytes)
      throw this.fail(
        new KvError(2101, `${this.#bytes} bytes of keys, values and conflict ranges`, {
          hint: "Split the work into several transactions.",
        }),
      );
  }

  /** Remembers the error, and gives it back to be thrown. */
  fail(error: unknown): unknown {
    this.#failure ??= { error };
    return error;
  }

  /** From here on every use throws. */
  end(): void {
    this.#ended = true;
  }

  /** What `work` takes does not count against the transaction's life. */
  outsideTime(work: () => void): void {
    const start = this.#clock.now();
    work();
    this.#deadline += this.#clock.now() - start;
  }

  /**
   * Runs the body, but no longer than the transaction may live: one that hangs must not stop all other writers. It meets
   * the error at its next use of the transaction. @throws KvError 1007, or what the body throws.
   */
  async run<T>(body: () => Promise<T>): Promise<T> {
    const expired = Promise.withResolvers<never>();
    let cancel = () => {};
    const watch = () => {
      if (this.#timeLeft > 0) cancel = this.#clock.after(this.#timeLeft, watch);
      else expired.reject(this.fail(tooOld()));
    };
    watch();
    try {
      return await Promise.race([body(), expired.promise]);
    } finally {
      cancel();
    }
  }

  get #timeLeft(): number {
    return this.#deadline - this.#clock.now();
  }
}

function tooOld(): KvError {
  return new KvError(1007, undefined, {
    hint: "Split the work into several transactions, and start none inside another one's body.",
  });
}
