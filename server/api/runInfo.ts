// `/runs/:run_id/info`: everything about a run but its points. rest-api.md 1.4.
import { isMap, mapOf, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import { concurrentHeads, mapEach } from "../blobs/concurrency.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { type ArtifactEntry, artifactsName, artifactsOf, blobKeyOf } from "../store/artifactEntries.ts";
import { runExperiment, runTags } from "../store/associations.ts";
import { readAttrs } from "../store/attrs.ts";
import { readContexts } from "../store/contexts.ts";
import { readEntity } from "../store/entities.ts";
import type { StoreKeys } from "../store/keys.ts";
import { readMeta } from "../store/runs.ts";
import { readTraces, type Trace } from "../store/traces.ts";
import { isBrowser } from "./drawnSlice.ts";
import { textOrNull } from "./entityJson.ts";
import { countRunNotes } from "./notes.ts";
import { json } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { missingRun } from "./runAccess.ts";
import { endTimeOf } from "./runRows.ts";
import { schemas } from "./schemas.ts";
import { type SequenceType, sequenceTypes, typeOf } from "./sequenceTypes.ts";

const systemName = "__system_params";

export function runInfoRoutes(context: ApiContext): Route[] {
  const { store } = context;
  return [
    {
      method: "GET",
      path: "/runs/:run_id/info",
      summary: "Everything about a run but its points",
      query: {
        skip_system: {
          type: "boolean",
          description: "Leave out what the client noted of its machine.",
          default: false,
        },
        sequence: { type: "string", description: `Types to list: ${sequenceTypes.join(", ")}.`, repeated: true },
        artifact_details: {
          type: "boolean",
          description: "Say of each artifact its type and its size, null when it is not stored.",
          default: false,
        },
      },
      answer: { description: "The run.", schema: schemas.runInfo },
      errors: [404],
      handle: async (request) => {
        const hash = request.param("run_id");
        const skipSystem = request.query.bool("skip_system", false);
        const withDetails = request.query.bool("artifact_details", false);
        const wanted = request.query.strings("sequence");
        const types = sequenceTypes.filter((type) => wanted.length === 0 || wanted.includes(type));
        const { artifacts, ...info } = await store.database.snapshot(async (tx) => {
          const [meta, attrs, traces, contexts, experiment, tags] = await Promise.all([
            readMeta(tx, store, hash),
            readAttrs(tx, store, hash),
            readTraces(tx, store, hash),
            readContexts(tx, store, hash),
            experimentOf(tx, store, hash),
            tagsOf(tx, store, hash),
          ]);
          const createdAt = toNumber(meta?.get("created_at"));
          if (meta === undefined || createdAt === undefined) throw missingRun(hash);
          const params: ValueMap = isMap(attrs) ? attrs : new Map();
          const artifacts = artifactsOf(params.get(artifactsName));
          params.delete(artifactsName);
          if (skipSystem) params.delete(systemName);
          const props = propsJson(meta, createdAt, experiment, tags);
          return {
            params,
            traces: tracesJson(traces, contexts, types),
            props,
            artifacts,
          };
        });
        // The UI shows how many there are. Programs, of which none reads it, do not wait for the count.
        if (isBrowser(request)) info.props.set("notes", await countRunNotes(store, hash));
        // Behind the snapshot: it should not wait for another system.
        const listed = withDetails
          ? await mapEach(artifacts, concurrentHeads, (artifact) => artifactDetails(context, hash, artifact))
          : artifacts.map((artifact) => artifactJson(context, hash, artifact));
        return json(mapOf({ ...info, artifacts: listed }));
      },
    },
  ];
}

function tracesJson(
  traces: readonly Trace[],
  contexts: ReadonlyMap<number, ValueMap>,
  types: readonly SequenceType[],
): ValueMap {
  const byType = new Map<string, Value[]>(types.map((type) => [type, []]));
  for (const trace of traces) {
    const type = typeOf(trace);
    if (type === undefined) continue;
    byType.get(type)?.push(
      mapOf({
        context: contexts.get(trace.contextId) ?? new Map(),
        name: trace.name,
        last_value: lastValue(type, trace.last),
      }),
    );
  }
  return byType;
}

/** What is not a metric has no last value; the existing services fill in 0.1. One that is no number goes out as null (W5). */
function lastValue(type: SequenceType, last: Value | undefined): number | null {
  if (type !== "metric") return 0.1;
  if (last === undefined) return 0;
  return typeof last === "boolean" ? Number(last) : (toNumber(last) ?? null);
}

function propsJson(meta: ValueMap, createdAt: number, experiment: ValueMap, tags: Value[]): ValueMap {
  return mapOf({
    name: textOrNull(meta, "name"),
    description: textOrNull(meta, "description"),
    experiment,
    tags,
    creation_time: createdAt,
    end_time: endTimeOf(createdAt, toNumber(meta.get("duration")), toNumber(meta.get("finalized_at"))),
    archived: meta.get("is_archived") === true,
    active: meta.get("active") === true,
  });
}

/** Always an object: the UI looks into it without asking. */
async function experimentOf(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<ValueMap> {
  const id = await runExperiment(tx, store, hash);
  const fields = id === undefined ? undefined : await readEntity(tx, store, "experiment", id);
  if (id === undefined || fields === undefined) return mapOf({ id: null, name: null, description: null });
  return mapOf({ id, name: textOrNull(fields, "name"), description: textOrNull(fields, "description") });
}

async function tagsOf(tx: ReadTransaction, store: StoreKeys, hash: string): Promise<Value[]> {
  const ids = await runTags(tx, store, hash);
  const entities = await Promise.all(ids.map((id) => readEntity(tx, store, "tag", id)));
  return ids.flatMap((id, i) => {
    const fields = entities[i];
    if (fields === undefined) return [];
    const [name, color, description] = ["name", "color", "description"].map((field) => textOrNull(fields, field));
    return mapOf({ id, name, color, description });
  });
}

/** A blob outside the run's own is not told of: whoever logs could name any (S4). */
function artifactJson(context: ApiContext, hash: string, artifact: ArtifactEntry): ValueMap {
  const key = blobKeyOf(hash, artifact);
  return mapOf({
    name: artifact.name,
    path: artifact.path,
    uri: key === undefined ? "" : context.bucketUri(key),
  });
}

async function artifactDetails(context: ApiContext, hash: string, artifact: ArtifactEntry): Promise<ValueMap> {
  const key = blobKeyOf(hash, artifact);
  const info = key === undefined ? undefined : await context.blobs.head(key);
  const size = info === undefined ? null : BigInt(info.size);
  return artifactJson(context, hash, artifact).set("content_type", artifact.contentType).set("size", size);
}
