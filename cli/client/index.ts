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
export { type Closed, Run, type RunOptions, type TrackOptions } from "./run.ts";
export type { RunSearch, SearchOptions } from "./searches.ts";
export { type Delivery, type Refusal, Sender, type SenderOptions } from "./sender.ts";
export type { Uploaded } from "./upload.ts";
