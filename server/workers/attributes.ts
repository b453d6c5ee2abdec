// Messages that set attributes: parameters and references to files (storage.md 2.2).
import type { IngestMessage } from "../../formats/messages/index.ts";
import { isMap, mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { readAttrs, setAttrs } from "../store/attrs.ts";
import { StagedValue, type Storable } from "../store/largeValues.ts";
import { readMap, readText, refuse } from "./payload.ts";
import type { RunWriter } from "./runWriter.ts";

/**
 * The rule of the existing system: an object of one member is descended into, so that it touches only what it names; any
 * other replaces what stands at its place. But several members at the root are taken one by one: they never wipe the rest.
 */
export async function logParameters(run: RunWriter, message: IngestMessage, staged?: StagedValue): Promise<void> {
  for (const { path, value } of parameterWrites(message)) await writeAttribute(run, message, path, staged ?? value);
}

export interface ParameterWrite {
  readonly path: readonly string[];
  readonly value: Value;
}

/** Where a message of parameters writes what. */
export function parameterWrites(message: IngestMessage): ParameterWrite[] {
  const root = readMap(message, "value");
  if (root === undefined) throw refuse(message, "value", "Field required");
  return [...root].map(([name, member]) => {
    const path = [name];
    let value = member;
    while (isMap(value) && value.size === 1)
      for (const [child, inner] of value) {
        path.push(child);
        value = inner;
      }
    return { path, value };
  });
}

export async function logBlob(run: RunWriter, message: IngestMessage): Promise<void> {
  const path = readText(message, "artifact_path") ?? "unknown";
  const reference = mapOf({
    s3_key: readText(message, "s3_key") ?? readText(message, "blob_key") ?? "",
    content_type: readText(message, "content_type") ?? "application/octet-stream",
  });
  await writeAttribute(run, message, ["__blobs__", path], reference);
}

/** Attributes that are what they are to become stay untouched, the time of the run's last change included. */
async function writeAttribute(
  run: RunWriter,
  message: IngestMessage,
  path: readonly string[],
  value: Storable,
): Promise<void> {
  const { tx, store, hash } = run;
  if (!(value instanceof StagedValue)) {
    const stored = await readAttrs(tx, store, hash, path);
    if (stored !== undefined && isSame(stored, value)) return;
  }
  await setAttrs(tx, store, hash, path, value, { now: message.timestamp });
}

/** Equality of trees whatever the order of their names, kinds of numbers included. */
function isSame(a: Value, b: Value): boolean {
  if (isMap(a)) return isMap(b) && a.size === b.size && [...a].every(([key, item]) => hasSame(b, key, item));
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => isSame(item, b[i] ?? null));
  return Object.is(a, b);
}

function hasSame(map: ValueMap, key: string, value: Value): boolean {
  const other = map.get(key);
  return other !== undefined && isSame(value, other);
}
