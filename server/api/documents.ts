// Apps (states of the explorers) and reports: records that are made, read, changed and deleted whole. rest-api.md 1.10.
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { createEntity, deleteEntity, hasEntity, listEntities, readEntity, updateEntity } from "../store/entities.ts";
import { missing } from "./errors.ts";
import type { ApiRequest } from "./request.ts";
import { json, noContent } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { type JsonSchema, type Reader, readBody } from "./schema.ts";
import { schemas } from "./schemas.ts";

type Fields = { readonly [name: string]: Value | undefined };

export interface DocumentKind {
  readonly kind: "dashboard_app" | "report";
  /** `/apps`, and the name of the id below it. */
  readonly path: string;
  readonly parameter: string;
  /** In sentences: "app", "an app". */
  readonly title: string;
  readonly one: string;
  readonly creation: Reader<Fields>;
  readonly change: Reader<Fields>;
  readonly schema: JsonSchema;
  show(id: string, fields: ValueMap, request: ApiRequest): ValueMap;
}

export function documentRoutes(context: ApiContext, document: DocumentKind): Route[] {
  const { store } = context;
  const { database } = store;
  const { kind, path, parameter, title, one, creation, change, schema, show } = document;

  const read = async (request: ApiRequest, id: string): Promise<ValueMap> => {
    const fields = await database.snapshot((tx) => readEntity(tx, store, kind, id));
    if (fields === undefined) throw missing(title, id);
    return show(id, fields, request);
  };

  return [
    {
      method: "GET",
      path,
      summary: `All ${title}s`,
      answer: { description: "By id.", schema: schemas.list(schema) },
      handle: async (request) => {
        const shown: Value[] = [];
        for await (const { id, fields } of listEntities(store, kind)) shown.push(show(id, fields, request));
        return json(shown);
      },
    },
    {
      method: "POST",
      path,
      summary: `Make ${one}`,
      body: creation.schema,
      answer: { status: 201, description: `The ${title}.`, schema },
      handle: async (request) => {
        const fields = mapOf({ ...(await readBody(request, creation)) });
        const options = { now: context.now(), id: crypto.randomUUID() };
        await database.transact((tx) => createEntity(tx, store, kind, fields, options));
        return json(await read(request, options.id), 201);
      },
    },
    {
      method: "GET",
      path: `${path}/:${parameter}`,
      summary: `Read ${one}`,
      answer: { description: `The ${title}.`, schema },
      errors: [404],
      handle: async (request) => json(await read(request, request.param(parameter))),
    },
    {
      method: "PUT",
      path: `${path}/:${parameter}`,
      summary: `Change ${one}`,
      body: change.schema,
      answer: { description: `The ${title} as it is now. Members that are absent or null stay.`, schema },
      errors: [404],
      handle: async (request) => {
        const id = request.param(parameter);
        const fields = mapOf({ ...(await readBody(request, change)) });
        const now = context.now();
        await database.transact(async (tx) => {
          if (!(await hasEntity(tx, store, kind, id))) throw missing(title, id);
          if (fields.size > 0) await updateEntity(tx, store, kind, id, fields, now);
        });
        return json(await read(request, id));
      },
    },
    {
      method: "DELETE",
      path: `${path}/:${parameter}`,
      summary: `Delete ${one}`,
      answer: { status: 204, description: "Done.", type: "none" },
      errors: [404],
      handle: async (request) => {
        const id = request.param(parameter);
        await database.transact(async (tx) => {
          if (!(await hasEntity(tx, store, kind, id))) throw missing(title, id);
          await deleteEntity(tx, store, kind, id);
        });
        return noContent();
      },
    },
  ];
}
