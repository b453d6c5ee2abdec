// A worker as a process: its engines by the configuration, the worker itself, and the door at which it is watched.
import { MatyanError } from "../formats/error.ts";
import { Registry } from "./api/prometheus.ts";
import type { PartitionLag } from "./bus/index.ts";
import { makeTopics } from "./clusterTopics.ts";
import type { Config, WorkerSettings } from "./config.ts";
import { type CheckedParts, createReadiness } from "./health.ts";
import { openBus, openStack, openStoreOnly } from "./stack.ts";
import { within } from "./within.ts";
import { openWorkerDoor } from "./workerDoor.ts";
import { applyReadings, controlMetrics, ingestMetrics, lagGauges } from "./workerMetrics.ts";
import { ControlWorker } from "./workers/control/controlWorker.ts";
import type { WorkerHealth } from "./workers/health.ts";
import { IngestWorker } from "./workers/ingestion/ingestWorker.ts";

export type WorkerKind = "ingest" | "control";

export interface WorkerOptions {
  readonly kind: WorkerKind;
  readonly config: Config;
  readonly settings: WorkerSettings;
  readonly warn: (text: string) => void;
  /** Told of what was done. */
  readonly log?: (text: string) => void;
}

export interface RunningWorker {
  /** Where health and metrics are; undefined when they are switched off. */
  readonly metricsPort: number | undefined;
  readonly assigned: readonly number[];
  /** Takes no more, finishes what it took, and closes everything: within `stopWorkerMs`. */
  stop(): Promise<void>;
}

/** Less than the 10 s after which supervisors use force, milliseconds. */
const stopWorkerMs = 8_000;

/** Between two looks at the lag, milliseconds. */
const lagEveryMs = 5_000;

interface Worker {
  readonly assigned: readonly number[];
  health(): WorkerHealth;
  lags(): Promise<PartitionLag[]>;
  stop(): Promise<void>;
}

/** @throws MatyanError `usage` without a bus; `io` when an engine does not answer; `busy` when the port is taken. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { kind, config, settings, warn } = options;
  await using undo = new AsyncDisposableStack();
  const registry = new Registry();
  const bus = await openBus(config, { clientId: `matyan-${kind}-worker`, warn });
  if (bus === undefined || config.kafka === undefined)
    throw new MatyanError("usage", "a worker takes its messages from Kafka, and none is configured", {
      hint: "Set KAFKA_BOOTSTRAP_SERVERS. Without Kafka, `matyan serve` stores what it takes by itself.",
    });
  undo.defer(() => bus.close());
  const { topics } = config.kafka;
  await makeTopics(bus, config, ["ingestion", "control"]);
  const { worker, checked } = kind === "ingest" ? await startIngest() : await startControl();
  undo.defer(() => worker.stop());
  const topic = kind === "ingest" ? topics.ingestion : topics.control;
  undo.defer(watchLag(worker, (lags) => lagGauges(registry, kind === "ingest" ? "ingestion" : "control", topic, lags)));
  const ready = createReadiness({ ...checked, bus: { bus, topics: [topic] } });
  const port = settings.metricsPort;
  const door = port === undefined ? undefined : openWorkerDoor(port, registry, () => readiness(ready, worker));
  if (door !== undefined) undo.defer(() => door.close());
  const resources = undo.move();
  let stopping: Promise<void> | undefined;
  return {
    metricsPort: door?.port,
    get assigned() {
      return worker.assigned;
    },
    stop: () => {
      stopping ??= stopAll(resources, warn);
      return stopping;
    },
  };

  async function startIngest(): Promise<{ worker: Worker; checked: CheckedParts }> {
    const { store } = undo.use(await openStoreOnly(config, { missing: "create" }));
    const { batchMessages, batchWaitMs, transaction } = settings;
    const bounds = { batchMessages, batchWaitMs, transaction };
    const metrics = ingestMetrics(registry);
    const worker = await IngestWorker.start({ bus: bus!, store, topics, ...bounds, metrics, warn });
    applyReadings(registry, () => worker.stats);
    return { worker, checked: { store } };
  }

  async function startControl(): Promise<{ worker: Worker; checked: CheckedParts }> {
    const { store, blobs } = undo.use(await openStack(config, { missing: "create" }));
    await blobs.check();
    const { log } = options;
    const metrics = controlMetrics(registry);
    const parts = { bus: bus!, store, blobs, topic: topics.control, metrics, warn };
    return {
      worker: await ControlWorker.start(log === undefined ? parts : { ...parts, log }),
      checked: { store, blobs },
    };
  }
}

async function stopAll(resources: AsyncDisposableStack, warn: (text: string) => void): Promise<void> {
  if (await within(resources.disposeAsync(), stopWorkerMs)) return;
  warn("not everything could be finished in time: what was not committed comes again, to another worker");
}

async function readiness(ready: () => Promise<WorkerHealth>, worker: Worker): Promise<WorkerHealth> {
  const [engines, own] = [await ready(), worker.health()];
  const checks: Record<string, string> = { ...engines.checks };
  // What the worker waits for at this moment says more than whether the engine answers.
  for (const [name, reason] of Object.entries(own.checks))
    if (reason !== "ok" || !(name in checks)) checks[name] = reason;
  return { status: engines.status === "ok" && own.status === "ok" ? "ok" : "degraded", checks };
}

/** Asks for the lag now and then. Returns what ends that. */
function watchLag(worker: Worker, show: (lags: () => readonly PartitionLag[]) => void): () => void {
  let last: readonly PartitionLag[] = [];
  // What was handed over since is another's.
  show(() => last.filter(({ partition }) => worker.assigned.includes(partition)));
  const ask = () => {
    worker
      .lags()
      .then((lags) => {
        last = lags;
      })
      // The bus being away is told by readiness; the lag stays what it was.
      .catch(() => undefined);
  };
  ask();
  const timer = setInterval(ask, lagEveryMs);
  return () => clearInterval(timer);
}
