// What the API tells of runs, as typed objects. Times are seconds since the epoch, durations seconds.
import { MatyanError } from "../../formats/error.ts";
import { floatsOf, type StreamKey, type StreamNode } from "../../formats/stream.ts";
import { toNumber, type Value } from "../../formats/value.ts";
import { type Plain, type PlainObject, toPlain, toPlainObject } from "./plainValues.ts";

export interface TagRef {
  readonly id: string;
  readonly name: string;
  readonly color: string | null;
  readonly description: string | null;
}

export interface ExperimentRef {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
}

export interface RunProps {
  readonly name: string;
  readonly description: string;
  readonly experiment: ExperimentRef | null;
  readonly tags: readonly TagRef[];
  readonly createdAt: number;
  /** Null while the run is under way. */
  readonly endedAt: number | null;
  readonly archived: boolean;
  readonly active: boolean;
}

/** The end of a metric, as run searches give it. */
export interface MetricSummary {
  readonly name: string;
  readonly context: PlainObject;
  readonly last: number | null;
  readonly lastStep: number | null;
}

export interface FoundRun {
  readonly hash: string;
  readonly params: PlainObject;
  readonly props: RunProps;
  readonly metrics: readonly MetricSummary[];
}

export interface Metric {
  readonly name: string;
  readonly context: PlainObject;
  /** All of the same length; NaN where a point has no epoch or time. */
  readonly steps: Float64Array;
  readonly values: Float64Array;
  readonly epochs: Float64Array;
  readonly times: Float64Array;
  /** With an x axis only: its value at each step. */
  readonly x?: { readonly steps: Float64Array; readonly values: Float64Array };
}

export interface FoundMetrics extends Omit<FoundRun, "metrics"> {
  readonly metrics: readonly Metric[];
}

export interface ObjectSequence {
  readonly name: string;
  readonly context: PlainObject;
  readonly steps: readonly number[];
  readonly epochs: readonly (number | null)[];
  readonly times: readonly (number | null)[];
  /** Per step: a list of items for images, audios and texts, else one item (rest-api.md 2.8). */
  readonly values: readonly Plain[];
}

export interface FoundObjects extends Omit<FoundRun, "metrics"> {
  readonly sequences: readonly ObjectSequence[];
}

export interface ArtifactRef {
  readonly name: string;
  readonly path: string;
  readonly uri: string;
  /** Told only by servers that know, and when asked. */
  readonly contentType: string | undefined;
  /** Bytes; null when the file is not stored, undefined when it was not told. */
  readonly size: number | null | undefined;
}

export interface SequenceRef {
  readonly name: string;
  readonly context: PlainObject;
  readonly lastValue: number | null;
}

export interface RunInfo {
  readonly hash: string;
  readonly params: PlainObject;
  readonly props: RunProps;
  /** By type: metric, images, texts, distributions, audios, figures. */
  readonly sequences: Readonly<Record<string, readonly SequenceRef[]>>;
  readonly artifacts: readonly ArtifactRef[];
}

export interface LogRecord {
  readonly step: number;
  readonly message: string;
  readonly level: string;
  readonly time: number;
  readonly args: Plain;
}

export interface Experiment extends ExperimentRef {
  readonly runCount: number;
  readonly archived: boolean;
  readonly createdAt: number | null;
}

export interface Tag extends TagRef {
  readonly runCount: number;
  readonly archived: boolean;
}

type Fields = ReadonlyMap<StreamKey, StreamNode>;

/** @throws MatyanError `corrupt` naming the part that is not there. */
export function fieldsOf(node: StreamNode | undefined, what: string): Fields {
  if (node instanceof Map) return node;
  throw new MatyanError("corrupt", `the answer holds no ${what}`, {
    hint: "The server may be of another version than this client.",
  });
}

export function listOf(node: StreamNode | undefined): readonly StreamNode[] {
  return Array.isArray(node) ? (node as readonly StreamNode[]) : [];
}

function textOf(node: StreamNode | undefined): string {
  return typeof node === "string" ? node : "";
}

function textOrNull(node: StreamNode | undefined): string | null {
  return typeof node === "string" ? node : null;
}

function numberOrNull(node: StreamNode | undefined): number | null {
  return toNumber(node as Value | undefined) ?? null;
}

function objectOf(node: StreamNode | undefined): PlainObject {
  return node instanceof Map ? toPlainObject(node) : {};
}

function floatsOrNone(node: StreamNode | undefined): Float64Array {
  return floatsOf(node) ?? new Float64Array(0);
}

export function readProps(node: StreamNode | undefined): RunProps {
  const props = fieldsOf(node, "properties of a run");
  const experiment = props.get("experiment");
  return {
    name: textOf(props.get("name")),
    description: textOf(props.get("description")),
    experiment: experiment instanceof Map && experiment.get("id") !== null ? readExperimentRef(experiment) : null,
    tags: listOf(props.get("tags")).map((tag) => readTagRef(fieldsOf(tag, "tag"))),
    createdAt: numberOrNull(props.get("creation_time")) ?? 0,
    endedAt: numberOrNull(props.get("end_time")),
    archived: props.get("archived") === true,
    active: props.get("active") === true,
  };
}

