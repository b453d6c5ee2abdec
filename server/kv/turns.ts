// Work that must not overlap, done in the order asked.

export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all that was asked before has ended, well or badly; answers as `work` does. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    // A failure belongs to who asked for that work; the next one only waits for its end.
    this.#last = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }
}
