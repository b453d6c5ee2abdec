// Lets in as much work as memory is allowed for, in the order of arrival.

/** A counting gate over bytes. One piece of work is always let in, whatever its size. */
export class ApplyGate {
  readonly #limit: number;
  #inside = 0;
  #waiting: { bytes: number; enter: () => void }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Undefined when there is room, else a promise of it. Whoever was let in calls `leave` with the same number. */
  enter(bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#hasRoom(bytes)) {
      this.#inside += bytes;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push({ bytes, enter: resolve }));
  }

  leave(bytes: number): void {
    this.#inside -= bytes;
    for (let next = this.#waiting[0]; next !== undefined && this.#hasRoom(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#inside += next.bytes;
      next.enter();
    }
  }

  #hasRoom(bytes: number): boolean {
    return this.#inside === 0 || this.#inside + bytes <= this.#limit;
  }
}
