// Images, texts, distributions, sounds and figures of a run from a live server, as the store holds them (storage.md 2.8).
import { MatyanError } from "../../formats/error.ts";
import { tryParseJson } from "../../formats/json.ts";
import { floatsOf, type StreamKey, type StreamNode } from "../../formats/stream.ts";
import { isMap, mapOf, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { PointLines } from "../../server/archive/backupLines.ts";
import type { Point } from "../../server/store/sequences.ts";
import { sequenceBlobPath } from "../client/blobPaths.ts";
import { type ObjectType, objectTypes } from "../client/remoteInfo.ts";
import { fieldsOf, listOf } from "../client/results.ts";
import { type BlobSink, type WantedBlob, writeSequenceBlobs } from "./backupRemoteBlobs.ts";
import { rangeText, type Stretch, stepPages } from "./backupRemotePages.ts";
import { nodeValue, placeOf, queryOf, type RemoteRun, type RemoteServer, traceKey } from "./backupRemoteServer.ts";

/** What a page should hold, in bytes, more or less. */
const pageSize = 1_000_000;
/** Beside what is in it, an object takes about this much. */
const objectSize = 100;

export interface ObjectSink extends BlobSink {
  readonly lines: PointLines;
  /** Whether blobs are wanted. */
  readonly isWithBlobs: boolean;
  advance(count: number): void;
}

/** @returns the last point of each sequence, by `traceKey`. */
export async function writeObjects(
  server: RemoteServer,
  run: RemoteRun,
  sink: ObjectSink,
): Promise<ReadonlyMap<string, Point>> {
  const ends = new Map<string, Point>();
  for (const type of objectTypes) {
    if (!run.traces.some((trace) => trace.type === type)) continue;
    const search = new ObjectSearch(server, run, type);
    const range = await search.range();
    if (range === undefined) continue;
    const read = (stretch: Stretch) => search.page(stretch);
    for await (const { sequences } of stepPages(range, range.width, read))
      for (const { name, contextId, points, blobs } of sequences) {
        if (sink.isWithBlobs) await writeSequenceBlobs(server, sink, blobs);
        sink.lines.sequence(contextId, name);
        sink.lines.write(points);
        sink.advance(points.length);
        const end = points.at(-1);
        if (end !== undefined) ends.set(traceKey({ contextId, name }), end);
      }
  }
  return ends;
}

interface Sequence {
  readonly name: string;
  readonly contextId: number;
  readonly points: readonly Point[];
  readonly blobs: readonly WantedBlob[];
  /** Bytes in memory, more or less; 0 when it has no points. */
  readonly size: number;
}

type Fields = ReadonlyMap<StreamKey, StreamNode>;

class ObjectSearch {
  readonly #server: RemoteServer;
  readonly #run: RemoteRun;
  readonly #type: ObjectType;

  constructor(server: RemoteServer, run: RemoteRun, type: ObjectType) {
    this.#server = server;
    this.#run = run;
    this.#type = type;
  }

  /**
   * The first and the last step of all sequences of the type, and how many steps may be asked for at first, if all objects
   * are like the first ones; undefined when there are none.
   */
  async range(): Promise<{ readonly first: bigint; readonly last: bigint; readonly width: bigint } | undefined> {
    const found = await this.#ask({ record_density: 1, index_density: 1 });
    const size = this.#sequencesOf(found).reduce((sum, sequence) => sum + sequence.size, 0);
    if (found === undefined || size === 0) return undefined;
    const ranges = fieldsOf(found.get("ranges"), "ranges");
    const [first, end] = listOf(ranges.get("record_range_total")).map(stepOf);
    if (first === undefined || end === undefined)
      throw new MatyanError("corrupt", `the answer holds no range of the ${this.#type} of run ${this.#run.hash}`);
    return { first, last: end - 1n, width: BigInt(Math.ceil(pageSize / size)) };
  }

  async page(stretch: Stretch): Promise<{ readonly sequences: readonly Sequence[]; readonly load: number }> {
    const record_range = rangeText(stretch) || undefined;
    const sequences = this.#sequencesOf(await this.#ask({ record_range, record_density: 0, index_density: 0 }));
    return { sequences, load: sequences.reduce((sum, { size }) => sum + size, 0) / pageSize };
  }

  #sequencesOf(found: Fields | undefined): Sequence[] {
    return listOf(found?.get("traces")).map((node) => this.#sequence(fieldsOf(node, "trace")));
  }

  async #ask(query: Record<string, string | number | undefined>): Promise<Fields | undefined> {
    const { hash, props } = this.#run;
    const q = queryOf(hash, props.archived);
    const [[, run] = []] = await this.#server.objects(`runs/search/${this.#type}`, { q, ...query }, true);
    return run === undefined ? undefined : fieldsOf(run, "run");
  }

  #sequence(trace: Fields): Sequence {
    const { name, context, contextId } = placeOf(trace);
    const [steps, values, epochs, times] = ["iters", "values", "epochs", "timestamps"].map((part) =>
      listOf(trace.get(part)),
    ) as [Nodes, Nodes, Nodes, Nodes];
    if (steps.length !== values.length)
      throw new MatyanError(
        "corrupt",
        `the answer has ${steps.length} steps and ${values.length} objects of '${name}'`,
      );
    const blobs: WantedBlob[] = [];
    const points = steps.map((node, i) => {
      const step = stepOf(node);
      const items = Array.isArray(values[i]) ? (values[i] as Nodes) : [values[i] ?? null];
      const objects = items.map((item, index) => {
        const fields = fieldsOf(item, this.#type);
        const value = objectOf(this.#type, fields);
        const uri = fields.get("blob_uri");
        if (typeof uri === "string") {
          const path = placeInList(sequenceBlobPath(name, context, step, extensionOf(value)), index);
          value.set("s3_key", `${this.#run.hash}/${path}`);
          blobs.push({ uri, path, value });
        }
        return value;
      });
      const epoch = toNumber(nodeValue(epochs[i]));
      const time = toNumber(nodeValue(times[i]));
      return {
        step,
        // One object comes as a list of one; published clients log no lists at all.
        value: objects.length === 1 ? objects[0]! : objects,
        ...(epoch === undefined || !Number.isSafeInteger(epoch) ? {} : { epoch: BigInt(epoch) }),
        ...(time === undefined || Number.isNaN(time) ? {} : { time }),
      };
    });
    const size = points.reduce((sum, { value }) => sum + objectSize + sizeOf(value), 0);
    return { name, contextId, points, blobs, size };
  }
}

type Nodes = readonly StreamNode[];

/** What a program logged, from what the API makes of it (rest-api.md 2.8). */
function objectOf(type: ObjectType, fields: Fields): ValueMap {
  const of = (name: string) => nodeValue(fields.get(name));
  switch (type) {
    case "images":
      return mapOf({
        type: "image",
        format: of("format"),
        caption: of("caption"),
        width: wholeNumber(of("width")),
        height: wholeNumber(of("height")),
      });
    case "audios":
      return mapOf({ type: "audio", format: of("format"), caption: of("caption"), rate: null });
    case "texts":
      return mapOf({ type: "text", data: of("data") });
    case "distributions": {
      const counts = Array.from(floatsOf(fields.get("data")) ?? []);
      return mapOf({ type: "distribution", bin_count: wholeNumber(of("bin_count")), range: of("range"), data: counts });
    }
    case "figures": {
      const data = of("data");
      const figure = typeof data === "string" ? tryParseJson(data) : undefined;
      return mapOf({ type: "figure", data: isMap(figure) ? figure : data });
    }
  }
}

/** Streams carry large integers as floats. */
function wholeNumber(value: Value): Value {
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
}

function stepOf(node: StreamNode): bigint {
  const step = wholeNumber(nodeValue(node));
  if (typeof step === "bigint") return step;
  if (typeof step === "number" && Number.isInteger(step)) return BigInt(step);
  throw new MatyanError("corrupt", `the answer has a step that is no integer: ${String(step)}`);
}

function extensionOf(value: ValueMap): string {
  const format = value.get("format");
  return typeof format === "string" && /^[\w-]{1,16}$/.test(format) ? format.toLowerCase() : "bin";
}

function placeInList(path: string, index: number): string {
  return index === 0 ? path : path.replace(/(\.[^./]*)$/, `_${index}$1`);
}

function sizeOf(value: Value): number {
  if (typeof value === "string") return value.length;
  if (Array.isArray(value))
    return value.length > 0 && !isMap(value[0]) && !Array.isArray(value[0]) ? value.length * 8 : sum(value);
  return isMap(value) ? 40 + sum(value.values()) : 8;
}

function sum(values: Iterable<Value>): number {
  let size = 0;
  for (const value of values) size += 8 + sizeOf(value);
  return size;
}
