// Tags: rest-api.md 1.8.
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { runExperiment, runsOf } from "../store/associations.ts";
import { createTag, deleteTag, type Entity, readEntity, readField } from "../store/entities.ts";
import { countOf, isTrue, textOf, textOrNull } from "./entityJson.ts";
import { missing } from "./errors.ts";
import {
  idStatus,
  type NamedResource,
  named,
  readingRoutes,
  refusingTakenNames,
  requireName,
  updateEntityOf,
} from "./namedEntity.ts";
import { json } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { type RunRow, readRunRows } from "./runRows.ts";
import { flag, object, optional, readBody, strippedText, text } from "./schema.ts";
import { schemas } from "./schemas.ts";

const creation = object({
  name: strippedText,
  color: optional(strippedText),
  description: optional(strippedText),
});
const change = object({
  name: optional(strippedText),
  color: optional(text),
  description: optional(text),
  archived: optional(flag),
});

const tags: NamedResource = { kind: "tag", path: "/tags", parameter: "tag_id", schema: schemas.tag, show: tagJson };

export function tagRoutes(context: ApiContext): Route[] {
  const { store } = context;
  const { database } = store;

  return [
    ...readingRoutes(context, tags),
    {
      method: "POST",
      path: "/tags",
      summary: "Make a tag",
      body: creation.schema,
      answer: { description: "Its id.", schema: schemas.idStatus },
      errors: [400],
      handle: async (request) => {
        const { name, color = "", description = "" } = await readBody(request, creation);
        requireName(name);
        const options = { now: context.now(), id: crypto.randomUUID() };
        const fields = { name, color, description };
        await refusingTakenNames(() => database.transact((tx) => createTag(tx, store, fields, options)));
        return json(idStatus(options.id));
      },
    },
    {
      method: "PUT",
      path: "/tags/:tag_id",
      summary: "Rename, recolour, describe or hide a tag",
      body: change.schema,
      answer: {
        description: "Done. Members that are absent, null or (the name) empty leave things as they are.",
        schema: schemas.idStatus,
      },
      errors: [400, 404],
      handle: async (request) => {
        const id = request.param("tag_id");
        const { name, color, description, archived } = await readBody(request, change);
        await updateEntityOf(context, "tag", id, name, mapOf({ color, description, is_archived: archived }));
        return json(idStatus(id));
      },
    },
    {
      method: "DELETE",
      path: "/tags/:tag_id",
      summary: "Delete a tag, from its runs too",
      answer: { description: "null: the UI reads a body.", schema: { type: "null" } },
      errors: [404],
      handle: async (request) => {
        const id = request.param("tag_id");
        await named("tag", id, () => deleteTag(store, id, { now: context.now() }));
        context.events?.emit({ type: "tag_deleted", timestamp: context.now(), payload: mapOf({ tag_id: id }) });
        return json(null);
      },
    },
    {
      method: "GET",
      path: "/tags/:tag_id/runs",
      summary: "The runs of a tag, by hash",
      answer: { description: "The runs.", schema: schemas.tagRuns },
      errors: [404],
      handle: async (request) => {
        const id = request.param("tag_id");
        const runs = await database.snapshot(async (tx) => {
          if ((await readEntity(tx, store, "tag", id)) === undefined) throw missing("tag", id);
          const names = new Map<string, Promise<Value | undefined>>();
          const experimentOf = async (row: RunRow): Promise<Value> => {
            const experiment = await runExperiment(tx, store, row.hash);
            if (experiment === undefined) return null;
            const name = names.get(experiment) ?? readField(tx, store, "experiment", experiment, "name");
            names.set(experiment, name);
            return (await name) ?? null;
          };
          const found: Value[] = [];
          for await (const hashes of runsOf(tx, store, "tag", id))
            for (const row of await readRunRows(tx, store, hashes))
              found.push(tagRunJson(row, await experimentOf(row)));
          return found;
        });
        return json(mapOf({ id, runs }));
      },
    },
  ];
}

function tagRunJson(row: RunRow, experiment: Value): ValueMap {
  const { hash: run_id, name, createdAt: creation_time, endTime: end_time } = row;
  return mapOf({ run_id, name, experiment, creation_time, end_time });
}

function tagJson({ id, fields }: Entity): ValueMap {
  return mapOf({
    id,
    name: textOf(fields, "name"),
    color: textOrNull(fields, "color"),
    description: textOrNull(fields, "description"),
    run_count: countOf(fields, "run_count"),
    archived: isTrue(fields.get("is_archived")),
  });
}
