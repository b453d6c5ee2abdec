// The fields of objects that sequences hold (backup-convert.md 1.11).
import { isMap, toNumber, type Value, type ValueMap } from "../value.ts";

type Test = (value: Value) => boolean;

const isText: Test = (value) => typeof value === "string";
const isNumber: Test = (value) => toNumber(value) !== undefined;
const isInteger: Test = (value) => typeof value === "bigint";
const isNumbers: Test = (value) => Array.isArray(value) && value.every(isNumber);
/** Counts as a list, or as the existing converter writes them: little-endian float64 in hex. */
const isCounts: Test = (value) =>
  isNumbers(value) || (typeof value === "string" && value.length % 16 === 0 && /^[0-9a-f]*$/.test(value));

const objectFields: ReadonlyMap<Value, Readonly<Record<string, Test>>> = new Map<Value, Readonly<Record<string, Test>>>(
  [
    ["image", { format: isText, caption: isText, width: isInteger, height: isInteger }],
    ["audio", { format: isText, caption: isText, rate: isInteger }],
    ["text", { data: isText }],
    [
      "distribution",
      { bin_count: isInteger, range: (value) => isNumbers(value) && (value as Value[]).length === 2, data: isCounts },
    ],
    ["figure", { data: isMap }],
  ],
);

/** `logger_info` is a list, or in archives of the existing client an object; `log_level` there is a name. */
const logFields: Readonly<Record<string, Test>> = {
  log_level: (value) => isInteger(value) || isText(value),
  timestamp: isNumber,
  args: isMap,
  logger_info: (value) => Array.isArray(value) || isMap(value),
};

/** The first field of an object, or of one in a list, that is not what it must be. Null and missing fields are no fault. */
export function badField(value: Value): string | undefined {
  if (Array.isArray(value)) {
    for (const item of value) {
      const field = isMap(item) ? badField(item) : undefined;
      if (field !== undefined) return field;
    }
    return undefined;
  }
  return isMap(value) ? badFieldOf(value) : undefined;
}

function badFieldOf(object: ValueMap): string | undefined {
  const fields = objectFields.get(object.get("type") ?? null) ?? (object.has("message") ? logFields : {});
  for (const [field, test] of Object.entries(fields)) {
    const value = object.get(field) ?? null;
    if (value !== null && !test(value)) return field;
  }
  return undefined;
}
