// Which part of the process answers a request: on the API port everything, on the frontier port what clients send to.
import type { Registry } from "./api/prometheus.ts";
import type { Connection, Frontier } from "./frontier/index.ts";
import type { Readiness } from "./health.ts";
import type { UiSite } from "./ui/site.ts";

export type Answer = Promise<Response | undefined> | Response | undefined;
export type Door = (request: Request, server: Bun.Server<Connection>) => Answer;

const metricsType = "text/plain; version=0.0.4; charset=utf-8";

/** The REST API with health, metrics and its documents. */
export interface ApiHandler {
  handle(request: Request): Promise<Response> | Response;
}

/** First segments of paths that belong to the API; every other GET is the UI's. */
const apiSegments = new Set(["api", "health", "metrics", "openapi.json", "docs", "redoc"]);

export function apiDoor(api: ApiHandler, frontier: Frontier | undefined, ui: UiSite): Door {
  return (request, server) => {
    const url = new URL(request.url);
    const answer = frontier?.answer(request, url, server);
    if (answer === "upgraded") return undefined;
    if (answer !== undefined) return answer;
    const [first = ""] = url.pathname.replace(/^\/+/, "").split("/", 1);
    return apiSegments.has(first) && !isMetricsPage(request, url) ? api.handle(request) : ui.answer(request, url);
  };
}

/** The UI has a page at the address of the Prometheus metrics: browsers get the page, scrapers the numbers. */
function isMetricsPage({ headers }: Request, { pathname }: URL): boolean {
  if (/^\/+metrics\/?$/.test(pathname)) return headers.get("accept")?.includes("text/html") ?? false;
  return /^\/+metrics\//.test(pathname);
}

export interface FrontierDoorParts {
  readonly frontier: Frontier;
  readonly ready: () => Promise<Readiness>;
  readonly version: string;
  readonly registry: Registry;
}

export function frontierDoor({ frontier, ready, version, registry }: FrontierDoorParts): Door {
  return async (request, server) => {
    const url = new URL(request.url);
    const answer = frontier.answer(request, url, server);
    if (answer === "upgraded") return undefined;
    if (answer !== undefined) return withRequestId(await answer);
    const path = url.pathname.endsWith("/") ? url.pathname : `${url.pathname}/`;
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (!isRead) return notFound();
    switch (path) {
      case "/health/live/":
        return withRequestId(Response.json({ status: "ok" }));
      case "/health/ready/":
        return withRequestId(readinessResponse(await ready()));
      case "/api/v1/rest/version/":
        return withRequestId(Response.json({ version, component: "frontier" }));
      case "/metrics/":
        return withRequestId(new Response(registry.render(), { headers: { "content-type": metricsType } }));
    }
    return notFound();
  };
}

function readinessResponse(readiness: Readiness): Response {
  return Response.json(readiness, { status: readiness.status === "ok" ? 200 : 503 });
}

function notFound(): Response {
  return withRequestId(Response.json({ detail: "Not Found" }, { status: 404 }));
}

function withRequestId(response: Response): Response {
  response.headers.set("x-request-id", crypto.randomUUID());
  return response;
}
