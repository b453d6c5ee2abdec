// What a backup asks a live server (rest-api.md): each answer read whole and bounded, or in pieces.
import { contextId } from "../../formats/context.ts";
import { MatyanError } from "../../formats/error.ts";
import { decodeStream, foldObjects, type StreamKey, type StreamNode } from "../../formats/stream.ts";
import { isMap, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import { type ApiCall, Http } from "../client/http.ts";
import { fillNumbers, type ObjectType, objectTypes, readInfo } from "../client/remoteInfo.ts";
import { fieldsOf, listOf, type RunProps, readProps } from "../client/results.ts";
import { readObjects } from "../client/searchStream.ts";
import { readAgain } from "./backupRemotePages.ts";

/** A run of the list; times in seconds since the epoch. */
export interface ListedRun {
  readonly hash: string;
  readonly props: RunProps;
}

export interface RemoteTrace {
  readonly type: "metric" | ObjectType;
  readonly name: string;
  readonly context: ValueMap;
  readonly contextId: number;
}

/** The end of a metric as a search tells it. */
export interface MetricEnd {
  readonly last: Value;
  readonly lastStep: bigint | undefined;
}

export interface RemoteArtifact {
  readonly path: string;
  readonly uri: string;
  /** Said by ours only. */
  readonly contentType: string | undefined;
  /** Bytes; null when the server has no such file, undefined when it does not say. */
  readonly size: number | null | undefined;
}

export interface RemoteRun {
  readonly hash: string;
  readonly params: ValueMap;
  readonly traces: readonly RemoteTrace[];
  /** Of metrics, by `traceKey`. */
  readonly ends: ReadonlyMap<string, MetricEnd>;
  readonly props: RunProps;
  /** When it ended, as its client's clock or the server's has it. */
  readonly endedAt: number | null;
  readonly artifacts: readonly RemoteArtifact[];
  /** All of `info`, to see later whether the run has changed. */
  readonly info: Value;
}

export function traceKey(trace: { readonly contextId: number; readonly name: string }): string {
  return `${trace.contextId} ${trace.name}`;
}

type Query = NonNullable<ApiCall["query"]>;

export class RemoteServer {
  readonly http: Http;
  readonly signal: AbortSignal | undefined;

  constructor(address: string, signal: AbortSignal | undefined) {
    // Ours tells times of notes as dates to whoever names a time zone, as browsers do.
    this.http = new Http(address, { sendsTimezone: false });
    this.signal = signal;
  }

  get(path: string, query: Query = {}): Promise<Value> {
    return this.http.json({ path, query, signal: this.signal });
  }

  /** A question that has to be POSTed: it changes nothing. */
  ask(path: string, body: Value, query: Query = {}): Promise<Value> {
    return this.http.json({ method: "POST", path, body, query, isRepeatable: true, signal: this.signal });
  }

  async list(path: string): Promise<ValueMap[]> {
    const answer = await this.get(path);
    if (Array.isArray(answer)) return answer.filter(isMap);
    throw new MatyanError("corrupt", `${this.http.address} answers ${path} with something else than a list`);
  }

  /**
   * The objects of a stream, all of them in memory. A search that was cut off, and any stream that breaks, is asked again, up to
   * `attempts` times.
   */
  objects(
    path: string,
    query: Query,
    isSearch: boolean,
    attempts?: number,
  ): Promise<(readonly [StreamKey, StreamNode])[]> {
    const call = { path, query, signal: this.signal };
    const read = async () => {
      const pieces = this.http.bytes(call);
      return Array.fromAsync(isSearch ? readObjects(pieces, { isSearch }) : foldObjects(decodeStream(pieces)));
    };
    return readAgain(this.http, this.signal, read, attempts);
  }

  /**
   * All runs, archived ones too, in one answer: the existing server sorts all of its runs for every page of a list, and
   * hangs when a page leaves many unread (W1). An answer that breaks off is asked for again.
   */
  async runs(take: (run: ListedRun) => void): Promise<void> {
    const query = {
      q: "run.archived == True or run.archived == False",
      limit: 0,
      exclude_params: true,
      exclude_traces: true,
    };
    const taken = new Set<string>();
    await readAgain(this.http, this.signal, async () => {
      const pieces = this.http.bytes({ path: "runs/search/run", query, signal: this.signal });
      for await (const [key, node] of readObjects(pieces, { isSearch: true })) {
        const run = { hash: String(key), props: readProps(fieldsOf(node, "run").get("props")) };
        if (!taken.has(run.hash)) take(run);
        taken.add(run.hash);
      }
    });
  }

  /** Everything about a run but its points; undefined when there is none. */
  async run({ hash, props: listed }: ListedRun): Promise<RemoteRun | undefined> {
    const [[, found] = []] = await this.objects(
      "runs/search/run",
      { q: queryOf(hash, listed.archived), skip_system: false },
      true,
    );
    const info = await readInfo(this.http, hash, this.signal);
    if (info === undefined || found === undefined) return undefined;
    const run = fieldsOf(found, "run");
    const metrics = listOf(fieldsOf(run.get("traces"), "traces").get("metric")).map((node) => fieldsOf(node, "trace"));
    const params = info.get("params");
    const streamed = readProps(run.get("props"));
    const infoProps = info.get("props");
    return {
      hash,
      params: fillNumbers(isMap(params) ? params : new Map(), run.get("params")) as ValueMap,
      traces: tracesOf(info, metrics),
      ends: new Map(metrics.map((trace) => [traceKey(placeOf(trace)), endOf(trace)])),
      props: streamed,
      endedAt: toNumber(isMap(infoProps) ? infoProps.get("end_time") : undefined) ?? streamed.endedAt,
      artifacts: artifactsOf(info),
      info,
    };
  }

  /** Whether anything that `info` tells of the run is other than it was. */
  async hasChanged({ hash, info }: RemoteRun): Promise<boolean> {
    return !Bun.deepEquals(await readInfo(this.http, hash, this.signal), info);
  }
}

/** A search for one run. Without a word on it, archived runs are left out. */
export function queryOf(hash: string, isArchived: boolean): string {
  return `run.hash == ${JSON.stringify(hash)} and run.archived == ${isArchived ? "True" : "False"}`;
}

/** A node of a stream as a value: streams have integers as names, values have texts. */
export function nodeValue(node: StreamNode | undefined): Value {
  if (node instanceof Map) return new Map(Array.from(node, ([name, item]) => [String(name), nodeValue(item)]));
  if (node instanceof Float64Array) return Array.from(node);
  if (Array.isArray(node)) return node.map((item) => nodeValue(item as StreamNode));
  return (node ?? null) as Value;
}

type Fields = ReturnType<typeof fieldsOf>;

export function placeOf(trace: Fields): { name: string; context: ValueMap; contextId: number } {
  const context = nodeValue(trace.get("context"));
  const name = trace.get("name");
  if (typeof name !== "string" || !isMap(context))
    throw new MatyanError("corrupt", "the answer holds a sequence without name or context");
  return { name, context, contextId: contextId(context) };
}

function endOf(trace: Fields): MetricEnd {
  const values = fieldsOf(trace.get("values"), "values of a trace");
  const step = toNumber(values.get("last_step") as Value | undefined);
  return {
    last: nodeValue(values.get("last")),
    lastStep: step !== undefined && Number.isSafeInteger(step) ? BigInt(step) : undefined,
  };
}

function tracesOf(info: ValueMap, metrics: readonly Fields[]): RemoteTrace[] {
  const byType = fieldsOf(info.get("traces"), "traces");
  const listed = byType.has("metric") ? listOf(byType.get("metric")).map((node) => fieldsOf(node, "trace")) : metrics;
  const traces: RemoteTrace[] = listed.map((trace) => ({ type: "metric", ...placeOf(trace) }));
  for (const type of objectTypes)
    for (const trace of listOf(byType.get(type))) traces.push({ type, ...placeOf(fieldsOf(trace, "trace")) });
  return traces;
}

function artifactsOf(info: ValueMap): RemoteArtifact[] {
  return listOf(info.get("artifacts")).flatMap((node) => {
    const artifact = fieldsOf(node, "artifact");
    const [path, uri, type] = ["path", "uri", "content_type"].map((name) => artifact.get(name));
    if (typeof path !== "string") return [];
    const size = toNumber(artifact.get("size") as Value | undefined) ?? null;
    return {
      path,
      uri: typeof uri === "string" ? uri : "",
      contentType: typeof type === "string" ? type : undefined,
      size: artifact.has("size") ? size : undefined,
    };
  });
}
