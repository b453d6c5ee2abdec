// The entities of an archive into a live server: experiments, tags, apps, dashboards, reports, notes, each once (rest-api.md 1.7-1.10).
import type { ArchiveReader } from "../../formats/archive/types.ts";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import {
  type ArchivedEntity,
  type ArchivedKind,
  isArchivedKind,
  readArchivedEntity,
} from "../../server/archive/archivedEntity.ts";
import type { EntityAction, EntityOutcome } from "../../server/archive/restoreEntities.ts";
import { readList, readRun, runPath, send, type Target, textOf } from "./restoreRemoteTarget.ts";

type NamedKind = "experiment" | "tag";
type DocumentKind = "dashboard_app" | "dashboard" | "report";

const paths = {
  experiment: "experiments",
  tag: "tags",
  dashboard_app: "apps",
  dashboard: "dashboards",
  report: "reports",
} as const;

/** What can be sent of each kind, and what a stored one is compared by. */
const carried: Readonly<Record<NamedKind | DocumentKind, readonly string[]>> = {
  experiment: ["name", "description", "archived"],
  tag: ["name", "color", "description", "archived"],
  dashboard_app: ["type", "state"],
  dashboard: ["name", "description", "app_id"],
  report: ["name", "code", "description"],
};

export interface EntityTask {
  readonly target: Target;
  readonly archive: ArchiveReader;
  readonly dryRun: boolean;
  readonly replace: boolean;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly report: (outcome: EntityOutcome) => void;
  readonly lose: (what: string) => void;
}

/** The experiments and tags of the archive and of the server, by which runs are given theirs. Some 200 bytes each. */
export class EntityNames {
  readonly #archived = new Map<string, string>();
  readonly #stored = new Map<string, ValueMap>();
  readonly #byName = new Map<string, string>();

