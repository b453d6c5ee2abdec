// Entities as any known producer wrote them, made into what the store holds (backup-convert.md 1.6, storage.md 4.1).
import { MatyanError } from "../../formats/error.ts";
import { uuidOf } from "../../formats/uuid.ts";
import { toNumber, type Value, type ValueMap } from "../../formats/value.ts";

export const entityKinds = ["experiment", "tag", "dashboard", "dashboard_app", "report", "note"] as const;
export type ArchivedKind = (typeof entityKinds)[number];

export interface ArchivedEntity {
  readonly kind: ArchivedKind;
  /** As the archive has it: what runs and other entities refer to. */
  readonly archivedId: string;
  /** The id it gets when nothing stands against it: its own when that is a UUID, else one made from it, always the same. */
  readonly id: string;
  /** "" for kinds without a name. */
  readonly name: string;
  /** All fields but `id` and the run count, which follows from the associations. Links still hold archived ids. */
  readonly fields: ValueMap;
  /** Fields that the archive lacks: no reason to call a stored record different. */
  readonly assumed: ReadonlySet<string>;
}

export function isArchivedKind(kind: string): kind is ArchivedKind {
  return (entityKinds as readonly string[]).includes(kind);
}

const defaults: Readonly<Record<ArchivedKind, Readonly<Record<string, Value>>>> = {
  experiment: { description: "", is_archived: false },
  tag: { color: "", description: "", is_archived: false },
  dashboard: { name: "", description: "", is_archived: false },
  dashboard_app: { type: "", state: new Map() },
  report: { name: "", code: "", description: "" },
  note: { content: "" },
};
const flags = new Set(["is_archived"]);
const texts = new Set(["name", "description", "color", "content", "code", "type"]);
/** The existing client's spelling of a field. */
const spellings: Readonly<Record<string, string>> = { archived: "is_archived", creation_time: "created_at" };

/**
 * `now` (seconds since the epoch) stands in for times that the archive lacks.
 * @throws MatyanError `corrupt` naming line and field.
 */
export function readArchivedEntity(kind: ArchivedKind, data: ValueMap, line: number, now: number): ArchivedEntity {
  const fail = (what: string): never => {
    throw new MatyanError("corrupt", `entities.jsonl:${line}: ${what}`);
  };
  const id = data.get("id");
  if (typeof id !== "string" || id === "") return fail(`the ${kind} has no 'id'`);
  const name = data.get("name") ?? "";
  if (typeof name !== "string") return fail(`'name' of the ${kind} is not a string`);
  const fields: ValueMap = new Map();
  for (const [key, value] of data) {
    const field = spellings[key] ?? key;
    if (field === "id" || field === "run_count" || value === null) continue;
    if (flags.has(field) && typeof value !== "boolean") return fail(`'${key}' of the ${kind} is not true or false`);
    if (texts.has(field) && typeof value !== "string") return fail(`'${key}' of the ${kind} is not a string`);
    const isTime = field === "created_at" || field === "updated_at";
    const time = toNumber(value);
    if (isTime && time === undefined) return fail(`'${key}' of the ${kind} is not a number`);
    fields.set(field, isTime ? time! : value);
  }
  const given = new Set(fields.keys());
  for (const [field, value] of Object.entries(defaults[kind])) if (!given.has(field)) fields.set(field, value);
  if ((kind === "experiment" || kind === "tag") && !fields.has("name")) return fail(`the ${kind} has no 'name'`);
  const createdAt = fields.get("created_at") ?? fields.get("updated_at") ?? now;
  if (!fields.has("created_at")) fields.set("created_at", createdAt);
  if (!fields.has("updated_at")) fields.set("updated_at", createdAt);
  const assumed = new Set(fields.keys()).difference(given);
  return { kind, archivedId: id, id: storedId(kind, id), name, fields, assumed };
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The converter's ids are 8 hex digits, which the API can't serve: they become a UUID of kind and id. */
export function storedId(kind: ArchivedKind, id: string): string {
  if (uuid.test(id)) return id;
  return uuidOf(`matyan ${kind} ${id}`);
}
