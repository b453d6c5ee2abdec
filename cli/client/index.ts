// The package's face: `import { Run, Repo } from "matyan"`. docs/client.md says how to use it.
export { type ErrorCode, MatyanError } from "../../formats/error.ts";
export { type HttpOptions, type RefusedQuery, ServerRefusal } from "./http.ts";
export { Audio, Distribution, Figure, Image, type MediaSource, Text, type TrackedObject } from "./objects.ts";
export { Float, float, type Plain, type PlainObject } from "./plainValues.ts";
export { type MetricSearch, type ObjectSearch, Repo } from "./repo.ts";
export type {
  ArtifactRef,
  Experiment,
  ExperimentRef,
  FoundMetrics,
  FoundObjects,
  FoundRun,
  LogRecord,
  Metric,
  MetricSummary,
  ObjectSequence,
  RunInfo,
  RunProps,
  SequenceRef,
  Tag,
  TagRef,
} from "./results.ts";
export { Run } from "./run.ts";
export type { Closed, RunOptions, TrackOptions } from "./runOptions.ts";
export type { RunSearch, SearchOptions } from "./searches.ts";
export { Sender } from "./sender.ts";
export type { Delivery, Refusal, SenderOptions } from "./senderOptions.ts";
export type { Uploaded } from "./upload.ts";
