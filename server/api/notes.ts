// Notes of runs and of experiments: rest-api.md 1.4, 1.7. A note is found only through what it belongs to (W22).
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import {
  createEntity,
  deleteEntity,
  type Entity,
  hasEntity,
  listEntities,
  readEntity,
  updateEntity,
} from "../store/entities.ts";
import type { Store } from "../store/index.ts";
import { shownTime, textOf, timeOrNull } from "./entityJson.ts";
import { notFound } from "./errors.ts";
import { json } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { runExists } from "./runAccess.ts";
import { object, readBody, strippedText } from "./schema.ts";
import { schemas } from "./schemas.ts";

const content = object({ content: strippedText });

const owners = {
  run: { path: "/runs/:run_id", parameter: "run_id", field: "run_hash", title: "run" },
  experiment: { path: "/experiments/:uuid", parameter: "uuid", field: "experiment_id", title: "experiment" },
} as const;

/** Notes are not indexed by what they belong to: this reads all of them, one by one. */
export async function countRunNotes(store: Store, hash: string): Promise<bigint> {
  let count = 0n;
  for await (const { fields } of listEntities(store, "note")) if (fields.get("run_hash") === hash) count++;
  return count;
}

export function noteRoutes(context: ApiContext, kind: keyof typeof owners): Route[] {
  const { store } = context;
  const { database } = store;
  const { path, parameter, field, title } = owners[kind];

  const requireOwner = async (tx: ReadTransaction, id: string) => {
    const exists = kind === "run" ? runExists(tx, store, id) : hasEntity(tx, store, "experiment", id);
    if (!(await exists)) throw notFound(`There is no ${title} '${id}'`);
  };
  const readNote = async (tx: ReadTransaction, owner: string, id: string): Promise<ValueMap> => {
    const note = await readEntity(tx, store, "note", id);
    if (note?.get(field) !== owner) throw notFound(`The ${title} '${owner}' has no note ${id}`);
    return note;
  };

  return [
    {
      method: "GET",
      path: `${path}/note`,
      summary: `The notes of ${kind === "run" ? "a run" : "an experiment"}, oldest first`,
      answer: { description: "The notes.", schema: schemas.list(schemas.note) },
      ...(kind === "run" ? {} : { errors: [404] }),
      handle: async (request) => {
        const owner = request.param(parameter);
        if (kind === "experiment") await database.snapshot((tx) => requireOwner(tx, owner));
        const notes: Entity[] = [];
        for await (const note of listEntities(store, "note")) if (note.fields.get(field) === owner) notes.push(note);
        const timeOf = ({ fields }: Entity) => timeOrNull(fields.get("created_at")) ?? 0;
        // The UI shows the first one: it has to be the same each time.
        notes.sort((a, b) => timeOf(a) - timeOf(b) || (a.id < b.id ? -1 : 1));
        return json(notes.map(({ id, fields }) => listedNote(id, fields, (value) => shownTime(request, value))));
      },
    },
    {
      method: "POST",
      path: `${path}/note`,
      summary: "Add a note",
      body: content.schema,
      answer: { status: 201, description: "Its id and time.", schema: schemas.noteCreated },
      errors: [404],
      handle: async (request) => {
        const owner = request.param(parameter);
        const { content: note } = await readBody(request, content);
        const now = context.now();
        const id = crypto.randomUUID();
        await database.transact(async (tx) => {
          await requireOwner(tx, owner);
          await createEntity(tx, store, "note", mapOf({ content: note, [field]: owner }), { now, id });
        });
        return json(mapOf({ id, created_at: shownTime(request, now) }), 201);
      },
    },
    {
      method: "GET",
      path: `${path}/note/:note_id`,
      summary: "One note",
      answer: { description: "The note.", schema: schemas.noteChanged },
      errors: [404],
      handle: async (request) => {
        const id = request.param("note_id");
        const fields = await database.snapshot((tx) => readNote(tx, request.param(parameter), id));
        return json(changedNote(id, fields, (value) => shownTime(request, value)));
      },
    },
    {
      method: "PUT",
      path: `${path}/note/:note_id`,
      summary: "Change a note",
      body: content.schema,
      answer: { description: "The note.", schema: schemas.noteChanged },
      errors: [404],
      handle: async (request) => {
        const id = request.param("note_id");
        const { content: note } = await readBody(request, content);
        const now = context.now();
        await database.transact(async (tx) => {
          await readNote(tx, request.param(parameter), id);
          await updateEntity(tx, store, "note", id, mapOf({ content: note }), now);
        });
        const fields = mapOf({ content: note, updated_at: now });
        return json(changedNote(id, fields, (value) => shownTime(request, value)));
      },
    },
    {
      method: "DELETE",
      path: `${path}/note/:note_id`,
      summary: "Delete a note",
      answer: { description: "Done.", schema: schemas.status },
      errors: [404],
      handle: async (request) => {
        const id = request.param("note_id");
        await database.transact(async (tx) => {
          await readNote(tx, request.param(parameter), id);
          await deleteEntity(tx, store, "note", id);
        });
        return json(mapOf({ status: "OK" }));
      },
    },
  ];
}

type ShowTime = (value: Value | undefined) => Value;

/** The whole record: what lists give. */
function listedNote(id: string, fields: ValueMap, show: ShowTime): ValueMap {
  const note: ValueMap = new Map<string, Value>([["id", id]]);
  for (const [name, value] of fields) note.set(name, name.endsWith("_at") ? show(value) : value);
  return note;
}

function changedNote(id: string, fields: ValueMap, show: ShowTime): ValueMap {
  return mapOf({ id, content: textOf(fields, "content"), updated_at: show(fields.get("updated_at")) });
}
