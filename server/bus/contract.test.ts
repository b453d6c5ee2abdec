// What every bus promises (index.ts), on the embedded one and on a real Kafka where this machine has it.
import { afterAll, describe, expect, test } from "bun:test";
import { EmbeddedBus } from "./embedded.ts";
import type { Bus, BusRecord, Consumer, HandleBatch } from "./index.ts";
import { openKafkaBus } from "./kafka/index.ts";
import { testKafka, testSettings } from "./kafka/testing.ts";

const kafka = await testKafka();

const engines: readonly (readonly [name: string, open: (() => Promise<Bus>) | undefined])[] = [
  ["embedded", async () => new EmbeddedBus({ againMs: 10 })],
  ["kafka", kafka === undefined ? undefined : () => openKafkaBus(testSettings(kafka), { clientId: "matyan-contract" })],
];

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(10);
}

const textOf = ({ value }: BusRecord) => (value === null ? null : Buffer.from(value).toString());

/** Handles every batch at once, and keeps what it saw by key. */
class Taker {
  readonly byKey = new Map<string, string[]>();
  readonly partitions = new Set<number>();
  count = 0;
  readonly handle: HandleBatch = async ({ records, partition }, turn) => {
    this.partitions.add(partition);
    for (const record of records) {
      const key = record.key === null ? "" : Buffer.from(record.key).toString();
      const known = this.byKey.get(key);
      if (known === undefined) this.byKey.set(key, [textOf(record) ?? "null"]);
      else known.push(textOf(record) ?? "null");
      this.count++;
    }
    await turn.commit(records.at(-1)!.offset + 1n);
  };
}

