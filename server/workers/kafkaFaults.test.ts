// Ordinary trouble on a real Kafka: whatever happens to workers, broker and store, each message takes effect exactly once and in
// the order of its run. What is expected is what the same messages make of a store without any bus.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import type { Bus } from "../bus/index.ts";
import { openKafkaBus } from "../bus/kafka/index.ts";
import { testKafka, testSettings } from "../bus/kafka/testing.ts";
import type { KafkaSettings } from "../config/engines.ts";
import type { DyingWorkerOptions, Moment } from "../testing/faults/dyingWorker.ts";
import { expectedOf, foundIn, publish, type Sent, workload } from "../testing/faults/workload.ts";
import { testFolder } from "../testing/served.ts";
import { stopTestService, testService } from "../testing/services.ts";
import { readDeadLetters } from "./deadLetters.ts";

const address = await testKafka();
const script = join(import.meta.dir, "../testing/faults/dyingWorker.ts");

interface Scene extends AsyncDisposable {
  readonly bus: Bus;
  readonly settings: KafkaSettings;
  readonly store: string;
  worker(dieAt?: Moment, after?: number): Bun.Subprocess<"pipe", "ignore", "inherit">;
  publish(messages: readonly Sent[]): Promise<void>;
  /** Resolves when a worker has stored something. */
  begun(): Promise<void>;
  /** Resolves when the store is as expected. */
  stored(expected: ReadonlyMap<string, string>): Promise<void>;
  stop(worker: Bun.Subprocess): Promise<void>;
  announced(): Promise<string[]>;
}

