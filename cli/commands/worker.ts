// `matyan worker ingest` and `matyan worker control`: the workers of a cluster, until they are told to stop.
import { Configuration, processSources } from "../../server/config.ts";
import { startWorker, type WorkerKind } from "../../server/worker.ts";
import { type CommonOptions, type Context, type Define, examples, execute } from "../runtime.ts";
import { countBetween } from "./options.ts";

interface Options {
  readonly metricsPort?: number;
}

const about: Readonly<Record<WorkerKind, string>> = {
  ingest: `
It stores the messages of KAFKA_DATA_INGESTION_TOPIC as member of the group 'ingestion-workers', which existing workers may
be members of as well. A message's offset is committed when it is in the store. One that cannot be stored goes alone to the
topic's dead letters (see 'matyan dlq'). While the store is away it waits and says so. Any number of them may run.`,
  control: `
It does what the events of KAFKA_CONTROL_EVENTS_TOPIC ask for, as member of the group 'control-workers': the files of
deleted runs are removed from the object store, and again until that works.`,
};

const notes = `
Health is at /health/live and /health/ready of METRICS_PORT, metrics at /metrics. On SIGTERM or Ctrl-C it takes no more,
finishes and commits what it took, and exits with 0; a second one ends it at once.

Environment: the engines (see 'matyan config'), KAFKA_*, METRICS_PORT, for the ingest worker INGEST_*.`;

function defineWorker(kind: WorkerKind): Define {
  return (command) => {
    command
      .option(
        "--metrics-port <port>",
        "port of health and metrics, 0 for a free one (default: $METRICS_PORT, else 9090)",
        countBetween(0, 65_535),
      )
      .addHelpText("after", `${about[kind]}${notes}`)
      .addHelpText("after", examples(`matyan worker ${kind}`, `matyan worker ${kind} --metrics-port 0 --json`))
      .action(execute<[], Options>((context, options) => work(kind, context, options)));
  };
}

export const defineIngest = defineWorker("ingest");
export const defineControl = defineWorker("control");

async function work(kind: WorkerKind, { out, signal }: Context, options: Options & CommonOptions): Promise<void> {
  const configuration = new Configuration(processSources({ MATYAN_DATA: options.data }));
  const config = configuration.configFor([`${kind}-worker`]);
  const { worker: settings } = configuration;
  const worker = await startWorker({
    kind,
    config,
    settings: { ...settings, metricsPort: options.metricsPort ?? settings.metricsPort },
    warn: out.warn,
    log: out.info,
  });
  const { metricsPort } = worker;
  const topic = kind === "ingest" ? config.kafka?.topics.ingestion : config.kafka?.topics.control;
  out.info(`Taking messages of ${topic}${metricsPort === undefined ? "" : `; metrics on port ${metricsPort}`}`);
  out.record({ worker: kind, topic: topic ?? null, metrics_port: metricsPort ?? null, pid: process.pid });
  out.flush();
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  out.info("Stopping: what was taken is finished and committed first.");
  out.flush();
  await worker.stop();
}
