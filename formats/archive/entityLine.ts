// A line of entities.jsonl (backup-convert.md 1.6).
import { MatyanError, messageOf } from "../error.ts";
import { parseJson } from "../json.ts";
import { isMap, type Value } from "../value.ts";
import { isBlank } from "./lines.ts";
import type { ArchiveEntity } from "./types.ts";

/** The entity; undefined for a blank line. @throws MatyanError `corrupt`, without naming file and line. */
export function parseEntity(bytes: Uint8Array, line: number): ArchiveEntity | undefined {
  if (isBlank(bytes)) return undefined;
  let value: Value;
  try {
    value = parseJson(bytes);
  } catch (cause) {
    throw new MatyanError("corrupt", messageOf(cause).replace("at line 1, ", "at "), { cause });
  }
  if (!isMap(value)) throw new MatyanError("corrupt", "not a JSON object");
  const kind = value.get("entity_type");
  const data = value.get("data");
  if (typeof kind !== "string") throw new MatyanError("corrupt", "entity_type is missing or not a string");
  if (!isMap(data)) throw new MatyanError("corrupt", "data is missing or not an object");
  return { kind, data, line };
}
