// Dashboards, which the UI calls bookmarks: rest-api.md 1.10. Each names an app, whose state is what is opened.
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { createEntity, listEntities, readEntity, readField, updateEntity } from "../store/entities.ts";
import { isTrue, textOf, textOrNull, timeOrNull } from "./entityJson.ts";
import { missing } from "./errors.ts";
import { json, noContent } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { object, optional, readBody, text } from "./schema.ts";
import { schemas } from "./schemas.ts";

const creation = object({ name: text, description: optional(text), app_id: optional(text) });
const change = object({ name: optional(text), description: optional(text) });

export function dashboardRoutes(context: ApiContext): Route[] {
  const { store } = context;
  const { database } = store;

  /** `undefined` fields stand for a dashboard that is not there. */
  const show = async (tx: ReadTransaction, id: string, fields: ValueMap | undefined): Promise<ValueMap> => {
    if (fields === undefined) throw missing("dashboard", id);
    const app = textOrNull(fields, "app_id");
    const type = app === null ? undefined : await readField(tx, store, "dashboard_app", app, "type");
    return mapOf({
      id,
      name: textOf(fields, "name"),
      description: textOrNull(fields, "description"),
      app_id: app,
      app_type: typeof type === "string" ? type : null,
      updated_at: timeOrNull(fields.get("updated_at")),
      created_at: timeOrNull(fields.get("created_at")),
    });
  };
  const read = (id: string) =>
    database.snapshot(async (tx) => show(tx, id, await readEntity(tx, store, "dashboard", id)));

  return [
    {
      method: "GET",
      path: "/dashboards",
      summary: "All dashboards that are not deleted",
      answer: { description: "By id.", schema: schemas.list(schemas.dashboard) },
      handle: async () => {
        const shown: Value[] = [];
        for await (const { id, fields } of listEntities(store, "dashboard"))
          if (!isTrue(fields.get("is_archived"))) shown.push(await database.snapshot((tx) => show(tx, id, fields)));
        return json(shown);
      },
    },
    {
      method: "POST",
      path: "/dashboards",
      summary: "Make a dashboard",
      body: creation.schema,
      answer: { status: 201, description: "The dashboard.", schema: schemas.dashboard },
      handle: async (request) => {
        const { name, description = "", app_id } = await readBody(request, creation);
        const options = { now: context.now(), id: crypto.randomUUID() };
        const fields = mapOf({ name, description, app_id });
        await database.transact((tx) => createEntity(tx, store, "dashboard", fields, options));
        return json(await read(options.id), 201);
      },
    },
    {
      method: "GET",
      path: "/dashboards/:dashboard_id",
      summary: "One dashboard, deleted or not",
      answer: { description: "The dashboard.", schema: schemas.dashboard },
      errors: [404],
      handle: async (request) => json(await read(request.param("dashboard_id"))),
    },
    {
      method: "PUT",
      path: "/dashboards/:dashboard_id",
      summary: "Rename or describe a dashboard",
      body: change.schema,
      answer: { description: "The dashboard.", schema: schemas.dashboard },
      errors: [404],
      handle: async (request) => {
        const id = request.param("dashboard_id");
        const fields = mapOf({ ...(await readBody(request, change)) });
        await database.transact(async (tx) => {
          if ((await readEntity(tx, store, "dashboard", id)) === undefined) throw missing("dashboard", id);
          if (fields.size > 0) await updateEntity(tx, store, "dashboard", id, fields, context.now());
        });
        return json(await read(id));
      },
    },
    {
      method: "DELETE",
      path: "/dashboards/:dashboard_id",
      summary: "Delete a dashboard: it is not listed any more",
      answer: { status: 204, description: "Done.", type: "none" },
      errors: [404],
      handle: async (request) => {
        const id = request.param("dashboard_id");
        const now = context.now();
        await database.transact(async (tx) => {
          if ((await readEntity(tx, store, "dashboard", id)) === undefined) throw missing("dashboard", id);
          await updateEntity(tx, store, "dashboard", id, mapOf({ is_archived: true }), now);
        });
        return noContent();
      },
    },
  ];
}
