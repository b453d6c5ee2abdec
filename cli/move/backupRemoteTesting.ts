// Test support: what an archive made through the API holds of what one made beside the store holds, and servers that tell
// less than ours.
import { formatJson } from "../../formats/json.ts";
import { decodeStream, foldObjects, StreamEncoder, type StreamNode } from "../../formats/stream.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import type { ArchiveContents, ArchivedRunContents } from "../../server/archive/testing.ts";

export interface Telling {
  /** Whether the server tells epochs, times and types of metrics. */
  readonly metricDetails: boolean;
  /** Whether it tells null from NaN. */
  readonly nulls?: boolean;
}

/** The archive that `backupRemote` has to make where `backup` makes `local`: the documented differences (docs/moving.md). */
export function told(local: ArchiveContents, telling: Telling = { metricDetails: true }): ArchiveContents {
  const experiments = new Map<Value | undefined, Value | undefined>();
  for (const data of local.entities.values()) experiments.set(data.get("id"), data.get("name"));
  return {
    entities: new Map(Array.from(local.entities, ([key, data]) => [key, toldEntity(key.split(" ")[0]!, data)])),
    runs: new Map(Array.from(local.runs, ([hash, run]) => [hash, toldRun(hash, run, experiments, telling)])),
    project: local.project,
  };
}

const untoldFields: Readonly<Record<string, readonly string[]>> = {
  experiment: ["updated_at"],
  tag: ["created_at", "updated_at"],
  dashboard_app: ["dashboard_id"],
};

function toldEntity(kind: string, data: ValueMap): ValueMap {
  return without(data, untoldFields[kind] ?? []);
}

function toldRun(
  hash: string,
  run: ArchivedRunContents,
  experiments: ReadonlyMap<Value | undefined, Value | undefined>,
  { metricDetails, nulls = metricDetails }: Telling,
): ArchivedRunContents {
  const meta = without(run.meta, ["updated_at", "client_start_ts", "duration"]);
  const name = experiments.get(meta.get("experiment_id"));
  if (name !== undefined) meta.set("experiment_name", name);
  const [created, duration] = [run.meta.get("created_at"), run.meta.get("duration")];
  // The end by the client's clock is told where it is another.
  if (typeof duration === "number" && typeof created === "number" && created + duration !== meta.get("finalized_at"))
    meta.set("duration", created + duration - created);
  const dtypeOf = (record: ValueMap) =>
    String(run.traces.get(`${record.get("ctx_id")} ${record.get("name")}`)?.get("dtype"));
  const traces = Array.from(run.traces, ([key, trace]) => {
    const dtype = String(trace.get("dtype"));
    if (notMetrics.has(dtype)) return [key, new Map(trace).set("last", 0)] as const;
    const whole = trace.has("last") ? trace : new Map(trace).set("last", 0);
    return [key, metricDetails ? whole : new Map(whole).set("dtype", "float")] as const;
  });
  return {
    ...run,
    meta,
    contexts: usedContexts(run),
    attrs: withoutMedia(hash, run.attrs as ValueMap),
    traces: new Map(traces),
    records: new Map(
      Array.from(run.records, ([key, record]) => [key, toldRecord(record, dtypeOf(record), { metricDetails, nulls })]),
    ),
  };
}

const notMetrics: ReadonlySet<string> = new Set([
  "image",
  "text",
  "distribution",
  "audio",
  "figure",
  "logs",
  "log_records",
]);

function toldRecord(record: ValueMap, dtype: string, { metricDetails, nulls = true }: Telling): ValueMap {
  const value = record.get("value") ?? null;
  if (dtype === "logs") return without(record, ["time", "epoch"]);
  if (dtype === "log_records") return without(record, ["time", "epoch"]).set("value", toldLog(value));
  if (notMetrics.has(dtype)) return new Map(record).set("value", toldObject(value));
  const point = value === null && !nulls ? new Map(record).set("value", Number.NaN) : record;
  return metricDetails ? point : without(point, ["time", "epoch"]);
}

/** Our API knows four levels, and fills in what a record lacks. */
function toldLog(value: Value): Value {
  if (!isMap(value)) return value;
  const known = new Set<Value | undefined>([10n, 20n, 30n, 40n]);
  const level = value.get("log_level");
  return new Map(value).set("log_level", known.has(level) ? level! : level === 50n ? 40n : 20n);
}

/** What the API says of an image that says nothing of itself. */
const fallbacks: [string, Value][] = [
  ["caption", ""],
  ["width", 0n],
  ["height", 0n],
  ["format", "png"],
];

function toldObject(value: Value): Value {
  if (Array.isArray(value)) return value.length === 1 ? toldObject(value[0]!) : value.map(toldObject);
  if (!isMap(value)) return value;
  if (value.get("type") === "image") return new Map([...fallbacks, ...value]);
  if (value.get("type") !== "distribution") return value;
  const data = value.get("data");
  const counts = Array.isArray(data) ? data.map(Number) : [];
  return without(value, ["dtype"]).set("data", counts);
}

/** Images and sounds are stored among the artifacts, but not listed there. Keys that are not the run's own are not told. */
function withoutMedia(hash: string, attrs: ValueMap): ValueMap {
  const entries = attrs.get("__blobs__");
  if (!isMap(entries)) return attrs;
  const kept = new Map([...entries].filter(([path]) => !path.startsWith("seq/")));
  for (const [path, entry] of kept)
    if (isMap(entry) && !String(entry.get("s3_key")).startsWith(`${hash}/`))
      kept.set(path, new Map(entry).set("s3_key", `${hash}/${path}`));
  return kept.size > 0 ? new Map(attrs).set("__blobs__", kept) : without(attrs, ["__blobs__"]);
}

