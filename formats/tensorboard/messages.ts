// The messages of event files that are rare enough to be decoded into objects, by protobufjs.
// Layouts: tensorflow/core/framework/summary.proto; tensorboard/plugins/hparams/{plugin_data,api}.proto;
// tensorboard/plugins/custom_scalar/layout.proto; google/protobuf/struct.proto.
import type { IConversionOptions, Type } from "protobufjs/light";

type FieldTable = Readonly<Record<string, readonly [id: number, type: string, rule?: "repeated"]>>;

const tables: Readonly<Record<string, FieldTable>> = {
  Histogram: {
    min: [1, "double"],
    max: [2, "double"],
    num: [3, "double"],
    sum: [4, "double"],
    sumSquares: [5, "double"],
    limits: [6, "double", "repeated"],
    counts: [7, "double", "repeated"],
  },
  PluginData: { plugin_name: [1, "string"], content: [2, "bytes"] },
  Metadata: { plugin_data: [1, "PluginData"], display_name: [2, "string"], summary_description: [3, "string"] },
  // A map field is a repeated entry on the wire; as such it keeps its order and keys like `__proto__`.
  HParamEntry: { key: [1, "string"], value: [2, "Value"] },
  HParams: {
    version: [1, "int32"],
    experiment: [2, "Experiment"],
    session_start_info: [3, "SessionStart"],
    session_end_info: [4, "SessionEnd"],
  },
  SessionStart: {
    hparams: [1, "HParamEntry", "repeated"],
    model_uri: [2, "string"],
    monitor_url: [3, "string"],
    group_name: [4, "string"],
    start_time_secs: [5, "double"],
  },
  SessionEnd: { status: [1, "int32"], end_time_secs: [2, "double"] },
  Experiment: {
    description: [1, "string"],
    user: [2, "string"],
    time_created_secs: [3, "double"],
    hparam_infos: [4, "HParamInfo", "repeated"],
    metric_infos: [5, "MetricInfo", "repeated"],
    name: [6, "string"],
  },
  HParamInfo: {
    name: [1, "string"],
    display_name: [2, "string"],
    description: [3, "string"],
    type: [4, "int32"],
    domain_discrete: [5, "ListValue"],
    domain_interval: [6, "Interval"],
  },
  Interval: { min_value: [1, "double"], max_value: [2, "double"] },
  MetricInfo: {
    name: [1, "MetricName"],
    display_name: [3, "string"],
    description: [4, "string"],
    dataset_type: [5, "int32"],
  },
  MetricName: { group: [1, "string"], tag: [2, "string"] },
  Value: {
    null_value: [1, "int32"],
    number_value: [2, "double"],
    string_value: [3, "string"],
    bool_value: [4, "bool"],
    struct_value: [5, "Struct"],
    list_value: [6, "ListValue"],
  },
  Struct: { fields: [1, "HParamEntry", "repeated"] },
  ListValue: { values: [1, "Value", "repeated"] },
  Layout: { version: [1, "int32"], category: [2, "Category", "repeated"] },
  Category: { title: [1, "string"], chart: [2, "Chart", "repeated"], closed: [3, "bool"] },
  Chart: { title: [1, "string"], multiline: [2, "Multiline"], margin: [3, "Margin"] },
  Multiline: { tag: [1, "string", "repeated"] },
  Margin: { series: [1, "MarginSeries", "repeated"] },
  MarginSeries: { value: [1, "string"], lower: [2, "string"], upper: [3, "string"] },
};

/** Shapes of decoded messages. Fields that were not on the wire are undefined. */
export interface HistogramMessage {
  readonly min?: number;
  readonly max?: number;
  readonly num?: number;
  readonly sum?: number;
  readonly sumSquares?: number;
  readonly limits?: readonly number[];
  readonly counts?: readonly number[];
}
export interface MetadataMessage {
  readonly plugin_data?: { readonly plugin_name?: string; readonly content?: Uint8Array };
  readonly display_name?: string;
  readonly summary_description?: string;
}
export interface ValueMessage {
  readonly null_value?: number;
  readonly number_value?: number;
  readonly string_value?: string;
  readonly bool_value?: boolean;
  readonly struct_value?: { readonly fields?: readonly HParamEntry[] };
  readonly list_value?: { readonly values?: readonly ValueMessage[] };
}
export interface HParamEntry {
  readonly key?: string;
  readonly value?: ValueMessage;
}
/** A decoded message in general: scalars, lists and further messages by field name. */
export type Plain = {
  readonly [field: string]: Plain | readonly Plain[] | string | number | boolean | readonly string[];
};
export interface ExperimentMessage {
  readonly name?: string;
  readonly description?: string;
  readonly user?: string;
  readonly time_created_secs?: number;
  readonly hparam_infos?: readonly {
    readonly name?: string;
    readonly display_name?: string;
    readonly description?: string;
    readonly type?: number;
    readonly domain_discrete?: { readonly values?: readonly ValueMessage[] };
    readonly domain_interval?: Plain;
  }[];
  readonly metric_infos?: readonly {
    readonly name?: Plain;
    readonly display_name?: string;
    readonly description?: string;
    readonly dataset_type?: number;
  }[];
}
export interface HParamsMessage {
  readonly experiment?: ExperimentMessage;
  readonly session_start_info?: {
    readonly hparams?: readonly HParamEntry[];
    readonly model_uri?: string;
    readonly monitor_url?: string;
    readonly group_name?: string;
    readonly start_time_secs?: number;
  };
  readonly session_end_info?: { readonly status?: number; readonly end_time_secs?: number };
}
interface Messages {
  Histogram: HistogramMessage;
  Metadata: MetadataMessage;
  HParams: HParamsMessage;
  Layout: Plain;
}

const conversion: IConversionOptions = { longs: Number };
let types: Map<string, Type> | undefined;

/** Decodes `bytes`; undefined if they are no such message. Bytes fields are views of `bytes` where the engine allows it. */
export function decodeMessage<Name extends keyof Messages>(name: Name, bytes: Uint8Array): Messages[Name] | undefined {
  types ??= buildTypes();
  const type = types.get(name)!;
  try {
    return type.toObject(type.decode(bytes), conversion) as Messages[Name];
  } catch {
    // protobufjs has no error type of its own: whatever it throws here, these bytes are not the message.
    return undefined;
  }
}

/** Loads protobufjs when the first message is met: a log of plain scalars does without its 50 ms. */
function buildTypes(): Map<string, Type> {
  const protobuf: typeof import("protobufjs/light") = require("protobufjs/light");
  const root = new protobuf.Root();
  const built = new Map<string, Type>();
  for (const [name, fields] of Object.entries(tables)) {
    const type = new protobuf.Type(name);
    for (const [field, [id, of, rule]] of Object.entries(fields)) type.add(new protobuf.Field(field, id, of, rule));
    root.add(type);
    built.set(name, type);
  }
  root.resolveAll();
  return built;
}
