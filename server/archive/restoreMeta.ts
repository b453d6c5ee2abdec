// A run's metadata as any known producer wrote it, made into what the store holds (backup-convert.md 1.7, storage.md 2.1).
import { MatyanError } from "../../formats/error.ts";
import { isMap, toNumber, type Value, type ValueMap } from "../../formats/value.ts";

export interface ArchivedMeta {
  /** The fields of storage.md 2.1 with the archive's `experiment_id`, and any other field as it was. */
  readonly meta: ValueMap;
  /** Fields that the archive lacks: no reason to call a stored run different. */
  readonly assumed: ReadonlySet<string>;
  /** The existing client's archives name the experiment here. */
  readonly experimentName: string | undefined;
  /** The run was being deleted when it was backed up: it is restored as a run like any other. */
  readonly wasPendingDeletion: boolean;
}

const timeFields = ["created_at", "updated_at", "finalized_at", "client_start_ts", "duration"];
/** The spellings of other producers. */
const spellings: Readonly<Record<string, string>> = { archived: "is_archived", creation_time: "created_at" };
/** Fields of which the store keeps nothing, or keeps it elsewhere. */
const foreignFields = new Set(["hash", "experiment_name", "pending_deletion", ...Object.keys(spellings)]);

/**
 * `now` (seconds since the epoch) stands in for a creation time only when the archive has none. An empty `run.json` is what the existing
 * backup writes for a run that does not exist.
 * @throws MatyanError `corrupt` naming the field that can't be used.
 */
export function readArchivedMeta(hash: string, document: Value, now: number): ArchivedMeta {
  if (!isMap(document)) throw new MatyanError("corrupt", `runs/${hash}/run.json: not an object`);
  const fail = (field: string, expected: string): never => {
    throw new MatyanError("corrupt", `runs/${hash}/run.json: '${field}' is not ${expected}`);
  };
  const text = (field: string): string | undefined => {
    const value = document.get(field) ?? undefined;
    return value === undefined || typeof value === "string" ? value : fail(field, "a string");
  };
  const flag = (...fields: string[]): boolean | undefined => {
    for (const field of fields) {
      const value = document.get(field) ?? undefined;
      if (value !== undefined) return typeof value === "boolean" ? value : fail(field, "true or false");
    }
    return undefined;
  };
  const time = (...fields: string[]): number | undefined => {
    for (const field of fields) {
      const value = document.get(field) ?? undefined;
      if (value !== undefined) return toNumber(value) ?? fail(field, "a number");
    }
    return undefined;
  };
  const createdAt = time("created_at", "creation_time") ?? time("client_start_ts") ?? now;
  const finalizedAt = time("finalized_at") ?? null;
  const known: Record<string, Value> = {
    name: text("name") ?? `Run: ${hash}`,
    description: text("description") ?? "",
    created_at: createdAt,
    updated_at: time("updated_at") ?? Math.max(createdAt, finalizedAt ?? createdAt),
    finalized_at: finalizedAt,
    is_archived: flag("is_archived", "archived") ?? false,
    active: flag("active") ?? finalizedAt === null,
    experiment_id: text("experiment_id") ?? null,
    client_start_ts: time("client_start_ts") ?? null,
    duration: time("duration") ?? null,
  };
  const given = (field: string) =>
    [field, ...Object.keys(spellings).filter((other) => spellings[other] === field)].some(
      (spelling) => (document.get(spelling) ?? undefined) !== undefined,
    );
  const meta: ValueMap = new Map();
  for (const [field, value] of document) {
    if (foreignFields.has(field)) continue;
    meta.set(field, known[field] ?? (timeFields.includes(field) ? null : value));
  }
  for (const [field, value] of Object.entries(known)) if (!meta.has(field)) meta.set(field, value);
  const assumed = new Set(Object.keys(known).filter((field) => !given(field)));
  return {
    meta,
    assumed,
    experimentName: text("experiment_name"),
    wasPendingDeletion: document.get("pending_deletion") === true,
  };
}
