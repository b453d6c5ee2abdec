// The API as an Elysia app: routes mounted with and without trailing slash, and around all of them errors, CORS,
// compression, request ids, counts and logs.
import { Elysia } from "elysia";
import { messageOf } from "../../formats/error.ts";
import { appRoutes } from "./apps.ts";
import { artifactRoutes } from "./artifacts.ts";
import { compressed } from "./compress.ts";
import { Cors } from "./cors.ts";
import { dashboardRoutes } from "./dashboards.ts";
import { ApiError, problemOf } from "./errors.ts";
import { experimentRoutes } from "./experiments.ts";
import { metricBatchRoutes } from "./metricBatch.ts";
import { unmatchedPath } from "./metrics.ts";
import { noteRoutes } from "./notes.ts";
import { projectRoutes } from "./projects.ts";
import { reportRoutes } from "./reports.ts";
import { ApiRequest, type RequestReports } from "./request.ts";
import { RequestLog } from "./requestLog.ts";
import { errorAnswer } from "./respond.ts";
import { type ApiContext, type Method, pathOf, type Route } from "./route.ts";
import { runInfoRoutes } from "./runInfo.ts";
import { runRoutes } from "./runs.ts";
import { systemRoutes } from "./system.ts";
import { tagRoutes } from "./tags.ts";

/** The routes of this folder whose answers are JSON or files. The streams are in tables of their own. */
export function jsonRoutes(context: ApiContext): Route[] {
  return [
    ...experimentRoutes(context),
    ...tagRoutes(context),
    ...projectRoutes(context),
    ...dashboardRoutes(context),
    ...appRoutes(context),
    ...reportRoutes(context),
    ...runInfoRoutes(context),
    ...runRoutes(context),
    ...noteRoutes(context, "run"),
    ...metricBatchRoutes(context),
    ...artifactRoutes(context),
  ];
}

/**
 * The app, answering by `handle(request)`. Every path is answered directly, with and without trailing slash; paths with
 * repeated slashes are none. Never rejects: what goes wrong is an answer.
 */
export function createApi(context: ApiContext, more: readonly Route[] = []) {
  const routes: Route[] = [...jsonRoutes(context), ...systemRoutes(context, () => routes), ...more];
  const shell = new Shell(context, routes);
  const app = new Elysia({ name: "matyan-api", handler: { standardHostname: false } });
  for (const route of routes) {
    const path = pathOf(route);
    const handle = (c: { request: Request; params: unknown }) => shell.answer(c.request, c.params, route);
    // Bodies are read by the handlers: as JSON with number kinds, and with a limit.
    for (const form of [path, `${path}/`]) app.route(route.method, form, handle, { parse: "none", config: {} });
  }
  app.all("/*", ({ request }) => shell.answer(request, undefined, undefined), { parse: "none" });
  app.all("/", ({ request }) => shell.answer(request, undefined, undefined), { parse: "none" });
  app.onError(({ error, request }) => shell.failed(request, error));
  return app;
}

/** What an answer does behind its head. */
interface Stream {
  isOpen: boolean;
  milliseconds: number;
  onEnd?: (milliseconds: number) => void;
}

class Shell {
  readonly #context: ApiContext;
  readonly #cors: Cors;
  readonly #log: RequestLog;
  /** Paths as they are counted: `/api/v1/rest/runs/{run_id}/info/`. */
  readonly #templates: ReadonlyMap<Route, string>;
  readonly #paths: readonly { readonly pattern: RegExp; readonly method: Method }[];

  constructor(context: ApiContext, routes: readonly Route[]) {
    this.#context = context;
    this.#cors = new Cors(context.config.corsOrigins);
    this.#log = new RequestLog(context.log, context.config.logLevel, context.now);
    this.#templates = new Map(routes.map((route) => [route, `${pathOf(route)}/`.replace(/:(\w+)/g, "{$1}")]));
    this.#paths = routes.map((route) => ({ pattern: patternOf(pathOf(route)), method: route.method }));
  }

  async answer(request: Request, params: unknown, route: Route | undefined): Promise<Response> {
    const start = performance.now();
    const requestId = requestIdOf(request);
    const stream: Stream = { isOpen: false, milliseconds: 0 };
    let failure: unknown;
    let response: Response;
    try {
      response = this.#cors.preflight(request) ?? (await this.#handle(request, params, route, requestId, stream));
      response = await compressed(request, response);
    } catch (error) {
      if (problemOf(error).isOurs) failure = error;
      response = errorAnswer(error);
    }
    const milliseconds = performance.now() - start;
    const note = (more: number) => this.#note(request, route, (milliseconds + more) / 1_000);
    if (stream.isOpen) stream.onEnd = note;
    else note(stream.milliseconds);
    return this.#finish(request, response, route, requestId, milliseconds, failure);
  }