function readExperimentRef(fields: Fields): ExperimentRef {
  return {
    id: textOf(fields.get("id")),
    name: textOf(fields.get("name")),
    description: textOrNull(fields.get("description")),
  };
}

function readTagRef(fields: Fields): TagRef {
  return {
    id: textOf(fields.get("id")),
    name: textOf(fields.get("name")),
    color: textOrNull(fields.get("color")),
    description: textOrNull(fields.get("description")),
  };
}

function common(hash: string, run: Fields): Omit<FoundRun, "metrics"> {
  return { hash, params: objectOf(run.get("params")), props: readProps(run.get("props")) };
}

export function readFoundRun(hash: string, node: StreamNode): FoundRun {
  const run = fieldsOf(node, "run");
  return {
    ...common(hash, run),
    metrics: listOf(fieldsOf(run.get("traces"), "traces").get("metric")).map((item) => {
      const trace = fieldsOf(item, "trace");
      const values = fieldsOf(trace.get("values"), "values of a trace");
      return {
        name: textOf(trace.get("name")),
        context: objectOf(trace.get("context")),
        last: numberOrNull(values.get("last")),
        lastStep: numberOrNull(values.get("last_step")),
      };
    }),
  };
}

export function readFoundMetrics(hash: string, node: StreamNode): FoundMetrics {
  const run = fieldsOf(node, "run");
  return { ...common(hash, run), metrics: listOf(run.get("traces")).map(readMetric) };
}

function readMetric(node: StreamNode): Metric {
  const trace = fieldsOf(node, "trace");
  const x = trace.get("x_axis_values");
  return {
    name: textOf(trace.get("name")),
    context: objectOf(trace.get("context")),
    steps: floatsOrNone(trace.get("iters")),
    values: floatsOrNone(trace.get("values")),
    epochs: floatsOrNone(trace.get("epochs")),
    times: floatsOrNone(trace.get("timestamps")),
    ...(x === undefined ? {} : { x: { steps: floatsOrNone(trace.get("x_axis_iters")), values: floatsOrNone(x) } }),
  };
}

export function readFoundObjects(hash: string, node: StreamNode): FoundObjects {
  const run = fieldsOf(node, "run");
  return {
    ...common(hash, run),
    sequences: listOf(run.get("traces")).map((item) => {
      const trace = fieldsOf(item, "trace");
      return {
        name: textOf(trace.get("name")),
        context: objectOf(trace.get("context")),
        steps: listOf(trace.get("iters")).map((step) => numberOrNull(step) ?? 0),
        epochs: listOf(trace.get("epochs")).map(numberOrNull),
        times: listOf(trace.get("timestamps")).map(numberOrNull),
        values: listOf(trace.get("values")).map(toPlain),
      };
    }),
  };
}

export function readRunInfo(hash: string, json: Value): RunInfo {
  const info = fieldsOf(json, "run");
  const sequences = [...fieldsOf(info.get("traces"), "traces")].map(([type, traces]) => [
    String(type),
    listOf(traces).map((item) => {
      const trace = fieldsOf(item, "trace");
      return {
        name: textOf(trace.get("name")),
        context: objectOf(trace.get("context")),
        lastValue: numberOrNull(trace.get("last_value")),
      };
    }),
  ]);
  return { ...common(hash, info), sequences: Object.fromEntries(sequences), artifacts: readArtifacts(info) };
}

function readArtifacts(info: Fields): ArtifactRef[] {
  return listOf(info.get("artifacts")).map((item) => {
    const artifact = fieldsOf(item, "artifact");
    return {
      name: textOf(artifact.get("name")),
      path: textOf(artifact.get("path")),
      uri: textOf(artifact.get("uri")),
      contentType: textOrNull(artifact.get("content_type")) ?? undefined,
      size: artifact.has("size") ? numberOrNull(artifact.get("size")) : undefined,
    };
  });
}

export function readLogRecord(step: number, node: StreamNode): LogRecord {
  const record = fieldsOf(node, "log record");
  return {
    step,
    message: textOf(record.get("message")),
    level: textOf(record.get("log_level")),
    time: numberOrNull(record.get("timestamp")) ?? 0,
    args: toPlain(record.get("args")),
  };
}

export function readExperiment(node: StreamNode): Experiment {
  const fields = fieldsOf(node, "experiment");
  return {
    ...readExperimentRef(fields),
    runCount: numberOrNull(fields.get("run_count")) ?? 0,
    archived: fields.get("archived") === true,
    createdAt: numberOrNull(fields.get("creation_time")),
  };
}

export function readTag(node: StreamNode): Tag {
  const fields = fieldsOf(node, "tag");
  return {
    ...readTagRef(fields),
    runCount: numberOrNull(fields.get("run_count")) ?? 0,
    archived: fields.get("archived") === true,
  };
}
