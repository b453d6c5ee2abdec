// Experiments: rest-api.md 1.7. A name belongs to one experiment, and a change is all or nothing (W18).
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { runExperiment, runsOf } from "../store/associations.ts";
import { readTombstone } from "../store/deletion.ts";
import { createExperiment, deleteExperiment, type Entity, readEntity } from "../store/entities.ts";
import { ActivityMap } from "./activity.ts";
import { countOf, isTrue, textOf, textOrNull, timeOrNull } from "./entityJson.ts";
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
import { noteRoutes } from "./notes.ts";
import { json } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { experimentRunJson, type RunRow, readRunRows } from "./runRows.ts";
import { flag, object, optional, readBody, strippedText, text } from "./schema.ts";
import { schemas } from "./schemas.ts";

const creation = object({ name: strippedText });
const change = object({ name: optional(strippedText), description: optional(text), archived: optional(flag) });

const experiments: NamedResource = {
  kind: "experiment",
  path: "/experiments",
  parameter: "uuid",
  schema: schemas.experiment,
  show: experimentJson,
};

/** Runs read in one wait. */
const pageSize = 500;

export function experimentRoutes(context: ApiContext): Route[] {
  const { store } = context;
  const { database } = store;

  /** The runs of an experiment by hash, behind `start`; those that are gone are left out before anything is counted (W23). */
  async function* rowsOf(tx: ReadTransaction, id: string, start?: string): AsyncGenerator<RunRow> {
    const after = start === undefined ? undefined : Buffer.from(start);
    for await (const hashes of runsOf(tx, store, "experiment", id)) {
      // Of those before it only the hash is read.
      const wanted =
        after === undefined ? hashes : hashes.filter((hash) => Buffer.compare(Buffer.from(hash), after) > 0);
      for (let at = 0; at < wanted.length; at += pageSize)
        yield* await readRunRows(tx, store, wanted.slice(at, at + pageSize));
    }
  }

  /** The last hash that was shown, or undefined when it means nothing: then the list begins anew. */
  const pageStart = async (tx: ReadTransaction, id: string, offset: string | undefined) => {
    if (offset === undefined) return undefined;
    const isDeleted = (await readTombstone(tx, store, offset)) !== undefined;
    return isDeleted || (await runExperiment(tx, store, offset)) === id ? offset : undefined;
  };

  return [
    ...readingRoutes(context, experiments),
    {
      method: "POST",
      path: "/experiments",
      summary: "Make an experiment",
      body: creation.schema,
      answer: { description: "Its id.", schema: schemas.idStatus },
      errors: [400],
      handle: async (request) => {
        const { name } = await readBody(request, creation);
        requireName(name);
        const id = crypto.randomUUID();
        const options = { now: context.now(), id };
        await refusingTakenNames(() => database.transact((tx) => createExperiment(tx, store, { name }, options)));
        return json(idStatus(id));
      },
    },
    {
      method: "PUT",
      path: "/experiments/:uuid",
      summary: "Rename, describe or archive an experiment",
      body: change.schema,
      answer: {
        description: "Done. Members that are absent, null or (the name) empty leave things as they are.",
        schema: schemas.idStatus,
      },
      errors: [400, 404],
      handle: async (request) => {
        const id = request.param("uuid");
        const { name, description, archived } = await readBody(request, change);
        await updateEntityOf(context, "experiment", id, name, mapOf({ description, is_archived: archived }));
        return json(idStatus(id));
      },
    },
    {
      method: "DELETE",
      path: "/experiments/:uuid",
      summary: "Delete an experiment; its runs stay, without one",
      answer: { description: "Done.", schema: schemas.status },
      errors: [404],
      handle: async (request) => {
        const id = request.param("uuid");
        await named("experiment", id, () => deleteExperiment(store, id, { now: context.now() }));
        const payload = mapOf({ experiment_id: id });
        context.events?.emit({ type: "experiment_deleted", timestamp: context.now(), payload });
        return json(mapOf({ status: "OK" }));
      },
    },
    {
      method: "GET",
      path: "/experiments/:uuid/runs",
      summary: "The runs of an experiment, by hash",
      query: {
        limit: { type: "integer", description: "How many; 0 for all.", default: 0 },
        offset: { type: "string", description: "The hash of the last run of the page before." },
      },
      answer: { description: "The runs.", schema: schemas.experimentRuns },
      errors: [404],
      handle: async (request) => {
        const id = request.param("uuid");
        const limit = request.query.int("limit", 0);
        const offset = request.query.string("offset");
        const runs = await database.snapshot(async (tx) => {
          if ((await readEntity(tx, store, "experiment", id)) === undefined) throw missing("experiment", id);
          const start = await pageStart(tx, id, offset);
          const found: Value[] = [];
          for await (const row of rowsOf(tx, id, start)) {
            found.push(experimentRunJson(row));
            if (found.length === limit) break;
          }
          return found;
        });
        return json(mapOf({ id, runs }));
      },
    },
    {
      method: "GET",
      path: "/experiments/:uuid/activity",
      summary: "How many runs of an experiment began in which hour",
      usesTimezone: true,
      answer: { description: "Hours are those of the caller's clock.", schema: schemas.experimentActivity },
      errors: [404],
      handle: async (request) => {
        const id = request.param("uuid");
        const activity = new ActivityMap("hour", request.timezoneOffset);
        let [runs, archived, active] = [0n, 0n, 0n];
        await database.snapshot(async (tx) => {
          if ((await readEntity(tx, store, "experiment", id)) === undefined) throw missing("experiment", id);
          for await (const row of rowsOf(tx, id)) {
            runs++;
            if (row.isArchived) archived++;
            if (row.isActive) active++;
            activity.add(row.createdAt);
          }
        });
        return json(
          mapOf({
            num_runs: runs,
            num_archived_runs: archived,
            num_active_runs: active,
            activity_map: activity.toValue(),
          }),
        );
      },
    },
    ...noteRoutes(context, "experiment"),
  ];
}

function experimentJson({ id, fields }: Entity): ValueMap {
  return mapOf({
    id,
    name: textOf(fields, "name"),
    description: textOrNull(fields, "description"),
    run_count: countOf(fields, "run_count"),
    archived: isTrue(fields.get("is_archived")),
    creation_time: timeOrNull(fields.get("created_at")),
  });
}
