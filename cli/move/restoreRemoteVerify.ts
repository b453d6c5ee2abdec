// Compares a run of a server with what was sent of it, through the API alone.
import { contextId } from "../../formats/context.ts";
import { floatsOf, type StreamNode } from "../../formats/stream.ts";
import { isMap, mapOf, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { RunDocuments } from "../../server/archive/archivedRun.ts";
import { traceKey } from "../../server/archive/restoreValues.ts";
import { artifactsName } from "../../server/store/artifactEntries.ts";
import { readObjects } from "../client/searchStream.ts";
import type { SentSequence } from "./restoreRemotePoints.ts";
import { bucketOf, hashText, type ObjectBucket, shown, shownObject, shownRecord, Tally } from "./restoreRemoteTally.ts";
import { runPath, type Target, textOf } from "./restoreRemoteTarget.ts";

/** Sequences of one request for points, and how many points they have together at most. */
const together = { sequences: 200, points: 20_000 };
/** Differences that are named of one kind. */
const named = 3;

/** What `info` shows, beside points: parameters, and which sequences there are. @returns the differences, for a person */
export function compareInfo(documents: RunDocuments, sequences: readonly SentSequence[], info: ValueMap): string[] {
  const wanted = new Map<string, SentSequence>();
  for (const sequence of sequences)
    if (listedType(sequence) !== undefined) wanted.set(traceKey(sequence.contextId, sequence.name), sequence);
  const found = listedTraces(info);
  const known = new Set(sequences.map(({ contextId: id, name }) => traceKey(id, name)));
  const missing = [...wanted].filter(([key, sequence]) => found.get(key) !== listedType(sequence));
  const extra = [...found.keys()].filter((key) => !known.has(key));
  return [
    ...compareParams(documents.attrs, info.get("params") ?? null),
    ...listed(
      "sequences are missing",
      missing.map(([, { name }]) => name),
    ),
    ...listed(
      "sequences are not the archive's",
      extra.map((key) => key.slice(key.indexOf(" ") + 1)),
    ),
  ];
}

function listedType({ dtype, forms }: SentSequence): string | undefined {
  if (forms.has("line") || forms.has("record")) return undefined;
  return dtype === "custom" ? undefined : (bucketOf(dtype) ?? "metric");
}

/** Type by context and name. */
export function listedTraces(info: ValueMap): Map<string, string> {
  const found = new Map<string, string>();
  const traces = info.get("traces");
  for (const [type, list] of isMap(traces) ? traces : [])
    for (const trace of Array.isArray(list) ? list : []) {
      const context = isMap(trace) ? trace.get("context") : undefined;
      if (isMap(trace)) found.set(traceKey(contextId(isMap(context) ? context : null), textOf(trace, "name")), type);
    }
  return found;
}

export function compareParams(attrs: ValueMap, params: Value): string[] {
  const found: ValueMap = isMap(params) ? params : new Map();
  const keys = new Set([...attrs.keys(), ...found.keys()]);
  keys.delete(artifactsName);
  // The API has no name for an empty one.
  const differing = [...keys].filter((key) => shownParam(attrs.get(key)) !== shownParam(found.get(key)));
  return listed("parameters differ", differing);
}

/** As `shown`, number kinds told apart; the missing one is no value. */
function shownParam(value: Value | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value)) return `${value + 0}.0`;
  if (Array.isArray(value)) return `[${value.map(shownParam).join(",")}]`;
  if (isMap(value)) {
    const members = [...value].map(([key, item]) => `${JSON.stringify(key)}:${shownParam(item)}`);
    return `{${members.sort().join(",")}}`;
  }
  return typeof value === "bigint" ? String(value) : shown(value);
}

function listed(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const first = names.slice(0, named).map((name) => `'${name}'`);
  const more = names.length > named ? ` and ${names.length - named} more` : "";
  return [`${what}: ${first.join(", ")}${more}`];
}

/** Compares number and content of the points of every sequence. @returns the differences, for a person */
export async function comparePoints(
  target: Target,
  hash: string,
  documents: RunDocuments,
  sequences: readonly SentSequence[],
): Promise<string[]> {
  const problems: string[] = [];
  const contexts = new Map<number, ValueMap>([[0, new Map()]]);
  for (const context of documents.contexts.values()) contexts.set(contextId(context), context);
  const compare = (sequence: SentSequence, found: Tally) => {
    if (found.equals(sequence.tally)) return;
    const where = `'${sequence.name}'${shownContext(contexts.get(sequence.contextId))}`;
    problems.push(
      found.count === sequence.tally.count
        ? `points of ${where} differ from the archive's`
        : `${where} has ${found.count} points, not ${sequence.tally.count}`,
    );
  };
  let small: SentSequence[] = [];
  let points = 0;
  const readSmall = async () => {
    if (small.length === 0) return;
    const tallies = await readMetrics(target, hash, small, contexts, undefined);
    for (const [index, sequence] of small.entries()) compare(sequence, tallies[index]!);
    small = [];
    points = 0;
  };
  for (const sequence of sequences) {
    target.signal?.throwIfAborted();
    const { forms, tally } = sequence;
    if (!isShown(sequence)) continue;
    const [form] = forms;
    if (form === "metric" && tally.pages.length <= 1) {
      if (small.length >= together.sequences || points + tally.count > together.points) await readSmall();
      small.push(sequence);
      points += tally.count;
      continue;
    }
    const bucket = bucketOf(sequence.dtype);
    const found = new Tally();
    for (const range of form === "record" && !target.keepsTimes ? recordRanges(tally.count) : rangesOf(tally)) {
      if (form === "metric") await readMetrics(target, hash, [sequence], contexts, range, [found]);
      else if (form === "line") await readLines(target, hash, range, found);
      else if (form === "record") await readRecords(target, hash, range, found);
      else if (bucket !== undefined) await readBucket(target, hash, bucket, sequence, contexts, range, found);
    }
    compare(sequence, found);
  }
  await readSmall();
  return problems;
}

