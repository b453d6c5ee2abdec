// Progress frames of search streams (rest-api.md 2.7).
import { encodeTree } from "../../../formats/stream.ts";

const nothing = new Uint8Array(0);
/** While nothing else is sent, the latest frame is repeated this often. */
const repeatMs = 500;

/** Makes the numbered frames of one answer; empty frames when the client wants none. */
export class Progress {
  readonly #isWanted: boolean;
  readonly #clock: () => number;
  #count = 0;
  #latest: readonly [number, number] | undefined;
  #noted: readonly [number, number] | undefined;
  #sentAt: number;

  constructor(isWanted: boolean, clock: () => number = () => performance.now()) {
    this.#isWanted = isWanted;
    this.#clock = clock;
    this.#sentAt = clock();
  }

  frame(checked: number, total: number): Uint8Array {
    this.#latest = [checked, total];
    this.#sentAt = this.#clock();
    if (!this.#isWanted) return nothing;
    const value = [BigInt(checked), BigInt(total)];
    return encodeTree(new Map([[`progress_${this.#count++}`, value]]));
  }

  /** As `frame`, unless that says what the latest said. */
  changed(checked: number, total: number): Uint8Array {
    const same = this.#latest !== undefined && this.#latest[0] === checked && this.#latest[1] === total;
    return same ? nothing : this.frame(checked, total);
  }

  /** As `frame`, unless the latest is younger than `repeatMs`. */
  seldom(checked: number, total: number): Uint8Array {
    return this.#isDue ? this.frame(checked, total) : nothing;
  }

  /** Notes how far things are, for `again`. */
  readonly note = (checked: number, total: number): void => {
    this.#noted = [checked, total];
  };

  /** How far things are, when nothing was said for a while. */
  again(): Uint8Array {
    return this.#isDue ? this.frame(...(this.#noted ?? this.#latest ?? [0, 0])) : nothing;
  }

  end(): Uint8Array {
    return this.frame(0, 0);
  }

  get #isDue(): boolean {
    return this.#isWanted && this.#clock() - this.#sentAt >= repeatMs;
  }
}
