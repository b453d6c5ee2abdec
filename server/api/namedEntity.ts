// What experiments and tags have in common: names that are unique, and changes that are all or nothing (W18).
import { MatyanError } from "../../formats/error.ts";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { type Entity, hasEntity, listEntities, type NamedKind, readEntity, updateNamed } from "../store/entities.ts";
import { textOf } from "./entityJson.ts";
import { badRequest, invalid, missing, withHint } from "./errors.ts";
import { json } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import type { JsonSchema } from "./schema.ts";
import { schemas } from "./schemas.ts";

export function idStatus(id: string): ValueMap {
  return mapOf({ id, status: "OK" });
}

/** An experiment or tag without a name could not be chosen or seen anywhere (W18). */
export function requireName(name: string): void {
  if (name === "") throw invalid("String should have at least 1 character");
}

export interface NamedResource {
  readonly kind: NamedKind;
  /** `/tags`, and the name of the id below it. */
  readonly path: string;
  readonly parameter: string;
  readonly schema: JsonSchema;
  show(entity: Entity): ValueMap;
}

/** The routes that read records: all of them, those whose name contains a text, one. */
export function readingRoutes({ store }: ApiContext, resource: NamedResource): Route[] {
  const { kind, path, parameter, schema, show } = resource;
  const answer = { description: "By id.", schema: schemas.list(schema) };

  const list = async (query: string): Promise<Value[]> => {
    const wanted = query.trim().toLowerCase();
    const found: Value[] = [];
    for await (const entity of listEntities(store, kind))
      if (textOf(entity.fields, "name").toLowerCase().includes(wanted)) found.push(show(entity));
    return found;
  };

  return [
    { method: "GET", path, summary: `All ${kind}s`, answer, handle: async () => json(await list("")) },
    {
      method: "GET",
      path: `${path}/search`,
      summary: `${kind[0]!.toUpperCase()}${kind.slice(1)}s whose name contains a text, in any case`,
      query: { q: { type: "string", description: `The text; without it all ${kind}s.`, default: "" } },
      answer,
      handle: async ({ query }) => json(await list(query.string("q", ""))),
    },
    {
      method: "GET",
      path: `${path}/:${parameter}`,
      summary: `One ${kind}`,
      answer: { description: `The ${kind}.`, schema },
      errors: [404],
      handle: async (request) => {
        const id = request.param(parameter);
        const fields = await store.database.snapshot((tx) => readEntity(tx, store, kind, id));
        if (fields === undefined) throw missing(kind, id);
        return json(show({ id, fields }));
      },
    },
  ];
}

/** Changes fields and perhaps the name of an experiment or tag, at once or not at all; without either nothing, its time too. */
export async function updateEntityOf(
  context: ApiContext,
  kind: NamedKind,
  id: string,
  name: string | undefined,
  fields: ValueMap,
): Promise<void> {
  const { store } = context;
  const change = { name: name === "" ? undefined : name, fields };
  if (change.name === undefined && fields.size === 0) {
    if (await store.database.snapshot((tx) => hasEntity(tx, store, kind, id))) return;
    throw missing(kind, id);
  }
  await named(kind, id, () => refusingTakenNames(() => updateNamed(store, kind, id, change, { now: context.now() })));
}

/** Runs `work` on a record; that there is none is told as the API does. */
export async function named<T>(kind: NamedKind, id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MatyanError && error.code === "not_found") throw missing(kind, id);
    throw error;
  }
}

/** A name that is taken is a 400 for the existing clients, which know no other answer. */
export async function refusingTakenNames<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // The store's own conflicts (KvError) are retried by the store, and have another name.
    if (error instanceof MatyanError && error.code === "conflict" && error.name === "MatyanError")
      throw badRequest(error.message, withHint(error));
    throw error;
  }
}
