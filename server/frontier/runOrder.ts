// The order of a run's frames over several sockets: a client that lost its connection and is back must not overtake itself.

/**
 * Where a socket stands among those of its run. It holds while it has frames that are not applied or may not be read yet; those that
 * come after it wait for it to settle.
 */
export class RunPlace {
  readonly #leave: (place: RunPlace) => void;
  #turn: Promise<unknown> | undefined;
  #settled: Promise<void> | undefined;
  #settle: (() => void) | undefined;

  constructor(earlier: readonly RunPlace[], leave: (place: RunPlace) => void) {
    const held = earlier.flatMap((place) => (place.#settled === undefined ? [] : [place.#settled]));
    this.#turn = held.length === 0 ? undefined : Promise.all(held);
    this.#leave = leave;
  }

  /**
   * Settles when all that earlier sockets of the run had when this one came is applied; undefined when there was nothing. Asked
   * once: who waited as long as it would does not wait again.
   */
  takeTurn(): Promise<unknown> | undefined {
    const turn = this.#turn;
    this.#turn = undefined;
    return turn;
  }

  get isHeld(): boolean {
    return this.#settled !== undefined;
  }

  hold(): void {
    this.#settled ??= new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  settle(): void {
    this.#settle?.();
    this.#settled = undefined;
    this.#settle = undefined;
  }

  /** Nothing more comes from this socket. */
  leave(): void {
    this.settle();
    this.#leave(this);
  }
}

export class RunOrder {
  readonly #runs = new Map<string, Set<RunPlace>>();

  enter(runId: string): RunPlace {
    const places = this.#runs.get(runId) ?? new Set();
    const place = new RunPlace([...places], (left) => {
      places.delete(left);
      if (places.size === 0 && this.#runs.get(runId) === places) this.#runs.delete(runId);
    });
    places.add(place);
    this.#runs.set(runId, places);
    return place;
  }
}
