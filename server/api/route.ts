// What the API is made of: tables of routes, which `createApi` mounts and the OpenAPI document describes.

import type { BlobStore } from "../blobs/index.ts";
import type { ControlEvents } from "../clusterEvents.ts";
import type { ApiSettings } from "../config.ts";
import type { Readiness } from "../health.ts";
import type { LiveFigures } from "../live/figures.ts";
import type { LiveWatch } from "../live/watch.ts";
import type { Store } from "../store/index.ts";
import type { Ingest } from "../workers/ingest.ts";
import type { ApiMetrics } from "./metrics.ts";
import type { ApiRequest } from "./request.ts";
import type { JsonSchema } from "./schema.ts";

/** What handlers work with. */
export interface ApiContext {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly config: ApiSettings;
  readonly ingest: Ingest;
  /** Told of changes that other processes of a cluster want to hear of; absent where one process is all. */
  readonly events?: ControlEvents;
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly metrics: ApiMetrics;
  /** Where people find a blob: `s3://bucket/key`, `file:///data/blobs/key`. */
  readonly bucketUri: (key: string) => string;
  /** By default the store and the blobs are asked. */
  readonly ready?: () => Promise<Readiness>;
  /** Told of slow queries and errors; without it nobody is. */
  readonly watch?: LiveWatch;
  /** What is asked for by whoever looks at the system live. */
  readonly live?: () => Promise<LiveFigures>;
  /** Takes lines of JSON about requests, as LOG_LEVEL says. Without it nothing is logged. */
  readonly log?: (line: string) => void;
}

export type Method = "GET" | "POST" | "PUT" | "DELETE";

export interface QueryParameter {
  readonly type: "string" | "integer" | "boolean";
  readonly description: string;
  readonly default?: string | number | boolean;
  readonly required?: true;
  /** May be given several times. */
  readonly repeated?: true;
}

/** What a route answers with when all is well. */
export interface Answer {
  /** 200 by default. */
  readonly status?: 200 | 201 | 204;
  readonly description: string;
  /** `application/json` by default; `none` has no body. */
  readonly type?: "application/json" | "application/octet-stream" | "application/zip" | "text/plain" | "none";
  readonly schema?: JsonSchema;
}

export interface Route {
  readonly method: Method;
  /** Below `/api/v1/rest` (or from the root with `isOutside`), without trailing slash, `:name` for parameters. */
  readonly path: string;
  readonly isOutside?: true;
  readonly summary: string;
  readonly query?: Readonly<Record<string, QueryParameter>>;
  /** Reads `X-Timezone-Offset`. */
  readonly usesTimezone?: true;
  readonly body?: JsonSchema;
  readonly answer: Answer;
  /** Statuses of errors that are part of what the route does, beside 422 and 500. */
  readonly errors?: readonly number[];
  /** @throws ApiError, MatyanError, QueryError: told to the client; all else is a 500. */
  handle(request: ApiRequest): Promise<Response> | Response;
}

const basePath = "/api/v1/rest";

/** The whole path of a route, without trailing slash. */
export function pathOf(route: Pick<Route, "path" | "isOutside">): string {
  return route.isOutside ? route.path : `${basePath}${route.path}`;
}