  /** @param create whether those that the server lacks will be there, because they are restored too. */
  static async read(target: Target, archive: ArchiveReader, create: boolean, now: number): Promise<EntityNames> {
    const names = new EntityNames();
    for (const kind of ["experiment", "tag"] as const)
      for (const entity of await readList(target, paths[kind])) names.addStored(kind, entity);
    for await (const { kind, name, archivedId } of entitiesOf(archive, ["experiment", "tag"], now)) {
      if (create || names.#byName.has(`${kind} ${name}`)) names.#archived.set(`${kind} ${archivedId}`, name);
    }
    return names;
  }

  addStored(kind: NamedKind, entity: ValueMap): void {
    const id = textOf(entity, "id");
    this.#stored.set(`${kind} ${id}`, entity);
    this.#byName.set(`${kind} ${textOf(entity, "name")}`, id);
  }

  stored(kind: NamedKind, id: string): ValueMap | undefined {
    return this.#stored.get(`${kind} ${id}`);
  }

  idOf(kind: NamedKind, name: string): string | undefined {
    return this.#byName.get(`${kind} ${name}`);
  }

  /** The server's id of an experiment of the archive. */
  storedId(kind: NamedKind, archivedId: string): string | undefined {
    const name = this.#archived.get(`${kind} ${archivedId}`);
    if (name !== undefined) return this.idOf(kind, name);
    return this.#stored.has(`${kind} ${archivedId}`) ? archivedId : undefined;
  }

  /** The name by which a message can refer to what a run of the archive refers to. */
  nameOf(kind: NamedKind, archivedId: string | undefined, name: string | undefined): string | undefined {
    if (archivedId !== undefined) {
      const archived = this.#archived.get(`${kind} ${archivedId}`);
      const stored = this.#stored.get(`${kind} ${archivedId}`);
      if (archived !== undefined) return archived;
      if (stored !== undefined) return textOf(stored, "name");
    }
    return name !== undefined && this.#byName.has(`${kind} ${name}`) ? name : undefined;
  }
}

/** All but notes of runs, which need their runs. Restoring again makes nothing twice. @throws MatyanError `corrupt` */
export async function restoreRemoteEntities(task: EntityTask, names: EntityNames): Promise<void> {
  const { archive, now } = task;
  for await (const entity of entitiesOf(archive, ["experiment", "tag"], now)) await restoreNamed(task, names, entity);
  const apps = new Map<string, string>();
  for (const kind of ["dashboard_app", "dashboard", "report"] as const) {
    let stored: StoredDocuments | undefined;
    for await (const entity of entitiesOf(archive, [kind], now)) {
      if (kind === "dashboard" && entity.fields.get("is_archived") === true) {
        task.lose("not sent: dashboards that had been deleted");
        continue;
      }
      stored ??= new StoredDocuments(kind, await readList(task.target, paths[kind]));
      const id = await restoreDocument(task, stored, entity, apps);
      if (kind === "dashboard_app") apps.set(entity.archivedId, id);
    }
  }
}

async function restoreNamed(task: EntityTask, names: EntityNames, entity: ArchivedEntity): Promise<void> {
  const { target, dryRun, replace } = task;
  const kind = entity.kind as NamedKind;
  const { name } = entity;
  const fields = fieldsOf(kind, entity.fields);
  const own = names.stored(kind, entity.archivedId);
  const id = own === undefined ? names.idOf(kind, name) : entity.archivedId;
  const outcome = (action: EntityAction, storedId: string) => task.report(outcomeOf(entity, storedId, action));
  if (id === undefined) {
    if (dryRun) return outcome("create", entity.archivedId);
    const color = kind === "tag" ? { color: fields.get("color") ?? "" } : {};
    const description = kind === "tag" ? { description: fields.get("description") ?? "" } : {};
    const made = await send(target, {
      ...{ method: "POST", path: paths[kind] },
      body: mapOf({ name, ...color, ...description }),
    });
    const createdId = textOf(made instanceof Map ? made : undefined, "id");
    if (kind === "experiment" || fields.get("archived") === true) await put(target, kind, createdId, fields);
    names.addStored(kind, new Map(fields).set("id", createdId));
    return outcome("create", createdId);
  }
  const stored = names.stored(kind, id);
  const isSame = carried[kind].every((field) =>
    Bun.deepEquals(plainOf(stored?.get(field)), plainOf(fields.get(field))),
  );
  if (own === undefined) {
    // What was cut short between its creation and its description.
    const isBare = textOf(stored, "description") === "" && textOf(fields, "description") !== "";
    if (!isSame && !dryRun && (replace || isBare)) await put(target, kind, id, fields);
    return outcome("map", id);
  }
  if (isSame) return outcome("same", id);
  if (replace && !dryRun) await put(target, kind, id, fields);
  outcome(replace ? "replace" : "keep", id);
}

/** The existing server erases a description that a change does not name: all fields go. */
async function put(target: Target, kind: NamedKind, id: string, fields: ValueMap): Promise<void> {
  const path = `${paths[kind]}/${encodeURIComponent(id)}`;
  await send(target, { method: "PUT", path, body: fields, isRepeatable: true });
}

async function restoreDocument(
  task: EntityTask,
  stored: StoredDocuments,
  entity: ArchivedEntity,
  apps: ReadonlyMap<string, string>,
): Promise<string> {
  const { target, dryRun, replace } = task;
  const kind = entity.kind as DocumentKind;
  const fields = fieldsOf(kind, entity.fields);
  const app = textOf(fields, "app_id");
  if (kind === "dashboard") fields.set("app_id", app === "" ? null : (apps.get(app) ?? app));
  const found = stored.take(entity.archivedId, fields);
  if (found === undefined) {
    const id = dryRun ? entity.archivedId : await create(target, kind, fields);
    task.report(outcomeOf(entity, id, "create"));
    return id;
  }
  if (found.isSame) {
    task.report(outcomeOf(entity, found.id, "same"));
    return found.id;
  }
  if (replace && !dryRun) {
    const path = `${paths[kind]}/${encodeURIComponent(found.id)}`;
    await send(target, { method: "PUT", path, body: withoutNull(fields), isRepeatable: true });
  }
  task.report(outcomeOf(entity, found.id, replace ? "replace" : "keep"));
  return found.id;
}

async function create(target: Target, kind: DocumentKind, fields: ValueMap): Promise<string> {
  const made = await send(target, { method: "POST", path: paths[kind], body: withoutNull(fields) });
  return textOf(made instanceof Map ? made : undefined, "id");
}

/** What a server has of a kind that has no names: known by its id or by its content, each for one of the archive. */
class StoredDocuments {
  readonly #kind: DocumentKind;
  readonly #left: ValueMap[];

