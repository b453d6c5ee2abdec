// Runs of a server by what somebody typed. Servers know whole hashes only: for a beginning of one all runs are listed.
import { MatyanError } from "../../formats/error.ts";
import type { StreamNode } from "../../formats/stream.ts";
import { findRunAmong, type NamedRun } from "../../server/listing/findRun.ts";
import { type Http, ServerRefusal } from "./http.ts";
import { fieldsOf, type RunProps, readProps } from "./results.ts";
import { runQuery, searchRuns } from "./searches.ts";

/** What a run is, without its parameters and sequences; undefined when there is none of that hash. */
export async function readRunProps(http: Http, hash: string, signal?: AbortSignal): Promise<RunProps | undefined> {
  const path = `runs/${encodeURIComponent(hash)}/info`;
  try {
    // Of all types the one that is rare.
    const info = await http.json({ path, query: { sequence: "texts", skip_system: true }, signal });
    return readProps(fieldsOf(info, "run").get("props"));
  } catch (error) {
    if (error instanceof ServerRefusal && error.status === 404) return undefined;
    const isFailure = error instanceof ServerRefusal && error.status === 500;
    if (!isFailure && !(error instanceof MatyanError && error.code === "unsupported")) throw error;
  }
  // The existing server can't tell of a run whose parameters hold bytes that are no text (W5), or whose hash has a slash.
  const search = { query: runQuery(hash), limit: 1, withoutParams: true, withoutMetrics: true, signal };
  for await (const [, node] of searchRuns(http, search)) return propsIn(node);
  return undefined;
}

function propsIn(node: StreamNode): RunProps {
  return readProps(fieldsOf(node, "run").get("props"));
}

/** As `findRemoteRuns`, one. */
export async function findRemoteRun(http: Http, typed: string, signal: AbortSignal): Promise<string> {
  return (await findRemoteRuns(http, [typed], signal))[0]!;
}

/**
 * The whole hashes of the runs that were typed, by their hashes or beginnings of them.
 * @throws MatyanError `not_found` naming the runs that come nearest, `conflict`, `usage`
 */
export async function findRemoteRuns(http: Http, typed: readonly string[], signal: AbortSignal): Promise<string[]> {
  const hashes: string[] = [];
  let all: NamedRun[] | undefined;
  for (const text of typed) {
    if (text !== "" && (await readRunProps(http, text, signal)) !== undefined) {
      hashes.push(text);
      continue;
    }
    all ??= await listRuns(http, signal);
    hashes.push(findRunAmong(text, all, `\`matyan runs ls --url ${http.address}\` lists the server's runs.`));
  }
  return hashes;
}

/** More than any server has: all runs in one answer, for which they are looked for and sorted once. */
export const wholeList = 1_000_000;

async function listRuns(http: Http, signal: AbortSignal): Promise<NamedRun[]> {
  const query = "run.archived in (True, False)";
  const runs: NamedRun[] = [];
  const search = { query, withoutParams: true, withoutMetrics: true, pageSize: wholeList, signal };
  for await (const [hash, node] of searchRuns(http, search)) runs.push({ hash, name: propsIn(node).name });
  return runs;
}
