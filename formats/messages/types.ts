// What the parts of the system tell each other about runs: one message is one change of one run (pipeline.md 1.3-1.6).
import type { ValueMap } from "../value.ts";

/** One ingestion message, as it stands on the topic `data-ingestion`. */
export interface IngestMessage {
  /** One of `ingestTypes`; another one is refused by whoever applies it. */
  readonly type: string;
  readonly runId: string;
  /** The producer's time, seconds since the epoch. */
  readonly timestamp: number;
  /** The members of pipeline.md 1.5, numbers with their kinds. Readers treat every member with a default as optional. */
  readonly payload: ValueMap;
  /** Where it came from, when it came from a topic. */
  readonly source?: MessageSource;
}

/** A place on a topic. */
export interface MessageSource {
  /** Names cluster, topic and partition. */
  readonly partition: string;
  readonly offset: bigint;
  /** When it was published, seconds since the epoch. */
  readonly published: number;
}

/** One event on the topic `control-events`. */
export interface ControlEvent {
  readonly type: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly payload: ValueMap;
}

export const ingestTypes = [
  "create_run",
  "log_metric",
  "log_hparams",
  "log_custom_object",
  "set_run_property",
  "add_tag",
  "remove_tag",
  "log_terminal_line",
  "log_record",
  "blob_ref",
  "finish_run",
  "delete_run",
] as const;

export type IngestType = (typeof ingestTypes)[number];

const pointTypes: ReadonlySet<string> = new Set<IngestType>(["log_metric", "log_custom_object"]);

/** Whether a message of that type is a point: a value of a metric, or an object. */
export function isPoint(type: string): boolean {
  return pointTypes.has(type);
}

/** What became of one item of a frame; `index` is its place in the frame, `error` a report that names the field path. */
export type FrameItem =
  | { readonly ok: true; readonly message: IngestMessage }
  | { readonly ok: false; readonly index: number; readonly error: string };

/** A frame of which nothing can be read has one error in place of items. */
export type ParsedFrame = { readonly items: readonly FrameItem[] } | { readonly error: string };

/** What a frame does not say itself: the run of its socket (whatever its items say) and the time that it arrived. */
export interface FrameContext {
  readonly runId: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}