for (const [name, open] of engines) {
  if (open === undefined) {
    test.skip(`the contract of the bus on ${name}, which needs scripts/test --services`, () => undefined);
    continue;
  }
  describe(`the bus on ${name}`, async () => {
    const bus = await open();
    afterAll(() => bus.close());
    const newTopic = async (partitions = 3) => {
      const topic = `contract-${crypto.randomUUID()}`;
      await bus.ensureTopic(topic, { partitions });
      return topic;
    };
    const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => String(from + i));
    const ofKey = (key: string, values: readonly string[]) => values.map((value) => ({ key, value }));

    test("how long a topic keeps its records is known", async () => {
      const kept = await bus.retention(await newTopic());
      // A broker's default, whichever it is; nothing outlives the process in the embedded one.
      expect(kept > 0).toBe(bus.engine === "kafka");
      expect(kept).not.toBeNaN();
    });

    test("records of a key arrive once, in the order in which they were given, also from calls that did not wait", async () => {
      const topic = await newTopic();
      const taker = new Taker();
      await using _ = closing(await bus.consume({ topic, group: topic, handle: taker.handle }));
      const keys = ["a", "b", "c", "d", "e"];
      const calls: Promise<unknown>[] = [];
      for (let at = 0; at < 500; at += 50)
        for (const key of keys) calls.push(bus.producer.publish(topic, ofKey(key, numbers(at, 50))));
      await Promise.all(calls);
      await until(() => taker.count >= 2_500);
      for (const key of keys) expect(taker.byKey.get(key)).toEqual(numbers(0, 500));
      expect(taker.count).toBe(2_500);
    });

    test("calls that did not wait keep their order from the very first on", async () => {
      const topic = await newTopic(1);
      await Promise.all(numbers(0, 100).map((value) => bus.producer.publish(topic, [{ key: "k", value }])));
      const read: (string | null)[] = [];
      for await (const batch of bus.read(topic)) read.push(...batch.records.map(textOf));
      expect(read).toEqual(numbers(0, 100));
    });

    test("a record over the topic's limit is refused alone and by name", async () => {
      const topic = await newTopic();
      const records = ofKey("run-1", ["before", "x".repeat(1_200_000), "after"]);
      const outcomes = await bus.producer.publish(topic, records);
      expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
      const [, refused] = outcomes;
      expect(refused).toMatchObject({ error: { code: "too_large", message: expect.stringContaining(topic) } });
      const read: (string | null)[] = [];
      for await (const batch of bus.read(topic)) read.push(...batch.records.map(textOf));
      expect(read).toEqual(["before", "after"]);
    });

    test("many records that together are over what the topic takes as one are all taken", async () => {
      const topic = `contract-${crypto.randomUUID()}`;
      await bus.ensureTopic(topic, { partitions: 1, maxRecordBytes: 20_000 });
      const values = numbers(0, 50).map((n) => n.padStart(5_000, "."));
      const outcomes = await bus.producer.publish(topic, ofKey("k", values));
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
      const batches = await Array.fromAsync(bus.read(topic));
      expect(batches.flatMap(({ records }) => records.map(textOf))).toEqual(values);
    });

    test("keys, headers, times and bytes arrive as they were given", async () => {
      const topic = await newTopic(1);
      const before = Date.now() / 1_000;
      const bytes = Uint8Array.of(0, 255, 10, 128);
      await bus.producer.publish(topic, [
        { key: "ключ", value: bytes, headers: { why: "né", n: "1" } },
        { key: null, value: "" },
      ]);
      const [first, second] = await Array.fromAsync(bus.read(topic)).then((all) => all.flatMap((each) => each.records));
      expect(Buffer.from(first!.key!).toString()).toBe("ключ");
      expect([...first!.value!]).toEqual([...bytes]);
      expect(first!.headers).toEqual({ why: "né", n: "1" });
      expect(first!.timestamp).toBeGreaterThanOrEqual(Math.floor(before));
      expect(first!.timestamp).toBeLessThanOrEqual(Date.now() / 1_000);
      expect([second!.key, second!.value?.length, second!.offset]).toEqual([null, 0, 1n]);
      expect((await bus.readOne(topic, 0, 1n))?.offset).toBe(1n);
      expect(await bus.readOne(topic, 0, 2n)).toBeUndefined();
    });

    test("what was not committed comes again, from where the commit ends", async () => {
      const topic = await newTopic(1);
      await bus.producer.publish(topic, ofKey("k", numbers(0, 10)));
      const seen: string[] = [];
      let isFirst = true;
      const consumer = await bus.consume({
        topic,
        group: topic,
        handle: async ({ records }, turn) => {
          for (const record of records) {
            seen.push(textOf(record)!);
            await turn.commit(record.offset + 1n);
            if (isFirst && seen.length === 4) {
              isFirst = false;
              throw new Error("the fourth is durable, the rest is not");
            }
          }
        },
      });
      await until(() => seen.length >= 10);
      await consumer.close();
      expect(seen).toEqual(numbers(0, 10));
      // The group remembers: another member gets only what is new.
      await bus.producer.publish(topic, ofKey("k", ["new"]));
      const taker = new Taker();
      await using _ = closing(await bus.consume({ topic, group: topic, handle: taker.handle }));
      await until(() => taker.count > 0);
      expect(taker.byKey.get("k")).toEqual(["new"]);
    });

    test("two members share the partitions, and one takes over what the other had", async () => {
      const topic = await newTopic(4);
      const [one, two] = [new Taker(), new Taker()];
      const first = await bus.consume({ topic, group: topic, handle: one.handle });
      await until(() => first.assigned.length === 4);
      const second = await bus.consume({ topic, group: topic, handle: two.handle });
      await until(() => first.assigned.length === 2 && second.assigned.length === 2);
      expect([...first.assigned, ...second.assigned].sort()).toEqual([0, 1, 2, 3]);
      const keys = numbers(0, 40);
      const publishAll = (value: string) =>
        bus.producer.publish(
          topic,
          keys.map((key) => ({ key, value })),
        );
      await publishAll("shared");
      await until(() => one.count + two.count === 40);
      expect(one.partitions.size + two.partitions.size).toBe(4);
      await first.close();
      await until(() => second.assigned.length === 4);
      await publishAll("alone");
      await until(() => one.count + two.count === 80);
      for (const key of keys) {
        const all = [...(one.byKey.get(key) ?? []), ...(two.byKey.get(key) ?? [])];
        expect(all).toEqual(["shared", "alone"]);
      }
      await second.close();
    });

    test("handing over waits for the turn that is under way, which may still commit", async () => {
      const topic = await newTopic(1);
      await bus.producer.publish(topic, ofKey("k", ["a"]));
      const { promise: begun, resolve: begin } = Promise.withResolvers<AbortSignal>();
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      const consumer = await bus.consume({
        topic,
        group: topic,
        handle: async ({ records }, turn) => {
          begin(turn.signal);
          await released;
          await turn.commit(records[0]!.offset + 1n);
        },
      });
      const signal = await begun;
      const closed = consumer.close();
      await until(() => signal.aborted);
      release();
      await closed;
      const taker = new Taker();
      const other = await bus.consume({ topic, group: topic, handle: taker.handle });
      await until(() => other.assigned.length === 1);
      expect(await other.lags()).toEqual([{ partition: 0, lag: 0 }]);
      await other.close();
      expect(taker.count).toBe(0);
    });

    test("lag is what the group has not committed, and pausing lets it grow", async () => {
      const topic = await newTopic(1);
      const taker = new Taker();
      const consumer = await bus.consume({ topic, group: topic, handle: taker.handle });
      await until(() => consumer.assigned.length === 1);
      consumer.pause();
      await bus.producer.publish(topic, ofKey("k", numbers(0, 5)));
      expect(await consumer.lags()).toEqual([{ partition: 0, lag: 5 }]);
      expect(taker.count).toBe(0);
      consumer.resume();
      await until(() => taker.count === 5);
      await consumer.close();
    });

    test("records that are published together are there together", async () => {
      const [left, right] = [await newTopic(1), await newTopic(1)];
      await bus.producer.publishTogether([
        { topic: left, key: "k", value: "l" },
        { topic: right, key: "k", value: "r" },
      ]);
      const taker = new Taker();
      await using _ = closing(await bus.consume({ topic: left, group: left, handle: taker.handle }));
      await using __ = closing(await bus.consume({ topic: right, group: right, handle: taker.handle }));
      await until(() => taker.count === 2);
      expect(taker.byKey.get("k")!.sort()).toEqual(["l", "r"]);
    });

    test("a topic that does not exist is named, and reads as empty", async () => {
      const topic = `missing-${crypto.randomUUID()}`;
      await expect(bus.check([topic])).rejects.toThrow(topic);
      expect(await Array.fromAsync(bus.read(topic))).toEqual([]);
    });
  });
}

function closing(consumer: Consumer): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => consumer.close() };
}
