// Text that is the same for values that Python holds equal: 1, 1.0 and True, and maps whatever the order of their members.
import { isMap, type Value } from "../../formats/value.ts";

export function equalityKey(value: Value): string {
  if (isMap(value)) {
    const members = [...value].map(([name, member]) => `${JSON.stringify(name)}:${equalityKey(member)}`);
    return `{${members.sort().join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(equalityKey).join(",")}]`;
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "boolean":
      return value ? "1" : "0";
    case "bigint":
      return String(value);
    case "number":
      return Number.isInteger(value) ? String(BigInt(value)) : String(value);
  }
  if (value === null) return "null";
  if (value instanceof Uint8Array) return `bytes ${value.toHex()}`;
  return "seconds" in value ? `time ${value.seconds}` : `extension ${value.type} ${value.data.toHex()}`;
}
