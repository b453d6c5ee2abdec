// Test support: the API over a store in memory and blobs in a temporary folder.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJson } from "../../formats/json.ts";
import type { Value } from "../../formats/value.ts";
import { openFolderBlobs } from "../blobs/folder.ts";
import type { BlobStore } from "../blobs/index.ts";
import { type ApiSettings, apiDefaults } from "../config.ts";
import type { Store } from "../store/index.ts";
import { memoryStore } from "../store/testing.ts";
import { ApplyLoop } from "../workers/apply.ts";
import { createApi } from "./app.ts";
import { ApiMetrics } from "./metrics.ts";
import type { ApiContext, Route } from "./route.ts";

export interface TestApiOptions {
  readonly settings?: Partial<ApiSettings>;
  readonly log?: (line: string) => void;
  readonly routes?: (context: ApiContext) => readonly Route[];
  readonly store?: Store;
  readonly blobs?: BlobStore;
}

export interface TestApi extends AsyncDisposable {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly loop: ApplyLoop;
  readonly context: ApiContext;
  /** Seconds since the epoch, as the API sees it. */
  clock: number;
  /** The app as it is mounted. */
  handle(request: Request): Promise<Response>;
  /** A request to a path from the root; `body` is sent as JSON. */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
}

export async function openTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const store = options.store ?? (await memoryStore());
  const folder = await mkdtemp(join(tmpdir(), "matyan-api-"));
  const blobs = options.blobs ?? (await openFolderBlobs(folder, { durability: "normal" }));
  const loop = new ApplyLoop(store, blobs);
  const context: ApiContext = {
    store,
    blobs,
    config: { ...apiDefaults, ...options.settings },
    ingest: loop,
    now: () => api.clock,
    metrics: new ApiMetrics({ isCounting: options.settings?.metricsEnabled ?? true }),
    bucketUri: (key) => `s3://matyan-artifacts/${key}`,
    ...(options.log === undefined ? {} : { log: options.log }),
  };
  const app = createApi(context, options.routes?.(context));
  const api: TestApi = {
    store,
    blobs,
    loop,
    context,
    clock: 1_772_900_000,
    handle: async (request) => app.handle(request),
    send: (method, path, body, headers = {}) =>
      api.handle(
        new Request(`http://localhost${path}`, {
          method,
          headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
          ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
        }),
      ),
    [Symbol.asyncDispose]: async () => {
      await loop.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return api;
}

/** The JSON of an answer with its number kinds. */
export async function jsonOf(response: Response | Promise<Response>): Promise<Value> {
  return parseJson(await (await response).text());
}
