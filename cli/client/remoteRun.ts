// One run of a server as the store would tell it, as far as the API does: what `runs show` and `runs diff` look at.
import { contextId } from "../../formats/context.ts";
import { MatyanError } from "../../formats/error.ts";
import { isMap, mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import type { MetricSummary, RunSummary } from "../../server/listing/summary.ts";
import { artifactsName } from "../../server/store/artifactEntries.ts";
import { findRemoteRun } from "./findRemoteRun.ts";
import { foundSummary } from "./foundSummary.ts";
import type { Http } from "./http.ts";
import { fillNumbers, objectDtypes, readInfo } from "./remoteInfo.ts";
import { fieldsOf, listOf, readRunInfo } from "./results.ts";
import { isCutOff, runQuery, searchRuns } from "./searches.ts";

/**
 * The run with its parameters and artifacts (as attributes) and its sequences but logs. Types of artifacts are `""` where the
 * server does not tell them. @param typed its hash, or a beginning of it
 * @throws MatyanError `not_found`, `conflict`
 */
export async function readRemoteRun(http: Http, typed: string, signal: AbortSignal): Promise<RunSummary> {
  const hash = await findRemoteRun(http, typed, signal);
  const query = { query: runQuery(hash), limit: 1, withoutParams: true, signal };
  for await (const [found, node] of searchRuns(http, query)) {
    const info = await readInfo(http, found, signal);
    if (info === undefined) break;
    await putNumbersBack(http, hash, info, signal);
    const run = foundSummary(found, node);
    return { ...run, sequences: [...run.sequences, ...objectsIn(info)], attrs: attrsOf(found, info) };
  }
  throw new MatyanError("not_found", `run '${hash}' has been deleted meanwhile`);
}

/** Where parameters are null in JSON, a search tells which of them are NaN or an infinity; a server that fails at that tells no more. */
async function putNumbersBack(http: Http, hash: string, info: ValueMap, signal: AbortSignal): Promise<void> {
  const params = (info.get("params") ?? null) as Value;
  if (!holdsNull(params)) return;
  try {
    const search = { query: runQuery(hash), limit: 1, withoutMetrics: true, withSystem: true, signal };
    for await (const [, node] of searchRuns(http, search))
      info.set("params", fillNumbers(params, fieldsOf(node, "run").get("params")));
  } catch (error) {
    if (!isCutOff(error)) throw error;
  }
}

function holdsNull(value: Value): boolean {
  if (isMap(value)) return [...value.values()].some(holdsNull);
  return value === null || (Array.isArray(value) && value.some(holdsNull));
}

function objectsIn(info: ValueMap): MetricSummary[] {
  const traces = fieldsOf(info.get("traces"), "traces");
  return Object.entries(objectDtypes).flatMap(([kind, dtype]) =>
    listOf(traces.get(kind)).map((item) => {
      const trace = fieldsOf(item, "trace");
      const given = trace.get("context") as Value;
      const context = isMap(given) ? given : new Map();
      return { name: String(trace.get("name")), context, contextId: contextId(context), dtype };
    }),
  );
}

function attrsOf(hash: string, json: Value): ValueMap {
  const params = fieldsOf(json, "run").get("params") as Value;
  const attrs: ValueMap = new Map(isMap(params) ? params : []);
  const { artifacts } = readRunInfo(hash, json);
  if (artifacts.length > 0)
    attrs.set(
      artifactsName,
      new Map(
        artifacts.map(({ path, uri, contentType }) => [
          path,
          mapOf({ s3_key: keyIn(uri, hash), content_type: contentType ?? "" }),
        ]),
      ),
    );
  return attrs;
}

/** Keys begin with the run's hash, behind the bucket of `s3://bucket/key` or the folder of `file:///folder/key`. */
function keyIn(uri: string, hash: string): string {
  const at = uri.indexOf(`/${hash}/`);
  return at < 0 ? uri : uri.slice(at + 1);
}
