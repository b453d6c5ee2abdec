// The server that an archive is restored into: where its API and its frontier are, and what it can keep.
import { MatyanError } from "../../formats/error.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import { parseAddress } from "../client/address.ts";
import { explainFinding, lookAt } from "../client/diagnose.ts";
import { type ApiCall, Http, ServerRefusal } from "../client/http.ts";

export interface Target {
  readonly api: Http;
  readonly frontier: Http;
  /** Whether messages carry a run's age, times of points, and steps of records (`message_extensions` of ours). */
  readonly keepsTimes: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The existing system's ports, where API and frontier are two programs. */
const apiPort = "53800";
const frontierPort = "53801";

/** @throws MatyanError that says what is at the address instead: nothing, web pages, a frontier, something else. */
export async function openTarget(
  url: string,
  frontierUrl: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Target> {
  const address = parseAddress(url);
  const finding = await lookAt(address);
  if (finding.kind !== "matyan" || finding.component === "frontier")
    throw explainFinding("the API", address, finding, "it does not answer the API's requests");
  const api = new Http(address);
  const version = await api.json({ path: "version", signal });
  const extensions = isMap(version) ? version.get("message_extensions") : undefined;
  const frontier = await findFrontier(address, frontierUrl === undefined ? undefined : parseAddress(frontierUrl));
  return {
    api,
    frontier: new Http(frontier),
    keepsTimes: Array.isArray(extensions) && extensions.includes("create_run.created_at"),
    signal,
  };
}

/** What was named; else the API's own address, as behind a proxy and with ours; else the port beside it. */
async function findFrontier(api: string, named: string | undefined): Promise<string> {
  if (named !== undefined) {
    if (await takesUploads(named)) return named;
    throw explainFinding("the frontier", named, await lookAt(named), "it gives no upload URLs");
  }
  if (await takesUploads(api)) return api;
  const beside = new URL(api);
  if (beside.port === apiPort) {
    beside.port = frontierPort;
    const address = parseAddress(beside.href);
    if (await takesUploads(address)) return address;
  }
  throw new MatyanError("usage", `${api} takes no messages of runs: it is an API without a frontier`, {
    hint: "Name the frontier too: --frontier http://host:53801.",
  });
}

/** Asks for an upload URL without saying for what, which only a frontier understands enough to refuse as invalid. */
async function takesUploads(address: string): Promise<boolean> {
  try {
    const response = await fetch(`${address}/api/v1/rest/artifacts/presign`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
      redirect: "manual",
      signal: AbortSignal.timeout(10_000),
    });
    await response.body?.cancel();
    return response.status === 422;
  } catch {
    return false;
  }
}

/** Path of something of a run, such as `info`. */
export function runPath(hash: string, rest: string): string {
  return `runs/${encodeURIComponent(hash)}/${rest}`;
}

/**
 * What `info` says of a run; undefined when there is none. The existing server fails on a run with a metric that is NaN
 * (rest-api.md W5): of such a one its properties, without sequences.
 */
export async function readRun({ api, signal }: Target, hash: string): Promise<ValueMap | undefined> {
  const read = async (query: NonNullable<ApiCall["query"]>) => {
    const info = await api.json({ path: runPath(hash, "info"), query, signal });
    return isMap(info) ? info : undefined;
  };
  try {
    return await read({ artifact_details: true });
  } catch (error) {
    if (!(error instanceof ServerRefusal)) throw error;
    if (error.status === 404) return undefined;
    if (error.status !== 500) throw error;
    return read({ sequence: "texts" });
  }
}

/** A list of objects. @throws MatyanError `corrupt` for anything else */
export async function readList({ api, signal }: Target, path: string): Promise<ValueMap[]> {
  const list = await api.json({ path, signal });
  if (Array.isArray(list) && list.every(isMap)) return list;
  throw new MatyanError("corrupt", `${api.address} answers ${path} with something else than a list of objects`);
}

/** Sends something; `isRepeatable` where doing it twice is the same. */
export function send({ api, signal }: Target, call: ApiCall): Promise<Value> {
  return api.json({ ...call, signal });
}

export function textOf(map: ValueMap | undefined, field: string): string {
  const value = map?.get(field);
  return typeof value === "string" ? value : "";
}
