// Test support: an ingestion worker that kills itself with SIGKILL at a chosen moment, as a process of its own.
// usage: bun dyingWorker.ts '{"settings": KafkaSettings, "data": FOLDER, "group": GROUP, "dieAt": MOMENT, "after": N}'
import type { Bus } from "../../bus/index.ts";
import { openKafkaBus } from "../../bus/kafka/index.ts";
import type { KafkaSettings } from "../../config/engines.ts";
import { openEmbedded } from "../../kv/embedded.ts";
import type { Database } from "../../kv/index.ts";
import { openStore } from "../../store/index.ts";
import { IngestWorker } from "../../workers/ingestion/ingestWorker.ts";

/** Before and after what the process dies; `never` until it is told to stop. */
export type Moment = "apply" | "transaction" | "commit" | "letter" | "announcement" | "never";

export interface DyingWorkerOptions {
  readonly settings: KafkaSettings;
  /** The SQLite file. */
  readonly store: string;
  readonly group: string;
  readonly dieAt: Moment;
  /** How often the moment passes before. */
  readonly after: number;
}

function die(): never {
  process.kill(process.pid, "SIGKILL");
  // The signal is delivered before this call returns; nothing of what follows may happen.
  for (;;) Bun.sleepSync(1_000);
}

function countdown(options: DyingWorkerOptions): (moment: Moment) => void {
  let left = options.after;
  return (moment) => {
    if (moment === options.dieAt && left-- <= 0) die();
  };
}

function mortalDatabase(database: Database, passes: (moment: Moment) => void): Database {
  return {
    engine: database.engine,
    longSnapshots: database.longSnapshots,
    snapshot: (body) => database.snapshot(body),
    close: () => database.close(),
    transact: async (body) => {
      const result = await database.transact(async (tx) => {
        const made = await body(tx);
        passes("apply");
        return made;
      });
      passes("transaction");
      return result;
    },
  };
}

function mortalBus(bus: Bus, options: DyingWorkerOptions, passes: (moment: Moment) => void): Bus {
  return {
    engine: bus.engine,
    id: bus.id,
    retention: (topic) => bus.retention(topic),
    producer: {
      publish: async (topic, records) => {
        if (topic === options.settings.topics.control) passes("announcement");
        const outcomes = await bus.producer.publish(topic, records);
        if (topic.endsWith(".dlq")) passes("letter");
        return outcomes;
      },
      publishTogether: (records) => bus.producer.publishTogether(records),
      close: () => bus.producer.close(),
    },
    consume: (consuming) =>
      bus.consume({
        ...consuming,
        group: options.group,
        handle: (batch, turn) =>
          consuming.handle(batch, {
            signal: turn.signal,
            commit: async (offset) => {
              passes("commit");
              await turn.commit(offset);
            },
          }),
      }),
    ensureTopic: (topic, wanted) => bus.ensureTopic(topic, wanted),
    read: (topic) => bus.read(topic),
    readOne: (topic, partition, offset) => bus.readOne(topic, partition, offset),
    check: (topics) => bus.check(topics),
    close: () => bus.close(),
  };
}

if (import.meta.main) {
  const options = JSON.parse(process.argv[2]!) as DyingWorkerOptions;
  const passes = countdown(options);
  const bus = await openKafkaBus(options.settings, { clientId: "matyan-dying", warn: console.error });
  const database = mortalDatabase(await openEmbedded({ path: options.store, durability: "normal" }), passes);
  const worker = await IngestWorker.start({
    bus: mortalBus(bus, options, passes),
    store: await openStore(database, "write"),
    topics: options.settings.topics,
    batchMessages: 20,
    batchWaitMs: 50,
    transaction: { messages: 10, bytes: 1_000_000 },
    warn: console.error,
  });
  // A test that is ended by force takes its workers along: they hold the other end of this pipe.
  void new Response(Bun.stdin.stream()).bytes().then(() => process.exit(1));
  process.on("SIGTERM", async () => {
    await worker.stop();
    await bus.close();
    await database.close();
    process.exit(0);
  });
}
