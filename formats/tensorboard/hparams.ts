// Hyperparameters of the hparams plugin: nested attributes, and what else it says about the session (backup-convert.md 4.6).
import { mapOf, type Value, type ValueMap } from "../value.ts";
import { parseLiteral } from "./literal.ts";
import type { ExperimentMessage, HParamEntry, HParamsMessage, Plain, ValueMessage } from "./messages.ts";

const maxDepth = 64;
const statusNames = ["unknown", "success", "failure", "running"];
const typeNames = ["unset", "string", "bool", "float64"];
const datasetNames = ["unknown", "training", "validation"];

/** Flat hyperparameters of one session, `a/b` for nested ones; a later entry of a key wins. */
export function readHyperparameters(entries: readonly HParamEntry[]): ValueMap {
  const flat: ValueMap = new Map();
  for (const { key, value } of entries) flat.set(key ?? "", hyperparameter(value));
  return flat;
}

/** A string that spells a list or dict becomes one; nothing else is changed. */
function hyperparameter(value: ValueMessage | undefined): Value {
  const plain = plainValue(value, 0);
  return typeof plain === "string" ? (parseLiteral(plain) ?? plain) : plain;
}

/** A `google.protobuf.Value`; null when no kind is set. */
function plainValue(value: ValueMessage | undefined, depth: number): Value {
  if (value === undefined || depth > maxDepth) return null;
  if (value.number_value !== undefined) return value.number_value;
  if (value.string_value !== undefined) return value.string_value;
  if (value.bool_value !== undefined) return value.bool_value;
  if (value.list_value !== undefined) return (value.list_value.values ?? []).map((item) => plainValue(item, depth + 1));
  if (value.struct_value === undefined) return null;
  const fields = value.struct_value.fields ?? [];
  return new Map(fields.map((field) => [field.key ?? "", plainValue(field.value, depth + 1)]));
}

/**
 * Splits keys at `/` into nested maps. A key that is both a leaf and a parent keeps its leaf under the empty key:
 * `a`=1, `a/b`=2 is `{"a": {"": 1, "b": 2}}`.
 */
export function nestKeys(flat: ValueMap): ValueMap {
  const branches = new WeakSet<ValueMap>();
  const branch = (): ValueMap => {
    const map: ValueMap = new Map();
    branches.add(map);
    return map;
  };
  const isBranch = (value: Value | undefined): value is ValueMap => value instanceof Map && branches.has(value);
  const root = branch();
  const setLeaf = (parent: ValueMap, key: string, value: Value): void => {
    const present = parent.get(key);
    if (isBranch(present)) setLeaf(present, "", value);
    else parent.set(key, value);
  };
  for (const [path, value] of flat) {
    const segments = path.split("/", maxDepth);
    // What is nested deeper than anybody means it keeps its slashes.
    if (segments.length === maxDepth)
      segments[maxDepth - 1] = path
        .split("/")
        .slice(maxDepth - 1)
        .join("/");
    let parent = root;
    for (const segment of segments.slice(0, -1)) {
      let next = parent.get(segment);
      if (!isBranch(next)) {
        const made = branch();
        if (next !== undefined) made.set("", next);
        parent.set(segment, made);
        next = made;
      }
      parent = next as ValueMap;
    }
    setLeaf(parent, segments.at(-1)!, value);
  }
  return root;
}

/** What the plugin says beside the hyperparameters themselves, for the run's `tensorboard` attribute. */
export function describeSession(message: HParamsMessage): ValueMap {
  const start = message.session_start_info;
  const end = message.session_end_info;
  return mapOf({
    group_name: start?.group_name || undefined,
    model_uri: start?.model_uri || undefined,
    monitor_url: start?.monitor_url || undefined,
    start_time: start?.start_time_secs,
    end_time: end?.end_time_secs,
    status: end === undefined ? undefined : (statusNames[end.status ?? 0] ?? "unknown"),
    experiment: message.experiment === undefined ? undefined : describeExperiment(message.experiment),
  });
}

function describeExperiment(experiment: ExperimentMessage): ValueMap {
  return mapOf({
    name: experiment.name || undefined,
    description: experiment.description || undefined,
    user: experiment.user || undefined,
    time_created: experiment.time_created_secs,
    hparams: (experiment.hparam_infos ?? []).map((info) =>
      mapOf({
        name: info.name ?? "",
        display_name: info.display_name || undefined,
        description: info.description || undefined,
        type: typeNames[info.type ?? 0] ?? "unset",
        values: info.domain_discrete && (info.domain_discrete.values ?? []).map((value) => plainValue(value, 0)),
        interval: info.domain_interval && plainMessage(info.domain_interval),
      }),
    ),
    metrics: (experiment.metric_infos ?? []).map((info) =>
      mapOf({
        name: info.name === undefined ? undefined : plainMessage(info.name),
        display_name: info.display_name || undefined,
        description: info.description || undefined,
        dataset: info.dataset_type === undefined ? undefined : (datasetNames[info.dataset_type] ?? "unknown"),
      }),
    ),
  });
}

/** A decoded message as a stored value; its numbers are floats unless `integers` names their field. */
export function plainMessage(message: Plain, integers: ReadonlySet<string> = new Set()): ValueMap {
  const convert = (field: string, value: Plain[string] | Plain): Value => {
    if (typeof value === "number") return integers.has(field) ? BigInt(value) : value;
    if (typeof value === "string" || typeof value === "boolean") return value;
    if (Array.isArray(value)) return value.map((item: Plain | string) => convert(field, item));
    return plainMessage(value as Plain, integers);
  };
  return new Map(Object.entries(message).map(([field, value]) => [field, convert(field, value)]));
}
