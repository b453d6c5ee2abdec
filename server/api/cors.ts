// Cross-origin requests (rest-api.md 7): the UI may be served from another origin than the API. Every answer carries the
// headers, errors too, since a browser hides what lacks them.

const methods = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
const maxAgeSeconds = 600;

/** The header that a browser hides from pages unless told otherwise. */
const exposed = "Content-Disposition, X-Request-ID";

export class Cors {
  readonly #origins: ReadonlySet<string>;

  /** `*` among the origins allows all. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** The answer to a preflight, or undefined when the request is none. */
  preflight(request: Request): Response | undefined {
    if (request.method !== "OPTIONS") return undefined;
    const { headers } = request;
    const wanted = headers.get("access-control-request-method");
    if (wanted === null || headers.get("origin") === null) return undefined;
    const isAllowed = this.#allows(headers.get("origin"));
    const fault = !isAllowed ? "origin" : methods.split(", ").includes(wanted) ? undefined : "method";
    const response = new Response(fault === undefined ? "OK" : `Disallowed CORS ${fault}`, {
      status: fault === undefined ? 200 : 400,
      headers: { "content-type": "text/plain; charset=utf-8" },
    });
    response.headers.set("access-control-allow-methods", methods);
    response.headers.set("access-control-max-age", String(maxAgeSeconds));
    const asked = headers.get("access-control-request-headers");
    if (asked !== null) response.headers.set("access-control-allow-headers", asked);
    return response;
  }

  /** Adds to the headers of an answer. Requests that no page of another origin makes are left alone. */
  mark(request: Request, answer: Headers): void {
    const origin = request.headers.get("origin");
    if (origin === null) return;
    answer.append("vary", "Origin");
    answer.set("access-control-allow-credentials", "true");
    if (!this.#allows(origin)) return;
    answer.set("access-control-allow-origin", origin);
    answer.set("access-control-expose-headers", exposed);
  }

  #allows(origin: string | null): boolean {
    return origin !== null && (this.#origins.has(origin) || this.#origins.has("*"));
  }
}
