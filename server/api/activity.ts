// How many runs began when, by the clock of who asks: the heat maps of the UI.
import type { Value, ValueMap } from "../../formats/value.ts";

/** A count per day or hour of the user's wall clock. */
export class ActivityMap {
  readonly #counts = new Map<string, bigint>();
  readonly #offsetSeconds: number;
  readonly #unit: "day" | "hour";

  /** `timezoneOffset`: minutes behind UTC, as browsers give it. */
  constructor(unit: "day" | "hour", timezoneOffset: number) {
    this.#unit = unit;
    this.#offsetSeconds = timezoneOffset * 60;
  }

  /** `createdAt` in seconds since the epoch. A time that no date can name is not counted. */
  add(createdAt: number): void {
    const date = new Date((createdAt - this.#offsetSeconds) * 1_000);
    if (Number.isNaN(date.getTime())) return;
    const iso = date.toISOString();
    const key = this.#unit === "day" ? `${iso.slice(0, -14)}T00:00:00` : `${iso.slice(0, -11)}:00:00`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0n) + 1n);
  }

  toValue(): ValueMap {
    return new Map<string, Value>(this.#counts);
  }
}
