// What the frontier and the apply loop add to the metrics of the process (pipeline.md 4.6, and ours).
import { type IngestType, ingestTypes } from "../formats/messages/index.ts";
import type { Registry } from "./api/prometheus.ts";
import type { BusEvents } from "./clusterEvents.ts";
import type { Frontier, FrontierMetrics } from "./frontier/index.ts";
import type { LiveWatch } from "./live/watch.ts";
import type { ApplyLoop } from "./workers/apply.ts";

const durations = [1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600];

/** `watch` is told of messages and refusals too. */
export function frontierMetrics(registry: Registry, watch: LiveWatch): FrontierMetrics {
  const known = new Set<string>(ingestTypes satisfies readonly IngestType[]);
  let active = 0;
  registry.gauge("matyan_ws_connections_active", "Open WebSocket connections.", () => active);
  const messages = registry.counter("matyan_ws_messages_total", "Valid messages by type.", ["message_type"]);
  registry.readCounter(
    "matyan_ws_points_total",
    "Values of metrics and objects among them.",
    () => watch.received.points,
  );
  const seconds = registry.histogram(
    "matyan_ws_connection_duration_seconds",
    "How long connections lasted.",
    durations,
  );
  const refused = registry.counter("matyan_ws_frames_refused_total", "Frames answered with an error.");
  return {
    opened: () => {
      active++;
    },
    closed: (lasted) => {
      active--;
      seconds.observe([], lasted);
    },
    message: (type) => {
      messages.add([known.has(type) ? type : "other"]);
      watch.message(type);
    },
    refused: (reason) => {
      refused.add([]);
      watch.error("frontier", reason);
    },
  };
}

/** Readings, taken when somebody asks. */
export function addReadings(
  registry: Registry,
  frontier: Frontier,
  { loop, events }: { readonly loop: ApplyLoop | undefined; readonly events: BusEvents | undefined },
): void {
  const gauge = (name: string, help: string, read: () => number) => registry.gauge(`matyan_${name}`, help, read);
  const counter = (name: string, help: string, read: () => number) =>
    registry.readCounter(`matyan_${name}`, help, read);
  gauge("ws_held_bytes", "Bytes of frames that have no reply yet.", () => frontier.sockets.stats.heldBytes);
  if (events !== undefined) {
    gauge("control_events_waiting", "Control events that wait to be published.", () => events.stats.waiting);
    counter("control_events_published_total", "Control events published.", () => events.stats.published);
    counter("control_events_lost_total", "Control events given up.", () => events.stats.lost);
  }
  if (loop === undefined) return;
  gauge("apply_queue_messages", "Messages that wait to be stored.", () => loop.stats.queued);
  gauge("apply_queue_bytes", "Their size, as estimated.", () => loop.stats.queuedBytes);
  gauge("apply_waiting_submissions", "Frames that wait for room in the queue.", () => loop.stats.waiting);
  gauge(
    "apply_last_round_seconds",
    "From the first message of the last round to durable.",
    () => loop.stats.lastCommitMs / 1_000,
  );
  counter("apply_messages_applied_total", "Messages stored.", () => loop.stats.applied);
  counter("apply_points_total", "Values of metrics and objects stored.", () => loop.stats.points);
  counter("apply_messages_refused_total", "Messages refused.", () => loop.stats.refused);
  counter("apply_messages_dropped_total", "Messages for deleted runs.", () => loop.stats.dropped);
  counter("apply_rounds_failed_total", "Rounds that the store failed on.", () => loop.stats.failed);
  counter("apply_commits_total", "Durable commits.", () => loop.stats.commits);
}