/** Contexts are told with the sequences that have them. */
function usedContexts({ contexts, traces }: ArchivedRunContents): ValueMap {
  const used = new Set(Array.from(traces.values(), (trace) => String(trace.get("context_id"))));
  return new Map([...(contexts as ValueMap)].filter(([id]) => used.has(id)));
}

export function without(map: ValueMap, fields: readonly string[]): ValueMap {
  const rest = new Map(map);
  for (const field of fields) rest.delete(field);
  return rest;
}

/**
 * A run as sorted lines: images and sounds by their bytes, since their files may have other names, and without the rates of
 * sounds, which the API does not tell, though files do.
 */
export function linesOf(run: ArchivedRunContents): Record<string, string[]> {
  const bytesOf = (value: Value): Value => {
    if (Array.isArray(value)) return value.map(bytesOf);
    if (!isMap(value)) return value;
    const key = value.get("s3_key");
    const object = without(value, ["rate"]);
    return typeof key === "string"
      ? object.set("s3_key", run.blobs.get(key.slice(key.indexOf("/") + 1)) ?? "")
      : object;
  };
  const records = [...run.records.values()].map((record) =>
    new Map(record).set("value", bytesOf(record.get("value") ?? null)),
  );
  return {
    meta: fieldLines(run.meta),
    attrs: fieldLines(run.attrs),
    contexts: fieldLines(run.contexts),
    traces: [...run.traces.values()].map(sortedText).sort(),
    records: records.map(sortedText).sort(),
    tags: [sortedText(run.tags ?? null)],
    blobs: [...run.blobs].filter(([path]) => !path.startsWith("seq/")).map(([path, bytes]) => `${path} ${bytes}`),
  };
}

function fieldLines(value: Value): string[] {
  return isMap(value) ? [...value].map(([name, item]) => `${name}: ${sortedText(item)}`).sort() : [sortedText(value)];
}

function sortedText(value: Value): string {
  return formatJson(sorted(value));
}

function sorted(value: Value): Value {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isMap(value)) return value;
  return new Map([...value].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, item]) => [name, sorted(item)]));
}

export interface Between extends AsyncDisposable {
  readonly address: string;
  /** Paths with queries, as asked. */
  readonly asked: string[];
}

/** A server before `address`, which may answer a request itself, or change what is asked. */
export function standBetween(
  address: string,
  answer: (url: URL, body: string | undefined, pass: (url?: URL) => Promise<Response>) => Promise<Response> | undefined,
): Between {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: async (request) => {
      const url = new URL(request.url);
      asked.push(url.pathname + url.search);
      const body = request.method === "POST" ? await request.text() : undefined;
      const headers = { "content-type": "application/json" };
      const pass = async (to: URL = url) => {
        const init = { method: request.method, headers, ...(body === undefined ? {} : { body }) };
        const response = await fetch(`${address}${to.pathname}${to.search}`, init);
        // Unpacked by now, so without the headers that say how it was packed.
        const type = response.headers.get("content-type") ?? "";
        return new Response(response.body, { status: response.status, headers: { "content-type": type } });
      };
      return (await answer(url, body, pass)) ?? (await pass());
    },
  });
  return {
    address: `http://127.0.0.1:${server.port}`,
    asked,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/**
 * What the existing server does otherwise than ours (rest-api.md W5, W9): no `point_details` and `artifact_details`, no epochs
 * and times in metric searches, which break off at a metric that holds a missing value (null), named in `withNulls`, and no
 * `info` of runs with a metric that is NaN.
 */
export function existingServer(address: string, withNulls: ReadonlySet<string> = new Set()): Between {
  return standBetween(address, (url, _, pass) => {
    url.searchParams.delete("point_details");
    url.searchParams.delete("artifact_details");
    if (url.pathname.endsWith("/search/metric/")) return lessOfMetrics(pass(url), withNulls);
    if (url.pathname.endsWith("/info/") && !url.searchParams.has("sequence")) return failingAtNaN(pass(url));
    return pass(url);
  });
}

async function failingAtNaN(passed: Promise<Response>): Promise<Response> {
  const response = await passed;
  const text = await response.clone().text();
  const error = { code: "internal_error", message: "Internal server error" };
  return text.includes('"last_value":null')
    ? Response.json({ error, detail: error.message }, { status: 500 })
    : response;
}

async function lessOfMetrics(passed: Promise<Response>, withNulls: ReadonlySet<string>): Promise<Response> {
  const response = await passed;
  const encoder = new StreamEncoder();
  for await (const [key, node] of foldObjects(decodeStream(response.body ?? []))) {
    const traces = node instanceof Map ? (node.get("traces") as StreamNode[] | undefined) : undefined;
    const maps = (traces ?? []).filter((trace) => trace instanceof Map) as Map<string, StreamNode>[];
    if (maps.some((trace) => withNulls.has(String(trace.get("name"))))) break;
    for (const trace of maps) for (const part of ["epochs", "timestamps"]) trace.set(part, new Float64Array(0));
    encoder.tree(new Map([[key, node]]));
  }
  return new Response(new Uint8Array(encoder.finish()));
}

/** Names of metrics that hold a missing value (null). */
export function namesWithNulls({ runs }: ArchiveContents): Set<string> {
  const records = [...runs.values()].flatMap((run) => [...run.records.values()]);
  return new Set(records.filter((record) => record.get("value") === null).map((record) => String(record.get("name"))));
}
