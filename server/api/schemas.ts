// Shapes of answers, for the OpenAPI document.
import type { JsonSchema, SchemaPart } from "./schema.ts";

const text: JsonSchema = { type: "string" };
const number: JsonSchema = { type: "number" };
const integer: JsonSchema = { type: "integer" };
const flag: JsonSchema = { type: "boolean" };
const any: JsonSchema = {};
const dictionary: JsonSchema = { type: "object" };
/** Seconds since the epoch; ISO 8601 text for callers that send `X-Timezone-Offset`. */
const shownTime = orNull({ type: ["number", "string"] });

function orNull(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: "null" }] };
}

function list(items: JsonSchema): JsonSchema {
  return { type: "array", items };
}

function record(properties: { readonly [name: string]: SchemaPart }): JsonSchema {
  return { type: "object", properties, required: Object.keys(properties) };
}

const tagOfRun = record({ id: text, name: text, color: orNull(text), description: orNull(text) });
const props = record({
  name: orNull(text),
  description: orNull(text),
  experiment: record({ id: orNull(text), name: orNull(text), description: orNull(text) }),
  tags: list(tagOfRun),
  creation_time: number,
  end_time: orNull(number),
  archived: flag,
  active: flag,
});
const counts = { num_runs: integer, num_archived_runs: integer, num_active_runs: integer };
const activityMap: JsonSchema = { type: "object", additionalProperties: integer };
const sequence = record({ name: text, context: dictionary });

const totals = orNone({ points: integer, messages: integer });

/** As `record`, with members that may be absent. */
function orNone(properties: { readonly [name: string]: SchemaPart }): JsonSchema {
  return { type: "object", properties };
}

export const schemas = {
  liveFigures: {
    ...orNone({
      at: number,
      received: totals,
      applied: totals,
      queue: record({ messages: integer, bytes: number }),
      lag: record({ messages: integer }),
      letters: record({ open: integer, more: flag }),
      store: record({ bytes: integer }),
      blobs: record({ files: integer, bytes: integer, whole: flag, at: number }),
      runs: record({ active: integer, more: flag }),
      connections: record({ open: integer }),
      memory: record({ bytes: integer }),
      slow: record({
        seconds: number,
        queries: list(record({ at: number, seconds: number, route: text, text })),
      }),
      errors: record({
        seconds: number,
        count: integer,
        recent: list(record({ at: number, where: text, text })),
      }),
      missing: { type: "object", additionalProperties: text },
    }),
    required: ["at", "missing"],
  } satisfies JsonSchema,
  list,
  any,
  status: record({ status: text }),
  idStatus: record({ id: text, status: text }),
  experiment: record({
    id: text,
    name: text,
    description: orNull(text),
    run_count: integer,
    archived: flag,
    creation_time: orNull(number),
  }),
  experimentRuns: record({
    id: text,
    runs: list(record({ run_id: text, name: text, creation_time: number, end_time: orNull(number), archived: flag })),
  }),
  experimentActivity: record({ ...counts, activity_map: activityMap }),
  tag: record({
    id: text,
    name: text,
    color: orNull(text),
    description: orNull(text),
    run_count: integer,
    archived: flag,
  }),
  tagRuns: record({
    id: text,
    runs: list(
      record({
        run_id: text,
        name: text,
        experiment: orNull(text),
        creation_time: number,
        end_time: orNull(number),
      }),
    ),
  }),
  note: record({ id: text, content: text, created_at: shownTime, updated_at: shownTime }),
  noteCreated: record({ id: text, created_at: shownTime }),
  noteChanged: record({ id: text, content: text, updated_at: shownTime }),
  project: record({
    name: text,
    path: text,
    description: text,
    telemetry_enabled: integer,
    warn_index: flag,
    warn_runs: flag,
  }),
  projectActivity: record({ num_experiments: integer, ...counts, activity_map: activityMap }),
  projectParams: {
    type: "object",
    properties: {
      params: dictionary,
      ...Object.fromEntries(
        ["metric", "images", "texts", "figures", "distributions", "audios"].map((type) => [
          type,
          { type: "object", additionalProperties: list(dictionary) },
        ]),
      ),
    },
  } satisfies JsonSchema,
  pinnedSequences: record({ sequences: list(sequence) }),
  dashboard: record({
    id: text,
    name: text,
    description: orNull(text),
    app_id: orNull(text),
    app_type: orNull(text),
    updated_at: orNull(number),
    created_at: orNull(number),
  }),
  app: record({
    id: text,
    type: text,
    updated_at: orNull(number),
    created_at: orNull(number),
    state: dictionary,
  }),
  report: record({
    id: text,
    name: text,
    code: orNull(text),
    description: orNull(text),
    updated_at: shownTime,
    created_at: shownTime,
  }),
  runInfo: record({
    params: dictionary,
    traces: {
      type: "object",
      additionalProperties: list(record({ context: dictionary, name: text, last_value: orNull(number) })),
    },
    props,
    artifacts: list(record({ name: text, path: text, uri: text })),
  }),
  metricBatch: list(record({ name: text, context: dictionary, iters: list(integer), values: list(orNull(number)) })),
  tagAttached: record({ id: text, tag_id: text, status: text }),
  tagDetached: record({ id: text, removed: flag, status: text }),
  version: record({ version: text, component: text, fdb_api_version: integer, message_extensions: list(text) }),
  live: record({ status: text }),
  readiness: record({ status: text, checks: dictionary }),
};
