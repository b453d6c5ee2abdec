// Values of Python's datetime and timedelta. What can be done with them is in datetimeMembers.ts.
import { type CivilTime, civilOf, lastMicros, microsPerDay } from "./calendar.ts";
import { raise } from "./exceptions.ts";

export class PyTimedelta {
  readonly micros: bigint;

  /** @throws OverflowError beyond 999,999,999 days. */
  constructor(micros: bigint) {
    const days = micros / microsPerDay;
    if (days > 999_999_999n || days < -999_999_999n) {
      raise("OverflowError", `days=${days}; must have magnitude <= 999999999`);
    }
    this.micros = micros;
  }
}

export class PyDatetime {
  /** Microseconds since 0001-01-01 of the time as written. */
  readonly naive: bigint;
  /** Microseconds east of UTC, or null for a naive time. */
  readonly offset: bigint | null;

  /** @throws OverflowError outside the years 1 to 9999. */
  constructor(naive: bigint, offset: bigint | null) {
    if (naive < 0n || naive >= lastMicros) raise("OverflowError", "date value out of range");
    this.naive = naive;
    this.offset = offset;
  }

  get utc(): bigint {
    return this.naive - (this.offset ?? 0n);
  }

  get civil(): CivilTime {
    return civilOf(this.naive);
  }
}
