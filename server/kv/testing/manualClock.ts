// A clock that moves only when a test says so.
import type { Clock } from "../clock.ts";

export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets time pass as while a process is at work: nothing runs that is due. */
  pass(ms: number): void {
    this.#now += ms;
  }

  /** Lets time pass, and runs what was due by then. */
  advance(ms: number): void {
    this.pass(ms);
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.#now)) {
      this.#timers.delete(timer);
      timer.run();
    }
  }
}
