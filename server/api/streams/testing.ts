// Test support: the API over a store, its streams decoded, and the recorded exchanges.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "bun";
import { parseJson } from "../../../formats/json.ts";
import { decodeStream, foldDocuments, foldObjects, type StreamNode, type StreamTree } from "../../../formats/stream.ts";
import { isMap, type Value, type ValueMap } from "../../../formats/value.ts";
import { openFolderBlobs } from "../../blobs/folder.ts";
import type { BlobStore } from "../../blobs/index.ts";
import { apiDefaults } from "../../config.ts";
import type { Store } from "../../store/index.ts";
import { createApi } from "../app.ts";
import { ApiMetrics } from "../metrics.ts";
import type { ApiContext } from "../route.ts";
import { streamRoutes } from "../streamRoutes.ts";

export const restPath = "http://localhost/api/v1/rest";

export interface StreamApi {
  readonly context: ApiContext;
  /** `path` below `/api/v1/rest`. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  post(path: string, body: unknown): Promise<Response>;
  handle(request: Request): Promise<Response>;
}

const folders: string[] = [];

/** For `afterAll` of every file that makes some. */
export function removeTemporaryBlobs(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** A folder of blobs. */
export function temporaryBlobs(): Promise<BlobStore> {
  const folder = mkdtempSync(join(tmpdir(), "matyan-blobs-"));
  folders.push(folder);
  return openFolderBlobs(folder, { durability: "normal" });
}

export function streamApi(store: Store, blobs: BlobStore, options: Partial<ApiContext> = {}): StreamApi {
  const context: ApiContext = {
    store,
    blobs,
    config: apiDefaults,
    ingest: { submit: () => Promise.reject(new Error("nothing is ingested here")) },
    now: () => 1_772_900_000,
    metrics: new ApiMetrics(),
    bucketUri: (key) => `s3://matyan-artifacts/${key}`,
    ...options,
  };
  const app = createApi(context, streamRoutes(context));
  const handle = async (request: Request) => app.handle(request);
  return {
    context,
    handle,
    get: (path, headers = {}) => handle(new Request(restPath + path, { headers })),
    post: (path, body) => handle(new Request(restPath + path, { method: "POST", body: JSON.stringify(body) })),
  };
}

export function encodeQuery(fields: Readonly<Record<string, string | number | boolean>>): string {
  return new URLSearchParams(
    Object.entries(fields).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
}

/** The objects of a stream by their first path component; progress left out. */
export async function objectsOf(response: Response): Promise<Map<string, StreamNode>> {
  const objects = new Map<string, StreamNode>();
  for (const [key, node] of await recordsOf(response))
    if (!String(key).startsWith("progress_")) objects.set(String(key), node);
  return objects;
}

/** All objects in order, progress too. */
export async function recordsOf(response: Response): Promise<(readonly [string | bigint, StreamNode])[]> {
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  return Array.fromAsync(foldObjects(decodeStream([await response.bytes()])));
}

export async function documentsOf(bytes: Uint8Array): Promise<StreamTree[]> {
  return Array.fromAsync(foldDocuments(decodeStream([bytes])));
}

/** The node at a path of names and indexes. */
export function at(node: StreamNode | undefined, ...path: readonly (string | number)[]): StreamNode | undefined {
  let current = node;
  for (const step of path) {
    if (current instanceof Map) current = current.get(String(step));
    else if (Array.isArray(current)) current = current[Number(step)];
    else return undefined;
  }
  return current;
}

export interface Exchange {
  readonly n: number;
  readonly group: string;
  readonly method: string;
  /** Below the server, with query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly status: number;
  readonly kind: string;
  readonly bytes: Uint8Array;
  readonly ordered: boolean;
  readonly failed: boolean;
  readonly json: ValueMap | undefined;
}

/** The recorded requests and answers (fixtures/exchanges), without those that only let the workers catch up. */
export async function readExchanges(): Promise<Exchange[]> {
  const path = new URL("../../../fixtures/exchanges/exchanges.jsonl.gz", import.meta.url).pathname;
  const text = new TextDecoder().decode(gunzipSync(await Bun.file(path).bytes()));
  return text
    .trimEnd()
    .split("\n")
    .flatMap((line): Exchange[] => {
      const plain = JSON.parse(line);
      const exact = parseJson(line);
      if (!isMap(exact) || plain.request === undefined || plain.response === undefined) return [];
      const { request, response } = plain;
      return [
        {
          n: plain.n,
          group: plain.group,
          method: request.method,
          path: request.path,
          headers: request.headers ?? {},
          body: request.body ?? (request.json === undefined ? undefined : JSON.stringify(request.json)),
          status: response.status,
          kind: response.kind,
          bytes: new Uint8Array(Buffer.from(response.b64 ?? "", "base64")),
          ordered: plain.ordered === true,
          failed: plain.server_exception !== undefined,
          json: mapAt(mapAt(exact, "response"), "json"),
        },
      ];
    });
}

function mapAt(map: ValueMap | undefined, name: string): ValueMap | undefined {
  const value: Value | undefined = map?.get(name);
  return isMap(value) ? value : undefined;
}