async function scene(broker = address!): Promise<Scene> {
  const settings = testSettings(broker);
  const bus = await openKafkaBus(settings, { clientId: "matyan-faults" });
  await bus.ensureTopic(settings.topics.ingestion, { partitions: 3 });
  await bus.ensureTopic(settings.topics.control, { partitions: 1 });
  const folder = await testFolder();
  const store = join(folder.path, "store.db");
  const children: Bun.Subprocess[] = [];
  return {
    bus,
    settings,
    store,
    worker: (dieAt = "never", after = 0) => {
      const options: DyingWorkerOptions = { settings, store, group: settings.topics.ingestion, dieAt, after };
      const child = Bun.spawn([process.execPath, script, JSON.stringify(options)], {
        stdio: ["pipe", "ignore", "inherit"],
      });
      children.push(child);
      return child;
    },
    publish: (messages) => publish(bus, settings.topics.ingestion, messages),
    begun: async () => {
      const hasRuns = (found: Map<string, string>) => [...found.keys()].some((key) => key.startsWith("runs "));
      while (!(await foundIn(store).then(hasRuns, () => false))) await Bun.sleep(100);
    },
    stored: async (expected) => {
      for (;;) {
        const found = await foundIn(store).catch(() => undefined);
        if (found !== undefined && Bun.deepEquals(found, expected)) return;
        await Bun.sleep(200);
      }
    },
    stop: async (worker) => {
      worker.kill("SIGTERM");
      expect(await worker.exited).toBe(0);
    },
    announced: async () => {
      const batches = await Array.fromAsync(bus.read(settings.topics.control));
      const events = batches.flatMap(({ records }) => records.map(({ value }) => String(Buffer.from(value!))));
      return [
        ...new Set(events.map((event) => (JSON.parse(event) as { payload: { run_id: string } }).payload.run_id)),
      ].sort();
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(children.map((child) => child.exited));
      await bus.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const deletedRuns = ["run3", "run7"];

if (address === undefined) test.skip("faults on a real Kafka, which need scripts/test --services", () => undefined);
else
  describe("a worker that is killed with -9", () => {
    const moments: readonly (readonly [Moment, number, string])[] = [
      ["apply", 5, "in the middle of a transaction"],
      ["transaction", 7, "when a transaction is durable and it does not know yet"],
      ["commit", 1, "when all is stored and the offset not committed"],
      ["letter", 0, "when a dead letter is written and the offset not committed"],
      ["announcement", 0, "when a run is deleted and nobody told"],
    ];
    for (const [moment, after, words] of moments)
      test.concurrent(`${words} loses nothing and doubles nothing`, async () => {
        await using stage = await scene();
        const messages = workload({ runs: 8, points: 20, poison: 3 });
        const expected = await expectedOf(messages);
        await stage.publish(messages.slice(0, messages.length / 2));
        const dying = stage.worker(moment, after);
        await stage.publish(messages.slice(messages.length / 2));
        await dying.exited;
        expect(dying.signalCode).toBe("SIGKILL");
        const worker = stage.worker();
        await stage.stored(expected);
        while ((await stage.announced()).length < deletedRuns.length) await Bun.sleep(100);
        await stage.stop(worker);
        expect(await foundIn(stage.store)).toEqual(expected);
        expect(await stage.announced()).toEqual(deletedRuns);
        const letters = await Array.fromAsync(readDeadLetters(stage.bus, stage.settings.topics.ingestion));
        expect(letters.map(({ value }) => String(Buffer.from(value!))).sort()).toEqual(
          [0, 1, 2].map((n) => `{"poison": ${n}}`),
        );
      });
  });

if (address !== undefined)
  describe("on a real Kafka", () => {
    test.concurrent("redelivery: a group whose offsets were set back to the start changes nothing", async () => {
      await using stage = await scene();
      const messages = workload({ runs: 8, points: 20 });
      const expected = await expectedOf(messages);
      await stage.publish(messages);
      const first = stage.worker();
      await stage.stored(expected);
      await stage.stop(first);
      const { topics } = stage.settings;
      const admin = plainKafka(address).admin();
      await admin.connect();
      await admin.resetOffsets({ groupId: topics.ingestion, topic: topics.ingestion, earliest: true });
      await admin.disconnect();
      const second = stage.worker();
      // What is published now comes behind everything that comes again.
      const more = [0, 1, 2, 4, 5, 6].map((n) => ({
        run: `run${n}`,
        value: `{"type":"add_tag","run_id":"run${n}","timestamp":"2025-06-01T12:00:00Z","payload":{"tag_name":"end ${n}"}}`,
      }));
      await stage.publish(more);
      const final = await expectedOf([...messages, ...more]);
      await stage.stored(final);
      await stage.stop(second);
      expect(await foundIn(stage.store)).toEqual(final);
    });

    test.concurrent("poison: null values, bytes that are no text, and anything else stop no worker", async () => {
      await using stage = await scene();
      const { ingestion } = stage.settings.topics;
      const producer = plainKafka(address).producer({ createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      const messages = workload({ runs: 4, points: 5 });
      const expected = await expectedOf(messages);
      const poison = [null, Buffer.of(0xff, 0xfe), Buffer.from("[]"), Buffer.from("null"), Buffer.from('{"type":1}')];
      const partitions = poison.flatMap((value) => [0, 1, 2].map((partition) => ({ key: null, value, partition })));
      await producer.send({ topic: ingestion, messages: partitions });
      await stage.publish(messages);
      await producer.send({ topic: ingestion, messages: partitions });
      await producer.disconnect();
      const worker = stage.worker();
      await stage.stored(expected);
      const letters = () => Array.fromAsync(readDeadLetters(stage.bus, ingestion));
      while ((await letters()).length < 2 * partitions.length) await Bun.sleep(100);
      await stage.stop(worker);
      const kept = (await letters()).map(({ value }) => (value === null ? null : Buffer.from(value).toHex()));
      const sent = [...partitions, ...partitions].map(({ value }) => value?.toHex() ?? null);
      expect(kept.sort()).toEqual(sent.sort());
    });

    test.concurrent("store away: a worker waits for a store that nobody can write to, and loses nothing", async () => {
      await using stage = await scene();
      const messages = workload({ runs: 8, points: 20 });
      const expected = await expectedOf(messages);
      await stage.publish(messages.slice(0, 100));
      const worker = stage.worker();
      await stage.stored(await expectedOf(messages.slice(0, 100)));
      const lock = new Database(stage.store);
      lock.run("BEGIN IMMEDIATE");
      await stage.publish(messages.slice(100));
      // Longer than a session of the group: it must keep its membership, too.
      await Bun.sleep(12_000);
      lock.run("ROLLBACK");
      lock.close();
      await stage.stored(expected);
      await stage.stop(worker);
      expect(await foundIn(stage.store)).toEqual(expected);
    });

    test.concurrent("rebalance storm: workers that come and go all the time lose and double nothing", async () => {
      await using stage = await scene();
      const messages = workload({ runs: 8, points: 60 });
      const expected = await expectedOf(messages);
      const steady = stage.worker();
      let isOver = false;
      const publishing = (async () => {
        for (let at = 0; at < messages.length; at += 50) {
          await stage.publish(messages.slice(at, at + 50));
          await Bun.sleep(100);
        }
      })();
      const storm = (async () => {
        for (let i = 0; !isOver; i++) {
          const guest = stage.worker();
          await Bun.sleep(1_500);
          guest.kill(i % 3 === 2 ? "SIGKILL" : "SIGTERM");
          await guest.exited;
        }
      })();
      await publishing;
      isOver = true;
      await storm;
      await stage.stored(expected);
      await stage.stop(steady);
      expect(await foundIn(stage.store)).toEqual(expected);
    });
  });

if (address !== undefined)
  test("broker restart: what is published and consumed meanwhile is there once, in order, after it", async () => {
    const env = { KAFKA_TEST_PORT: "19194" };
    const own = await testService("kafka", env);
    try {
      await using stage = await scene(own);
      const messages = workload({ runs: 8, points: 60 });
      const expected = await expectedOf(messages);
      const worker = stage.worker();
      const middle = messages.length / 2;
      await stage.publish(messages.slice(0, middle));
      // One that starts while there is no broker says so and ends.
      await stage.begun();
      // As the frontier does, whoever is told of a failure sends the same again.
      const publishing = (async () => {
        for (let at = middle; at < messages.length; at += 20) {
          while (
            !(await stage.publish(messages.slice(at, at + 20)).then(
              () => true,
              () => false,
            ))
          )
            await Bun.sleep(500);
          await Bun.sleep(50);
        }
      })();
      await stopTestService("kafka", env);
      await testService("kafka", env);
      await publishing;
      await stage.stored(expected);
      await stage.stop(worker);
      expect(await foundIn(stage.store)).toEqual(expected);
    } finally {
      await stopTestService("kafka", env);
    }
  });

function plainKafka(broker: string): Kafka {
  return new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
}
