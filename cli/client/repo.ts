// All runs of a server: look for them, read them, delete them. The vocabulary is that of the Python client's `Repo`.
import { MatyanError } from "../../formats/error.ts";
import { decodeStream, foldObjects } from "../../formats/stream.ts";
import { processEnvironment } from "../../server/config.ts";
import { chooseAddresses } from "./address.ts";
import { type ApiCall, Http, type HttpOptions, ServerRefusal } from "./http.ts";
import {
  type Experiment,
  type FoundMetrics,
  type FoundObjects,
  type FoundRun,
  type LogRecord,
  type RunInfo,
  readExperiment,
  readFoundMetrics,
  readFoundObjects,
  readFoundRun,
  readLogRecord,
  readRunInfo,
  readTag,
  type Tag,
} from "./results.ts";
import { type RunSearch, type SearchOptions, searchRuns, searchSequences } from "./searches.ts";

export interface MetricSearch extends SearchOptions {
  /** Points of each metric, evenly spread over its steps; 50. `matyan serve` gives at most 50,000. */
  readonly points?: number;
  /** The name of a metric that stands for x, in the same context. */
  readonly xAxis?: string;
  readonly withSystem?: boolean;
}

export interface ObjectSearch extends SearchOptions {
  /** Steps from (included) and to (excluded), and how many of them; 50. */
  readonly steps?: { readonly from?: number; readonly to?: number; readonly count?: number };
  /** The same for places in the list of a step; 5. */
  readonly items?: { readonly from?: number; readonly to?: number; readonly count?: number };
  readonly withSystem?: boolean;
}

export class Repo {
  readonly http: Http;

  /** @param address of the REST API; else MATYAN_BACKEND_URL, else http://localhost:53800. @throws MatyanError `usage` */
  constructor(address?: string, options: HttpOptions = {}) {
    this.http = new Http(chooseAddresses({ repo: address }, processEnvironment()).api, options);
  }

  /** Everything about a run but its points; undefined when there is none of that hash. */
  async getRun(
    hash: string,
    signal?: AbortSignal,
    options: { readonly artifactDetails?: boolean } = {},
  ): Promise<RunInfo | undefined> {
    try {
      const query = { artifact_details: options.artifactDetails };
      return readRunInfo(hash, await this.http.json({ path: `runs/${encodeURIComponent(hash)}/info`, query, signal }));
    } catch (error) {
      if (error instanceof ServerRefusal && error.status === 404) return undefined;
      throw error;
    }
  }

  async runExists(hash: string): Promise<boolean> {
    return (await this.getRun(hash)) !== undefined;
  }

  /** The runs that match a query (docs/query-language.md), newest first, read page by page as they are taken. */
  async *queryRuns(query = "", options: Omit<RunSearch, "query"> = {}): AsyncGenerator<FoundRun, void> {
    for await (const [hash, run] of searchRuns(this.http, { ...options, query })) yield readFoundRun(hash, run);
  }

  /** All runs that are not archived. */
  iterRuns(options: Omit<RunSearch, "query"> = {}): AsyncGenerator<FoundRun, void> {
    return this.queryRuns("", options);
  }

  /** Hashes of the runs that are under way. */
  async listActiveRuns(): Promise<string[]> {
    return hashesOf(this.queryRuns("run.active == True", { withoutParams: true, withoutMetrics: true, pageSize: 500 }));
  }

  /** Hashes of all runs that are not archived. */
  async listAllRuns(): Promise<string[]> {
    return hashesOf(this.iterRuns({ withoutParams: true, withoutMetrics: true, pageSize: 500 }));
  }

  async *queryMetrics(query = "", options: MetricSearch = {}): AsyncGenerator<FoundMetrics, void> {
    const { points = 50, xAxis, ...others } = options;
    const parameters = { p: points, x_axis: xAxis };
    for await (const [hash, run] of searchSequences(this.http, "metric", { ...others, query, parameters }))
      yield readFoundMetrics(hash, run);
  }

  queryImages(query = "", options: ObjectSearch = {}): AsyncGenerator<FoundObjects, void> {
    return this.#objects("images", query, options);
  }

  queryAudios(query = "", options: ObjectSearch = {}): AsyncGenerator<FoundObjects, void> {
    return this.#objects("audios", query, options);
  }

