// Addresses of servers: what people type, checked and in one form.
import { MatyanError } from "../../formats/error.ts";
import type { Environment } from "../../server/config.ts";

/** Where the REST API and the frontier are: `scheme://host[:port][/prefix]`, without a slash at the end. */
export interface Addresses {
  readonly api: string;
  readonly frontier: string;
}

const defaultApi = "http://localhost:53800";
const defaultFrontier = "http://localhost:53801";

/** `http://host:port`, also behind a path prefix of a proxy. @throws MatyanError `usage` naming what is wrong with the text. */
export function parseAddress(text: string): string {
  const wrong = (what: string) =>
    new MatyanError("usage", `'${text}' is no address of a server: ${what}`, {
      hint: `Give one like ${defaultApi}.`,
    });
  const trimmed = text.trim();
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed)) throw wrong("it does not begin with http:// or https://");
  let url: URL;
  try {
    url = new URL(trimmed);
  } catch {
    throw wrong("it is no URL");
  }
  const scheme = { "http:": "http:", "https:": "https:", "ws:": "http:", "wss:": "https:" }[url.protocol];
  if (scheme === undefined) throw wrong(`the scheme is ${url.protocol.slice(0, -1)}, not http or https`);
  if (url.search !== "" || url.hash !== "") throw wrong("it has a query or a fragment");
  const login = url.username === "" ? "" : `${url.username}${url.password === "" ? "" : `:${url.password}`}@`;
  return `${scheme}//${login}${url.host}${url.pathname.replace(/\/+$/, "")}`;
}

/**
 * As the Python client derives them (pipeline.md 5.1): `repo` stands for both, `frontier` comes before it; then
 * MATYAN_BACKEND_URL and MATYAN_FRONTIER_URL; then this machine.
 */
export function chooseAddresses(
  given: { readonly repo?: string | undefined; readonly frontier?: string | undefined },
  env: Environment,
): Addresses {
  const api = given.repo ?? (env["MATYAN_BACKEND_URL"] || defaultApi);
  const frontier = given.frontier ?? given.repo ?? (env["MATYAN_FRONTIER_URL"] || defaultFrontier);
  return { api: parseAddress(api), frontier: parseAddress(frontier) };
}

/** The address of a run's socket. */
export function socketUrl(frontier: string, runId: string): string {
  return `${frontier.replace(/^http/, "ws")}/api/v1/ws/runs/${encodeURIComponent(runId)}`;
}