/** Whether the API shows all points of a sequence: not of one with both numbers and objects, or with objects it has no list for. */
export function isShown({ forms, dtype, isUncounted }: SentSequence): boolean {
  return forms.size === 1 && !isUncounted && (!forms.has("object") || bucketOf(dtype) !== undefined);
}

/**
 * `start:stop` of bounded pages. The ends are open, so that points around the archive's show; a single page begins at its first
 * step, since without both ends servers give the last lines of logs only.
 */
function* rangesOf({ pages, first }: Tally): Generator<string> {
  for (let i = 0; i < pages.length; i++) {
    const start = i > 0 ? pages[i] : pages.length > 1 ? "" : first;
    yield `${start}:${pages[i + 1] ?? ""}`;
  }
}

/** The existing server counts records from 0. */
function* recordRanges(count: number): Generator<string> {
  const size = 2_000;
  for (let from = 0; from < count; from += size) yield `${from}:${from + size >= count ? "" : from + size}`;
}

async function readMetrics(
  { api, signal }: Target,
  hash: string,
  sequences: readonly SentSequence[],
  contexts: ReadonlyMap<number, ValueMap>,
  range: string | undefined,
  tallies = sequences.map(() => new Tally()),
): Promise<readonly Tally[]> {
  const answer = await api.json({
    method: "POST",
    path: runPath(hash, "metric/get-batch"),
    query: { record_density: 0, record_range: range },
    body: refsOf(sequences, contexts),
    isRepeatable: true,
    signal,
  });
  const places = new Map(sequences.map(({ contextId: id, name }, index) => [traceKey(id, name), index]));
  for (const metric of Array.isArray(answer) ? answer : []) {
    if (!isMap(metric)) continue;
    const context = metric.get("context");
    const place = places.get(traceKey(contextId(isMap(context) ? context : null), textOf(metric, "name")));
    const [iters, values] = [metric.get("iters"), metric.get("values")];
    if (place === undefined || !Array.isArray(iters) || !Array.isArray(values)) continue;
    for (let i = 0; i < iters.length; i++)
      tallies[place]!.addNumber(stepOf(iters[i]), toNumber(values[i]) ?? Number.NaN);
  }
  return tallies;
}

async function readBucket(
  { api, signal }: Target,
  hash: string,
  bucket: ObjectBucket,
  sequence: SentSequence,
  contexts: ReadonlyMap<number, ValueMap>,
  range: string,
  tally: Tally,
): Promise<void> {
  const pieces = api.bytes({
    method: "POST",
    path: runPath(hash, `${bucket}/get-batch`),
    query: { record_density: 0, record_range: range },
    body: refsOf([sequence], contexts),
    isRepeatable: true,
    signal,
  });
  let iters: readonly StreamNode[] = [];
  let values: readonly StreamNode[] = [];
  for await (const [key, node] of readObjects(pieces, { isSearch: false })) {
    if (key === "iters" && Array.isArray(node)) iters = node;
    if (key === "values" && Array.isArray(node)) values = node;
  }
  for (const [index, step] of iters.entries()) {
    const text = shownObject(bucket, objectIn(bucket, values[index]));
    tally.addHash(stepOf(step), hashText(text), text.length);
  }
}

/** An item of an answer as the object that it was made of, as far as `shownObject` looks at it. */
function objectIn(bucket: ObjectBucket, node: StreamNode | undefined): Value {
  const item = Array.isArray(node) ? node[0] : node;
  if (!(item instanceof Map)) return null;
  const fields = new Map(item) as ValueMap;
  if (bucket === "distributions") fields.set("data", [...(floatsOf(item.get("data")) ?? [])]);
  return fields;
}

async function readLines({ api, signal }: Target, hash: string, range: string, tally: Tally): Promise<void> {
  const pieces = api.bytes({ path: runPath(hash, "logs"), query: { record_range: range }, signal });
  for await (const [step, line] of readObjects(pieces, { isSearch: false }))
    tally.addHash(stepOf(step), hashText(String(line)), String(line).length);
}

async function readRecords(
  { api, signal, keepsTimes }: Target,
  hash: string,
  range: string,
  tally: Tally,
): Promise<void> {
  const pieces = api.bytes({ path: runPath(hash, "log-records"), query: { record_range: range }, signal });
  for await (const [step, node] of readObjects(pieces, { isSearch: false })) {
    if (typeof step !== "bigint") continue;
    const text = shownRecord(node as Value);
    tally.addHash(keepsTimes ? step : 0n, hashText(text), text.length);
  }
}

/** How many log records the server has of a run. */
export async function countRecords({ api, signal }: Target, hash: string): Promise<number> {
  const pieces = api.bytes({ path: runPath(hash, "log-records"), query: { record_range: "0:0" }, signal });
  let count = 0;
  for await (const [key, node] of readObjects(pieces, { isSearch: false }))
    if (key === "log_records_count") count = toNumber(node as Value) ?? 0;
  return count;
}

function refsOf(sequences: readonly SentSequence[], contexts: ReadonlyMap<number, ValueMap>): Value {
  return sequences.map(({ contextId: id, name }) => mapOf({ name, context: contexts.get(id) ?? new Map() }));
}

/** Steps come as integers, and large ones as floats. */
function stepOf(step: StreamNode | undefined): bigint {
  if (typeof step === "bigint") return step;
  return typeof step === "number" && Number.isInteger(step) ? BigInt(step) : 0n;
}

function shownContext(context: ValueMap | undefined): string {
  return context === undefined || context.size === 0 ? "" : ` ${shown(context)}`;
}
