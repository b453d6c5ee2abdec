// The metrics of a worker: the existing workers' names (pipeline.md 2.9, 3), and ours for what they do not tell.
import { ingestTypes } from "../formats/messages/index.ts";
import type { Registry } from "./api/prometheus.ts";
import type { PartitionLag } from "./bus/index.ts";
import type { ApplyLoopStats } from "./workers/apply.ts";
import type { ControlMetrics } from "./workers/control/controlMetrics.ts";
import type { IngestMetrics } from "./workers/ingestion/ingestMetrics.ts";

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const controlTypes = ["run_deleted", "run_archived", "run_unarchived", "experiment_deleted", "tag_deleted"];

/** Types are what messages say: all that we do not know share one label. */
function labelOf(known: readonly string[]): (type: string) => string {
  const all = new Set(known);
  return (type) => (all.has(type) ? type : "other");
}

export function ingestMetrics(registry: Registry): IngestMetrics {
  const name = (text: string) => `matyan_ingestion_${text}`;
  const consumed = registry.counter(name("messages_consumed_total"), "Messages taken from the topic.");
  const processed = registry.counter(name("messages_processed_total"), "Messages done, by type.", ["message_type"]);
  const errors = registry.counter(name("processing_errors_total"), "Messages and attempts that failed.", [
    "error_type",
  ]);
  const size = registry.histogram(name("batch_size"), "Messages of a batch.", [1, 5, 10, 25, 50, 100, 200, 500]);
  const took = registry.histogram(name("batch_processing_seconds"), "From a batch taken to durable.", seconds);
  const bytes = registry.histogram(
    name("txn_estimated_bytes"),
    "Estimated size of what is stored together.",
    [1e5, 5e5, 1e6, 2e6, 4e6, 8e6, 1e7],
  );
  const retries = registry.counter(name("fdb_retries_total"), "Attempts that the store made necessary.");
  const dead = registry.counter(name("dead_letters_total"), "Messages put on the dead letter topic.");
  const retried = registry.counter(name("retries_total"), "Attempts that failed and were made again.", ["what"]);
  const delay = registry.histogram(name("delay_seconds"), "From published to durable.", [...seconds, 30, 60, 300]);
  const label = labelOf(ingestTypes);
  return {
    consumed: (count) => consumed.add([], count),
    applied: (messages, outcomes, lasted) => {
      size.observe([], messages.length);
      took.observe([], lasted);
      const counts = new Map<string, number>();
      messages.forEach(({ type }, i) => {
        if (outcomes[i]?.ok) counts.set(label(type), (counts.get(label(type)) ?? 0) + 1);
      });
      for (const [type, count] of counts) processed.add([type], count);
    },
    estimated: (size) => bytes.observe([], size),
    refused: (unreadable, inapplicable) => {
      if (unreadable > 0) errors.add(["validation"], unreadable);
      if (inapplicable > 0) errors.add(["unknown"], inapplicable);
      dead.add([], unreadable + inapplicable);
    },
    retried: (what) => {
      retried.add([what]);
      if (what !== "store") return;
      errors.add(["fdb"]);
      retries.add([]);
    },
    delay: (value) => delay.observe([], value),
  };
}

/** What the apply loop of an ingestion worker counts by itself. */
export function applyReadings(registry: Registry, stats: () => ApplyLoopStats): void {
  const counter = (name: string, help: string, read: (stats: ApplyLoopStats) => number) =>
    registry.readCounter(`matyan_ingestion_${name}_total`, help, () => read(stats()));
  counter("messages_dropped", "Messages that came for deleted runs.", ({ dropped }) => dropped);
  counter("messages_repeated", "Messages that came again, and were applied before.", ({ repeated }) => repeated);
  counter("points", "Values of metrics and objects that were done.", ({ points }) => points);
  counter("commits", "Durable commits.", ({ commits }) => commits);
}

export function controlMetrics(registry: Registry): ControlMetrics {
  const name = (text: string) => `matyan_control_${text}`;
  const consumed = registry.counter(name("events_consumed_total"), "Events taken from the topic.");
  const processed = registry.counter(name("events_processed_total"), "Events done, by type.", ["event_type"]);
  const errors = registry.counter(name("processing_errors_total"), "Attempts that failed.", ["error_type"]);
  const took = registry.histogram(name("processing_duration_seconds"), "How long an event took.", seconds);
  const dead = registry.counter(name("dead_letters_total"), "Events put on the dead letter topic.");
  const retried = registry.counter(name("retries_total"), "Attempts that failed and were made again.");
  const files = registry.counter(name("files_deleted_total"), "Files of deleted runs that were removed.");
  const label = labelOf(controlTypes);
  return {
    consumed: () => consumed.add([]),
    processed: (type) => processed.add([label(type)]),
    failed: (kind) => errors.add([kind]),
    refused: () => dead.add([]),
    retried: () => retried.add([]),
    took: (lasted) => took.observe([], lasted),
    filesDeleted: (count) => files.add([], count),
  };
}

/** The lag as it was last asked for: Prometheus does not wait for a broker. */
export function lagGauges(
  registry: Registry,
  prefix: "ingestion" | "control",
  topic: string,
  lags: () => readonly PartitionLag[],
): void {
  registry.gauges(
    `matyan_${prefix}_lag`,
    "Messages that wait on the topic, by partition.",
    ["topic", "partition"],
    () => lags().map(({ partition, lag }) => [[topic, String(partition)], lag] as const),
  );
}
