// The images that a run of a server has tracked: `listImages` through the API.
import { contextId } from "../../formats/context.ts";
import { MatyanError } from "../../formats/error.ts";
import { decodeStream, foldObjects, type StreamKey, type StreamNode } from "../../formats/stream.ts";
import { isMap, mapOf, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import { metricMatches } from "../../server/listing/metricName.ts";
import { type ImageSelection, imageFields, type RunImage } from "../../server/runImages.ts";
import { type ApiCall, type Http, ServerRefusal } from "./http.ts";
import { Repo } from "./repo.ts";
import { fieldsOf, listOf } from "./results.ts";

interface ImageSequence {
  readonly name: string;
  readonly context: ValueMap;
}

interface StepImages {
  readonly step: bigint;
  readonly items: readonly StreamNode[];
}

/** Steps asked for at a time. */
const pageSize = 100;

/** @throws MatyanError `not_found` */
export async function* listRemoteImages(
  http: Http,
  hash: string,
  { names, steps }: ImageSelection,
  signal: AbortSignal,
): AsyncGenerator<RunImage, void> {
  const repo = new Repo(http.address);
  for (const sequence of await sequencesOf(http, hash, signal)) {
    const { name, context } = sequence;
    const isNamed = names.some((ref) => metricMatches(ref, { name, context, contextId: contextId(context) }));
    if (names.length > 0 && !isNamed) continue;
    for await (const { step, items } of pages(http, hash, sequence, steps, signal))
      for (const [at, node] of items.entries()) {
        const item = fieldsOf(node, "image") as ReadonlyMap<string, Value>;
        yield {
          ...{ name, context, step, index: toNumber(item.get("index")) ?? at },
          ...imageFields(item),
          read: () => readBlob(repo, String(item.get("blob_uri")), signal),
        };
      }
  }
}

async function sequencesOf(http: Http, hash: string, signal: AbortSignal): Promise<ImageSequence[]> {
  const call = {
    path: `runs/${encodeURIComponent(hash)}/info`,
    query: { sequence: "images", skip_system: true },
    signal,
  };
  try {
    const traces = fieldsOf(fieldsOf(await http.json(call), "run").get("traces"), "traces");
    return listOf(traces.get("images")).map((item) => {
      const trace = fieldsOf(item, "trace");
      const context = trace.get("context") as Value;
      return { name: String(trace.get("name")), context: isMap(context) ? context : new Map() };
    });
  } catch (error) {
    if (!(error instanceof ServerRefusal) || error.status !== 404) throw error;
    throw new MatyanError("not_found", `${http.address} has no run '${hash}'`);
  }
}

async function* pages(
  http: Http,
  hash: string,
  sequence: ImageSequence,
  steps: ImageSelection["steps"],
  signal: AbortSignal,
): AsyncGenerator<StepImages, void> {
  const path = `runs/${encodeURIComponent(hash)}/images`;
  const ask = async (route: string, query: NonNullable<ApiCall["query"]>) => {
    const body = [mapOf({ name: sequence.name, context: sequence.context })];
    const call: ApiCall = { method: "POST", isRepeatable: true, body, signal, path: `${path}/${route}`, query };
    const fields = new Map<StreamKey, StreamNode>();
    // The answer is one object, whose fields are the first parts of the keys (rest-api.md 2.9).
    for await (const [key, node] of foldObjects(decodeStream(http.bytes(call)))) fields.set(key, node);
    const values = listOf(fields.get("values"));
    const iters = listOf(fields.get("iters")).map((step) => BigInt(Math.trunc(toNumber(step as Value) ?? 0)));
    return { values, iters };
  };
  if (steps !== "all") {
    const { values, iters } = await ask("get-step", {
      record_step: steps === "last" ? -1 : String(steps),
      index_density: 0,
    });
    // Of one step the items themselves are listed.
    if (iters[0] !== undefined) yield { step: iters[0], items: values };
    return;
  }
  for (let from: bigint | undefined; ; ) {
    let range = `${from ?? ""}:`;
    for (;;) {
      const query = {
        record_range: from === undefined && range === ":" ? undefined : range,
        record_density: pageSize,
        index_density: 0,
      };
      const { values, iters } = await ask("get-batch", query);
      const [first, last] = [iters[0], iters.at(-1)];
      if (first === undefined || last === undefined) return;
      // As many as were asked for may be a sample of more: a half of their steps is asked for until all of it came.
      if (iters.length >= pageSize && last - first >= BigInt(iters.length)) {
        range = `${first}:${first + (last - first) / 2n + 1n}`;
        continue;
      }
      for (const [i, step] of iters.entries()) yield { step, items: listOf(values[i]) };
      if (iters.length < pageSize && range.endsWith(":")) return;
      from = last + 1n;
      break;
    }
  }
}

/** Undefined for a file that is not stored: servers say so by no bytes. */
async function readBlob(repo: Repo, uri: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
  for await (const [, bytes] of repo.readBlobs([uri], signal))
    if (bytes.length > 0)
      return (async function* () {
        yield bytes;
      })();
  return undefined;
}