  queryTexts(query = "", options: ObjectSearch = {}): AsyncGenerator<FoundObjects, void> {
    return this.#objects("texts", query, options);
  }

  queryDistributions(query = "", options: ObjectSearch = {}): AsyncGenerator<FoundObjects, void> {
    return this.#objects("distributions", query, options);
  }

  queryFigures(query = "", options: ObjectSearch = {}): AsyncGenerator<FoundObjects, void> {
    return this.#objects("figures", query, options);
  }

  /** The bytes of images or sounds by the `blob_uri` of their items. A blob that is gone comes without bytes. */
  async *readBlobs(
    uris: Iterable<string>,
    signal?: AbortSignal,
  ): AsyncGenerator<readonly [uri: string, bytes: Uint8Array], void> {
    const all = [...new Set(uris)];
    for (let at = 0; at < all.length; at += 50) {
      const body = all.slice(at, at + 50);
      for await (const [uri, bytes] of this.#stream({
        method: "POST",
        path: "runs/images/get-batch",
        body,
        isRepeatable: true,
        signal,
      }))
        yield [String(uri), bytes instanceof Uint8Array ? bytes : new Uint8Array(0)];
    }
  }

  /** The last lines of a run's terminal, at most 200, or those of a range of steps. */
  async *logLines(
    hash: string,
    range = "",
    signal?: AbortSignal,
  ): AsyncGenerator<readonly [step: number, line: string], void> {
    const call = { path: `runs/${encodeURIComponent(hash)}/logs`, query: { record_range: range || undefined }, signal };
    for await (const [step, line] of this.#stream(call)) yield [Number(step), String(line)];
  }

  async *logRecords(hash: string, range = "", signal?: AbortSignal): AsyncGenerator<LogRecord, void> {
    const query = { record_range: range || undefined };
    for await (const [step, node] of this.#stream({
      path: `runs/${encodeURIComponent(hash)}/log-records`,
      query,
      signal,
    }))
      if (typeof step === "bigint") yield readLogRecord(Number(step), node);
  }

  /** The bytes of an artifact. @throws MatyanError `not_found` */
  readArtifact(hash: string, path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void> {
    return this.http.bytes({ path: `runs/${encodeURIComponent(hash)}/artifacts/download`, query: { path }, signal });
  }

  async listExperiments(): Promise<Experiment[]> {
    return listOrFail(await this.http.json({ path: "experiments" }), "experiments").map(readExperiment);
  }

  async listTags(): Promise<Tag[]> {
    return listOrFail(await this.http.json({ path: "tags" }), "tags").map(readTag);
  }

  /** The run and all its files go. @throws MatyanError `not_found` */
  async deleteRun(hash: string): Promise<void> {
    await this.http.json({ method: "DELETE", path: `runs/${encodeURIComponent(hash)}` });
  }

  async deleteRuns(hashes: Iterable<string>): Promise<void> {
    for (const hash of hashes) await this.deleteRun(hash);
  }

  /** The experiment, by its id, not its runs. @throws MatyanError `not_found` */
  async deleteExperiment(id: string): Promise<void> {
    await this.http.json({ method: "DELETE", path: `experiments/${encodeURIComponent(id)}` });
  }

  async *#objects(kind: string, query: string, options: ObjectSearch): AsyncGenerator<FoundObjects, void> {
    const { steps, items, ...others } = options;
    const parameters = {
      record_range: rangeText(steps),
      record_density: steps?.count ?? 50,
      index_range: rangeText(items),
      index_density: items?.count ?? 5,
    };
    for await (const [hash, run] of searchSequences(this.http, kind, { ...others, query, parameters }))
      yield readFoundObjects(hash, run);
  }

  #stream(call: ApiCall) {
    return foldObjects(decodeStream(this.http.bytes(call)));
  }
}

function rangeText(range: { readonly from?: number; readonly to?: number } | undefined): string | undefined {
  if (range?.from === undefined && range?.to === undefined) return undefined;
  return `${range.from ?? ""}:${range.to ?? ""}`;
}

async function hashesOf(runs: AsyncIterable<FoundRun>): Promise<string[]> {
  const hashes: string[] = [];
  for await (const { hash } of runs) hashes.push(hash);
  return hashes;
}

function listOrFail<T>(json: T, what: string) {
  if (Array.isArray(json)) return json;
  throw new MatyanError("corrupt", `the answer holds no list of ${what}`);
}
