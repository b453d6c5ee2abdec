// The value model of everything stored, sent and archived. Number kinds are types: `bigint` is an integer, `number` is a float64.

/** A moment as stored by msgpack extension 1. `seconds` since the Unix epoch, UTC. */
export class Timestamp {
  readonly seconds: number;
  constructor(seconds: number) {
    this.seconds = seconds;
  }
}

/** A msgpack extension that we carry through untouched. `type` is -128..127. */
export class Extension {
  readonly type: number;
  readonly data: Uint8Array;
  constructor(type: number, data: Uint8Array) {
    this.type = type;
    this.data = data;
  }
}

/** A map keeps insertion order and has no reserved names, which plain objects cannot promise. */
export type ValueMap = Map<string, Value>;

/**
 * Any stored value. `1n` is the integer 1 and `1` the float 1.0: different values everywhere, from JSON through
 * messages, keys and streams back to JSON.
 */
export type Value = null | boolean | bigint | number | string | Uint8Array | Timestamp | Extension | Value[] | ValueMap;

/** Builds a map from an object literal whose keys are not integer-like. Undefined fields are left out. */
export function mapOf(fields: Record<string, Value | undefined>): ValueMap {
  const map: ValueMap = new Map();
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) map.set(key, value);
  return map;
}

export function isMap(value: Value | undefined): value is ValueMap {
  return value instanceof Map;
}

/** The number that an integer or float stands for, or undefined. Integers beyond 2^53 lose precision. */
export function toNumber(value: Value | undefined): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "bigint" ? Number(value) : undefined;
}
