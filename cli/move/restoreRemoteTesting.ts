// Test support: what a restore through a server's doors leaves beside what one into the store leaves, and servers that do
// less than ours.
import { join } from "node:path";
import { openArchive } from "../../formats/archive/index.ts";
import { parseJson } from "../../formats/json.ts";
import { compact } from "../../formats/messages/index.ts";
import { isMap, mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { backup } from "../../server/archive/backup.ts";
import { restore } from "../../server/archive/restore.ts";
import { type ArchiveContents, newFolder, readWhole, testNow } from "../../server/archive/testing.ts";
import { openEmbeddedStack } from "../../server/embedded.ts";
import { artifactsName } from "../../server/store/artifactEntries.ts";
import { contentTypeOf } from "../client/contentType.ts";

/** All that a data folder holds, by a backup of it. No server may be running there. */
export async function contentsOfFolder(dataDir: string): Promise<ArchiveContents> {
  await using stack = await openEmbeddedStack({ dataDir, durability: "normal" });
  const out = await newFolder();
  const { path } = await backup({ ...stack, out, durable: false, now: () => new Date(testNow * 1_000) });
  if (path === null) throw new Error("there is nothing");
  return readWhole(path);
}

/** What restores of these archives into a store of their own leave. */
export async function localContents(paths: readonly string[]): Promise<ArchiveContents> {
  const dataDir = join(await newFolder(), "data");
  {
    await using stack = await openEmbeddedStack({ dataDir, durability: "normal" });
    for (const path of paths) {
      await using archive = await openArchive(path);
      await restore({ archive, ...stack, now: testNow });
    }
  }
  return contentsOfFolder(dataDir);
}

export interface Carrying {
  /** Whether times of runs and points, and steps of log records, arrive. */
  readonly times: boolean;
}

/** Contents without what is said not to arrive (docs/moving.md): ids and times of entities, and what `carrying` leaves out. */
export function carried(contents: ArchiveContents, carrying: Carrying = { times: true }) {
  const names = new Map<Value | undefined, string>();
  for (const [key, data] of contents.entities)
    names.set(data.get("id"), `${key.split(" ")[0]} ${data.get("name") ?? data.get("type") ?? ""}`);
  const entities = Array.from(contents.entities, ([key, data]) => {
    const fields = without(data, ["id", "created_at", "updated_at", "run_count", "dashboard_id"]);
    for (const link of ["app_id", "experiment_id"])
      if (fields.has(link)) fields.set(link, names.get(fields.get(link)) ?? null);
    return `${key.split(" ")[0]} ${compact(sorted(fields))}`;
  }).sort();
  const runs = Array.from(contents.runs, ([hash, run]) => {
    const untimed = carrying.times ? [] : ["created_at", "finalized_at"];
    const meta = without(run.meta, ["updated_at", "client_start_ts", "duration", ...untimed]);
    meta.set("experiment_id", names.get(meta.get("experiment_id")) ?? null);
    for (const field of ["created_at", "finalized_at"]) if (meta.has(field)) meta.set(field, rounded(meta.get(field)));
    const records = Array.from(run.records.values(), (record) => carriedRecord(record, carrying)).sort();
    const traces = Array.from(run.traces, ([key, trace]) => {
      const isRecords = trace.get("dtype") === "log_records";
      return [key, without(trace, isRecords && !carrying.times ? ["last_step"] : [])] as const;
    });
    const tags = Array.isArray(run.tags) ? run.tags.map((tag) => (isMap(tag) ? tag.get("name") : null)).sort() : [];
    const { contexts, blobs } = run;
    const attrs = withFiles(hash, run.attrs, blobs.keys());
    return [hash, { meta, attrs, contexts, blobs, tags, traces: new Map(traces), records }] as const;
  });
  return { entities, runs: new Map(runs), project: contents.project };
}

/** A frontier that keeps files itself makes an artifact of each. */
function withFiles(hash: string, attrs: Value, paths: Iterable<string>): Value {
  const all = isMap(attrs) ? new Map(attrs) : new Map<string, Value>();
  const known = all.get(artifactsName);
  const artifacts: ValueMap = isMap(known) ? new Map(known) : new Map();
  for (const path of paths)
    if (!artifacts.has(path))
      artifacts.set(path, mapOf({ content_type: contentTypeOf(path), s3_key: `${hash}/${path}` }));
  return artifacts.size === 0 ? all : all.set(artifactsName, artifacts);
}

function carriedRecord(record: ValueMap, { times }: Carrying): string {
  const isRecord = record.get("name") === "__log_records";
  const fields = without(record, times ? [] : isRecord ? ["time", "step"] : ["time"]);
  if (fields.has("time")) fields.set("time", rounded(fields.get("time")));
  // Missing values of metrics are sent as NaN, which the existing server makes missing again.
  if (fields.get("value") === null || Number.isNaN(fields.get("value"))) fields.set("value", "NaN");
  return compact(sorted(fields));
}

/** To ten microseconds: messages hold one. */
function rounded(seconds: Value | undefined): Value {
  return typeof seconds === "number" ? Math.round(seconds * 1e5) / 1e5 : null;
}

function sorted(map: ValueMap): ValueMap {
  return new Map([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function without(map: ValueMap, fields: readonly string[]): ValueMap {
  const rest = new Map(map);
  for (const field of fields) rest.delete(field);
  return rest;
}

export interface Doors extends AsyncDisposable {
  readonly address: string;
  /** `METHOD path` as asked. */
  readonly asked: string[];
}

export interface DoorOptions {
  /** Answers a request itself. */
  readonly answer?: (request: Request, url: URL) => Response | undefined;
  /** What becomes of a message: another one, or none. */
  readonly change?: (message: ValueMap) => ValueMap | undefined;
  /** Milliseconds between the reply to a frame and its application, as with a broker between. */
  readonly applyAfterMs?: number;
}

/** Stands before a server's API and frontier. Frames are answered at once, and passed on in their order. */
export function openDoors(address: string, options: DoorOptions = {}): Doors {
  const { answer, change = (message) => message, applyAfterMs = 0 } = options;
  const asked: string[] = [];
  const server = Bun.serve<{ path: string; upstream: Promise<WebSocket>; last: Promise<void> }>({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: async (request, own) => {
      const url = new URL(request.url);
      if (url.pathname.startsWith("/api/v1/ws/")) {
        const upstream = openSocket(address.replace(/^http/, "ws") + url.pathname);
        own.upgrade(request, { data: { path: url.pathname, upstream, last: Promise.resolve() } });
        return undefined;
      }
      asked.push(`${request.method} ${url.pathname}`);
      const answered = answer?.(request, url);
      if (answered !== undefined) return answered;
      const body = request.method === "GET" ? {} : { body: await request.arrayBuffer() };
      const headers = { "content-type": request.headers.get("content-type") ?? "application/octet-stream" };
      const response = await fetch(`${address}${url.pathname}${url.search}`, {
        method: request.method,
        headers,
        ...body,
      });
      const type = response.headers.get("content-type") ?? "";
      return new Response(response.body, { status: response.status, headers: { "content-type": type } });
    },
    websocket: {
      maxPayloadLength: 64 * 1024 * 1024,
      message: (socket, data) => {
        const frame = parseJson(String(data));
        const messages = (Array.isArray(frame) ? frame : [frame]).filter(isMap);
        const passed = messages.flatMap((message) => change(message) ?? []);
        socket.send('{"status":"ok","error":null}');
        socket.data.last = socket.data.last.then(async () => {
          await Bun.sleep(applyAfterMs);
          const upstream = await socket.data.upstream;
          const reply = new Promise((resolve) => upstream.addEventListener("message", resolve, { once: true }));
          upstream.send(compact(passed));
          await reply;
        });
      },
      close: (socket) => void socket.data.last.then(async () => (await socket.data.upstream).close()),
    },
  });
  return {
    address: `http://127.0.0.1:${server.port}`,
    asked,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function openSocket(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve(socket), { once: true });
    socket.addEventListener("error", () => reject(new Error(`no socket at ${url}`)), { once: true });
  });
}

/**
 * What the existing system does otherwise than ours: it takes no notice of members that it does not know, of times of
 * objects and of a run's end, counts log records as they come, and applies messages some time after it took them.
 */
export function existingSystem(address: string, applyAfterMs = 30): Doors {
  const ignored: Readonly<Record<string, readonly string[]>> = {
    create_run: ["created_at"],
    finish_run: ["client_datetime"],
    log_custom_object: ["client_datetime"],
    log_metric: [],
    log_record: ["step", "client_datetime"],
    log_terminal_line: ["client_datetime"],
  };
  return openDoors(address, {
    applyAfterMs,
    change: (message) => without(message, ignored[String(message.get("type"))] ?? []),
    answer: (_, url) =>
      url.pathname === "/api/v1/rest/version/"
        ? Response.json({ version: "0.3.0", component: "backend", fdb_api_version: 730 })
        : undefined,
  });
}
