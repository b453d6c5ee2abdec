// Edits of runs through the REST API: rest-api.md 1.4 and 1.8, as our server and the existing one take them.
import { MatyanError } from "../../formats/error.ts";
import { isMap, mapOf, type ValueMap } from "../../formats/value.ts";
import type { RunSummary } from "../../server/listing/summary.ts";
import { checkNames, missingTag, type RunEdit } from "../../server/runEdits.ts";
import { findRemoteRuns, readRunProps, wholeList } from "../client/findRemoteRun.ts";
import { foundSummary } from "../client/foundSummary.ts";
import { type ApiCall, type Http, ServerRefusal } from "../client/http.ts";
import type { RunProps } from "../client/results.ts";
import { quoted, searchRuns } from "../client/searches.ts";
import { remoteSource, shownInQuery } from "../ui/search/remoteSearch.ts";
import type { Edited, EditPlace } from "./editPlace.ts";

export function serverEdits(http: Http, signal: AbortSignal): EditPlace {
  async function* search(query: string, withoutMetrics: boolean) {
    try {
      yield* searchRuns(http, { query, withoutParams: true, withoutMetrics, pageSize: wholeList, signal });
    } catch (error) {
      throw shownInQuery(error);
    }
  }
  return {
    check: (edit) => checkRemotely(http, edit, signal),
    find: (typed) => findRemoteRuns(http, typed, signal),
    select: async function* (query) {
      for await (const [hash] of search(query, true)) yield [hash];
    },
    summaries: async (hashes) => {
      const list = hashes.map(quoted).join(", ");
      const runs = new Map<string, RunSummary>();
      for await (const [hash, node] of search(`run.hash in [${list}] and run.archived in (True, False)`, false))
        runs.set(hash, foundSummary(hash, node));
      return hashes.flatMap((hash) => runs.get(hash) ?? []);
    },
    source: remoteSource(http, signal),
    edit: async (hash, edit) => {
      try {
        return await editRemotely(http, hash, edit, signal);
      } catch (error) {
        if (!(error instanceof MatyanError) || error.code === "interrupted") throw error;
        return { changed: false, error, isLast: !isOfOneRun(error) };
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function checkRemotely(http: Http, edit: RunEdit, signal: AbortSignal): Promise<void> {
  checkNames(edit);
  if (edit.kind !== "untag") return;
  const tags = await http.json({ path: "tags", signal });
  const isThere = Array.isArray(tags) && tags.some((tag) => isMap(tag) && tag.get("name") === edit.tag);
  if (!isThere) throw missingTag(edit.tag);
}

/** What the server says of the run decides what there is to change. What was begun is not stopped: then nobody knew how far it got. */
async function editRemotely(http: Http, hash: string, edit: RunEdit, signal: AbortSignal): Promise<Edited> {
  const path = `runs/${encodeURIComponent(hash)}`;
  const before = await readRunProps(http, hash, signal);
  if (before === undefined) throw missingRun(http, hash);
  const calls = callsFor(path, edit, before);
  for (const call of calls) await send(http, hash, edit, call);
  const isPending = edit.kind === "delete" && (await readRunProps(http, hash)) !== undefined;
  return { changed: calls.length > 0, ...(isPending ? { pending: true } : {}) };
}

function callsFor(path: string, edit: RunEdit, before: RunProps): ApiCall[] {
  const change = (isNeeded: boolean, body: ValueMap): ApiCall[] => (isNeeded ? [{ method: "PUT", path, body }] : []);
  switch (edit.kind) {
    case "archive":
      return change(!before.archived, mapOf({ archived: true }));
    case "unarchive":
      return change(before.archived, mapOf({ archived: false }));
    case "finish":
      return change(before.active, mapOf({ active: false }));
    case "rename":
      return change(before.name !== edit.name, mapOf({ name: edit.name }));
    case "delete":
      return [{ method: "DELETE", path }];
    case "tag":
      if (before.tags.some(({ name }) => name === edit.tag)) return [];
      return [{ method: "POST", path: `${path}/tags/new`, body: mapOf({ tag_name: edit.tag }) }];
    case "untag":
      return before.tags
        .filter(({ name }) => name === edit.tag)
        .map(({ id }) => ({ method: "DELETE", path: `${path}/tags/${encodeURIComponent(id)}` }));
  }
}

async function send(http: Http, hash: string, edit: RunEdit, call: ApiCall): Promise<void> {
  try {
    // It says what is to be, and may be said twice.
    await http.json({ ...call, isRepeatable: true });
  } catch (error) {
    const [status, isUnknown] =
      error instanceof ServerRefusal
        ? [`status ${error.status}`, [404, 405, 501].includes(error.status)]
        : ["no such route", error instanceof MatyanError && error.code === "unsupported"];
    if (!isUnknown) throw error;
    // The server has no such route, unless the run is gone, or became what it should be.
    const now = await readRunProps(http, hash);
    if (now === undefined && edit.kind === "delete") return;
    if (now === undefined) throw missingRun(http, hash);
    if (callsFor("", edit, now).length === 0) return;
    throw new MatyanError(
      "unsupported",
      `${http.address} can't ${edit.kind} runs: ${call.method} is answered with ${status}`,
      {
        hint: "On the machine of the store, the same command without --url does it. A proxy before the server may be what refuses.",
        cause: error,
      },
    );
  }
}

function missingRun(http: Http, hash: string): MatyanError {
  return new MatyanError("not_found", `${http.address} has no run '${hash}' any more`);
}

/** Refusals of a single run. All others, such as a server that is gone or wants a login, meet the next run as well. */
const ofOneRun = new Set([400, 404, 409, 413, 422, 500]);

function isOfOneRun(error: MatyanError): boolean {
  return error instanceof ServerRefusal
    ? ofOneRun.has(error.status)
    : error.code === "not_found" || error.code === "corrupt";
}