  /** What Elysia itself failed on. */
  failed(request: Request, error: unknown): Response {
    return this.#finish(request, errorAnswer(error), undefined, requestIdOf(request), 0, error);
  }

  async #handle(
    request: Request,
    params: unknown,
    route: Route | undefined,
    requestId: string,
    stream: Stream,
  ): Promise<Response> {
    // The framework answers HEAD by GET, which would do the work of a search for nothing.
    if (route === undefined || request.method !== route.method) return this.#refuse(request);
    const line = () => ({ method: request.method, path: pathnameOf(request.url), requestId });
    const reports: RequestReports = {
      streamFailed: (error) => {
        this.#log.stream(line(), error, problemOf(error).isOurs);
        this.#context.watch?.error(this.#nameOf(route), messageOf(error));
      },
      streamBegun: () => {
        stream.isOpen = true;
      },
      streamEnded: (milliseconds) => {
        stream.isOpen = false;
        stream.milliseconds = milliseconds;
        stream.onEnd?.(milliseconds);
      },
      warn: (event, fields) => this.#log.warn(line(), event, fields),
    };
    return route.handle(new ApiRequest(request, paramsOf(params, request, route), reports));
  }

  #refuse(request: Request): Response {
    const path = pathnameOf(request.url);
    const methods = new Set(this.#paths.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method));
    if (methods.size === 0) return errorAnswer(new ApiError(404, "Not Found"));
    const allow = [...methods].sort().join(", ");
    return errorAnswer(new ApiError(405, "Method Not Allowed", { headers: { allow } }));
  }

  /** For whoever looks at the server live: how long a query took. Files take as long as they are large. */
  #note(request: Request, route: Route | undefined, seconds: number): void {
    if (route === undefined || route.isOutside || route.path.includes("/artifacts") || route.path.startsWith("/system"))
      return;
    const query = new URL(request.url).searchParams.get("q") ?? "";
    this.#context.watch?.query({ seconds, route: this.#nameOf(route), text: query });
  }

  #nameOf(route: Route): string {
    return `${route.method} ${this.#templates.get(route)}`;
  }

  #finish(
    request: Request,
    response: Response,
    route: Route | undefined,
    requestId: string,
    milliseconds: number,
    failure: unknown,
  ): Response {
    const { status, headers } = response;
    headers.set("x-request-id", requestId);
    this.#cors.mark(request, headers);
    const template = route && this.#templates.get(route);
    this.#context.metrics.request(request.method, template ?? unmatchedPath, status, milliseconds / 1_000);
    const path = pathnameOf(request.url);
    if (failure !== undefined)
      this.#context.watch?.error(route ? this.#nameOf(route) : `${request.method} ${path}`, messageOf(failure));
    this.#log.request({ method: request.method, path, status, milliseconds, requestId }, failure);
    return response;
  }
}

/** The path of a URL as it was sent, without query. */
function pathnameOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  if (start < 0) return "/";
  const end = url.slice(start).search(/[?#]/);
  return end < 0 ? url.slice(start) : url.slice(start, start + end);
}

function patternOf(path: string): RegExp {
  const parts = path.split("/").map((part) => (part.startsWith(":") ? "[^/]+" : RegExp.escape(part)));
  return new RegExp(`^${parts.join("/")}/?$`);
}

/** Parts of the path as the framework decoded them; what is no valid encoding stays as it was sent. */
function paramsOf(params: unknown, request: Request, route: Route): Record<string, string> {
  if (params === null || typeof params !== "object") return {};
  const read: Record<string, string> = {};
  const sent = pathnameOf(request.url).split("/");
  const parts = pathOf(route).split("/");
  for (const [name, value] of Object.entries(params))
    read[name] = typeof value === "string" ? value : (sent[parts.indexOf(`:${name}`)] ?? "");
  return read;
}

/** A caller's own id is kept when it is harmless, so that its logs and ours can be brought together. */
function requestIdOf(request: Request): string {
  const given = request.headers.get("x-request-id");
  return given !== null && /^[\w.:-]{1,128}$/.test(given) ? given : crypto.randomUUID();
}