  constructor(kind: DocumentKind, list: readonly ValueMap[]) {
    this.#kind = kind;
    this.#left = [...list];
  }

  take(id: string, fields: ValueMap): { readonly id: string; readonly isSame: boolean } | undefined {
    const isSame = (stored: ValueMap) =>
      carried[this.#kind].every((field) => Bun.deepEquals(plainOf(stored.get(field)), plainOf(fields.get(field))));
    const byId = this.#left.findIndex((stored) => textOf(stored, "id") === id);
    const at = byId >= 0 ? byId : this.#left.findIndex(isSame);
    const stored = this.#left[at];
    if (stored === undefined) return undefined;
    this.#left.splice(at, 1);
    return { id: textOf(stored, "id"), isSame: isSame(stored) };
  }
}

/** Notes of experiments and of runs that the server has: by their text, each once. */
export async function restoreRemoteNotes(task: EntityTask, names: EntityNames): Promise<void> {
  const { target, archive, dryRun, now } = task;
  const known = new Map<string, string[]>();
  const ownRuns = new Set(archive.runHashes);
  for await (const entity of entitiesOf(archive, ["note"], now)) {
    target.signal?.throwIfAborted();
    const run = textOf(entity.fields, "run_hash");
    const experiment = textOf(entity.fields, "experiment_id");
    // A text is stored without space around it.
    const content = textOf(entity.fields, "content").trim();
    const owner = run === "" ? names.storedId("experiment", experiment) : run;
    // What a dry run did not make is not there to be asked for.
    const isPlanned = run === "" ? names.nameOf("experiment", experiment, undefined) !== undefined : ownRuns.has(run);
    if (dryRun && isPlanned && (owner === undefined || (run !== "" && (await readRun(target, run)) === undefined))) {
      task.report(outcomeOf(entity, entity.archivedId, "create"));
      continue;
    }
    if (owner === undefined || owner === "") {
      task.lose("not sent: notes that belong to nothing here");
      continue;
    }
    const path = run === "" ? `experiments/${encodeURIComponent(owner)}/note` : runPath(owner, "note");
    let texts = known.get(path);
    if (texts === undefined) {
      if (run !== "" && (await readRun(target, owner)) === undefined) {
        task.lose("not sent: notes of runs that the server does not have");
        continue;
      }
      texts = (await readList(target, path)).map((note) => textOf(note, "content"));
      if (known.size >= 1_000) known.clear();
      known.set(path, texts);
    }
    const at = texts.indexOf(content);
    if (at >= 0) texts.splice(at, 1);
    else if (!dryRun) await send(target, { method: "POST", path, body: mapOf({ content }) });
    task.report(outcomeOf(entity, entity.archivedId, at >= 0 ? "same" : "create"));
  }
}

async function* entitiesOf(
  archive: ArchiveReader,
  kinds: readonly ArchivedKind[],
  now: number,
): AsyncGenerator<ArchivedEntity> {
  for await (const { kind, data, line } of archive.entities())
    if (isArchivedKind(kind) && kinds.includes(kind)) yield readArchivedEntity(kind, data, line, now);
}

function fieldsOf(kind: NamedKind | DocumentKind, archived: ValueMap): ValueMap {
  const fields: ValueMap = new Map();
  for (const field of carried[kind])
    fields.set(field, archived.get(field === "archived" ? "is_archived" : field) ?? null);
  return fields;
}

/** To the API a text that is empty and none are the same. */
function plainOf(value: Value | undefined): Value {
  return value ?? "";
}

function withoutNull(fields: ValueMap): ValueMap {
  return new Map([...fields].filter(([, value]) => value !== null));
}

function outcomeOf({ kind, name, archivedId }: ArchivedEntity, id: string, action: EntityAction): EntityOutcome {
  return { kind, name, archivedId, id, action };
}
