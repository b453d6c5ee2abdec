// Our own engines answer at once, so long work here would never let timers, sockets and signals have their turn.
import type { Clock } from "./clock.ts";

const longestStretchMs = 10;

export class Pace {
  readonly #clock: Clock;
  #last: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#last = clock.now();
  }

  /** True when the event loop waited long enough: then await `rest`. Split in two so that the usual case awaits nothing. */
  get due(): boolean {
    return this.#clock.now() - this.#last >= longestStretchMs;
  }

  async rest(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#last = this.#clock.now();
  }
}
