// An ingestion worker on the bus within the process: what it does with bad messages, a store that is away, and deletes.
import { expect, test } from "bun:test";
import { EmbeddedBus } from "../../bus/embedded.ts";
import type { Database } from "../../kv/index.ts";
import { KvError } from "../../kv/index.ts";
import type { Store } from "../../store/index.ts";
import { clearTombstone, readMeta } from "../../store/runs.ts";
import { memoryStore } from "../../store/testing.ts";
import { type DeadLetter, dropDeadLetter, findDeadLetter, readDeadLetters, retryDeadLetter } from "../deadLetters.ts";
import { IngestWorker, type IngestWorkerOptions } from "./ingestWorker.ts";

const topics = { ingestion: "data", control: "events" };

interface Rig extends AsyncDisposable {
  readonly bus: EmbeddedBus;
  readonly store: Store;
  readonly worker: IngestWorker;
  readonly warnings: string[];
  send(run: string, ...values: readonly string[]): Promise<void>;
  nameOf(run: string): Promise<unknown>;
  caughtUp(): Promise<void>;
  letters(): Promise<DeadLetter[]>;
  events(): Promise<unknown[]>;
}

async function rig(
  options: Partial<IngestWorkerOptions> & { wrap?: (database: Database) => Database } = {},
): Promise<Rig> {
  const bus = new EmbeddedBus({ againMs: 5 });
  await bus.ensureTopic(topics.ingestion, { partitions: 3 });
  await bus.ensureTopic(topics.control, { partitions: 1 });
  const store = await memoryStore(options.wrap);
  const warnings: string[] = [];
  const worker = await IngestWorker.start({
    bus,
    store,
    topics,
    batchMessages: 100,
    batchWaitMs: 10,
    transaction: { messages: 100, bytes: 1_000_000 },
    warn: (text) => warnings.push(text),
    ...options,
  });
  return {
    bus,
    store,
    worker,
    warnings,
    send: async (run, ...values) =>
      void (await bus.producer.publish(
        topics.ingestion,
        values.map((value) => ({ key: run, value })),
      )),
    nameOf: async (run) => (await store.database.snapshot((tx) => readMeta(tx, store, run)))?.get("name"),
    caughtUp: () => until(async () => (await worker.lags()).every(({ lag }) => lag === 0)),
    letters: () => Array.fromAsync(readDeadLetters(bus, topics.ingestion)),
    events: async () => {
      const batches = await Array.fromAsync(bus.read(topics.control));
      return batches.flatMap(({ records }) => records.map(({ value }) => JSON.parse(Buffer.from(value!).toString())));
    },
    [Symbol.asyncDispose]: async () => {
      await worker.stop();
      await bus.close();
    },
  };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await Bun.sleep(5);
}

const envelope = (type: string, run: string, payload: object) =>
  JSON.stringify({ type, run_id: run, timestamp: "2025-06-01T10:00:00.25Z", payload });
const create = (run: string) => envelope("create_run", run, { client_datetime: "2025-06-01T10:00:00.5+00:00" });
const named = (run: string, name: string) => envelope("set_run_property", run, { name });

test("a message that cannot be read or applied goes alone to the dead letters, with its reason and place, and its neighbours are stored", async () => {
  await using rigged = await rig();
  const bad = [
    `{"type": "create_run"`,
    envelope("no_such_type", "r", {}),
    envelope("log_metric", "r", { value: 1 }),
    "",
  ];
  await rigged.send("r", create("r"), ...bad, named("r", "after"));
  await rigged.caughtUp();
  expect(await rigged.nameOf("r")).toBe("after");
  const letters = await rigged.letters();
  expect(letters.map(({ value }) => Buffer.from(value!).toString()).sort()).toEqual(bad.toSorted());
  for (const { origin, reason, group, key, done } of letters) {
    expect(origin.topic).toBe("data");
    expect(origin.offset).toBeGreaterThan(0n);
    expect(reason).not.toBe("");
    expect([group, Buffer.from(key!).toString(), done]).toEqual(["ingestion-workers", "r", undefined]);
  }
  expect(letters.find(({ value }) => Buffer.from(value!).toString().includes("no_such_type"))?.reason).toContain(
    "no_such_type",
  );
});

test("bytes that are no UTF-8 text stop nobody, and are kept as they were", async () => {
  await using rigged = await rig();
  const bytes = Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d);
  await rigged.bus.producer.publish("data", [{ key: "r", value: bytes, headers: { own: "kept" } }]);
  await rigged.send("r", create("r"), named("r", "after"));
  await rigged.caughtUp();
  expect(await rigged.nameOf("r")).toBe("after");
  const [letter] = await rigged.letters();
  expect([...letter!.value!]).toEqual([...bytes]);
  expect(letter!.headers).toEqual({ own: "kept" });
});

test("a message that does not fit onto the dead letter topic is found where it stood, and can be retried from there", async () => {
  await using rigged = await rig();
  await rigged.bus.ensureTopic("data.dlq", { partitions: 1, maxRecordBytes: 200 });
  const large = envelope("no_such_type", "r", { text: "x".repeat(500) });
  await rigged.send("r", large);
  await rigged.caughtUp();
  const [letter] = await rigged.letters();
  expect([letter?.isElsewhere, letter?.value?.length]).toEqual([true, 0]);
  // The bus within the process keeps nothing that every group has committed.
  const read = rigged.bus.readOne.bind(rigged.bus);
  rigged.bus.readOne = async (topic, partition, offset) =>
    (await read(topic, partition, offset)) ?? {
      key: null,
      value: Buffer.from(large),
      headers: {},
      offset,
      timestamp: 0,
    };
  await retryDeadLetter(rigged.bus, "data", letter!);
  await until(async () => (await rigged.letters()).length === 2);
  const [first, second] = await rigged.letters();
  expect([first?.done, second?.done]).toEqual(["retried", undefined]);
  expect(second?.origin.offset).toBe(letter!.origin.offset + 1n);
});

test("a dead letter is retried once, and dropped once", async () => {
  await using rigged = await rig();
  await rigged.send("r", envelope("finish_run", "r", {}), envelope("no_such_type", "r", {}));
  await rigged.caughtUp();
  const letters = await rigged.letters();
  const early = letters.find(({ reason }) => !reason.includes("no_such_type"))!;
  const odd = letters.find(({ reason }) => reason.includes("no_such_type"))!;
  // Finished before it was created: with the run there, the same message can be applied.
  await rigged.send("r", create("r"));
  await retryDeadLetter(rigged.bus, "data", early);
  await dropDeadLetter(rigged.bus, "data", odd);
  await rigged.caughtUp();
  const meta = await rigged.store.database.snapshot((tx) => readMeta(tx, rigged.store, "r"));
  expect(meta?.get("active")).toBe(false);
  const after = await rigged.letters();
  expect(after.map(({ id, done }) => [id, done]).sort()).toEqual(
    [
      [early.id, "retried"],
      [odd.id, "dropped"],
    ].sort(),
  );
  const again = await findDeadLetter(rigged.bus, "data", early.id);
  expect(retryDeadLetter(rigged.bus, "data", again)).rejects.toThrow("was retried before");
  expect(findDeadLetter(rigged.bus, "data", "0-999")).rejects.toThrow("0-999");
});

test("while the store is away nothing is dropped or committed, readiness says so, and all is stored when it is back", async () => {
  const away = { isAway: false };
  await using rigged = await rig({ wrap: (database) => unreliable(database, away) });
  await rigged.send("r", create("r"));
  await rigged.caughtUp();
  away.isAway = true;
  await rigged.send("r", named("r", "one"), envelope("no_such_type", "r", {}), named("r", "two"));
  await until(() => rigged.worker.health().status === "degraded");
  expect(rigged.worker.health().checks["store"]).toContain("1020");
  expect((await rigged.worker.lags()).reduce((sum, { lag }) => sum + lag, 0)).toBe(3);
  expect(rigged.warnings.join("\n")).toContain("the store does not take messages");
  expect(await rigged.letters()).toEqual([]);
  away.isAway = false;
  await rigged.caughtUp();
  expect(await rigged.nameOf("r")).toBe("two");
  expect(rigged.worker.health().status).toBe("ok");
  expect(await rigged.letters()).toHaveLength(1);
});

test("a deleted run is announced, late messages are dropped, and a cleared tombstone works at once", async () => {
  await using rigged = await rig();
  await rigged.send("r", create("r"), named("r", "old"), envelope("delete_run", "r", {}), named("r", "late"));
  await rigged.caughtUp();
  await until(async () => (await rigged.events()).length > 0);
  expect(await rigged.events()).toEqual([
    { type: "run_deleted", timestamp: expect.any(String), payload: { run_id: "r" } },
  ]);
  expect(await rigged.nameOf("r")).toBeUndefined();
  expect(rigged.worker.stats.dropped).toBe(1);
  await rigged.store.database.transact((tx) => clearTombstone(tx, rigged.store, "r"));
  await rigged.send("r", create("r"), named("r", "new"));
  await rigged.caughtUp();
  expect(await rigged.nameOf("r")).toBe("new");
});

test("an announcement that the bus refused is made by the next worker", async () => {
  let refuses = true;
  const bus = new EmbeddedBus();
  for (const topic of [topics.ingestion, topics.control]) await bus.ensureTopic(topic, { partitions: 1 });
  const { publish } = bus.producer;
  bus.producer.publish = async (topic, records) => {
    if (refuses && topic === topics.control) throw new KvError(1020, "no broker");
    return publish.call(bus.producer, topic, records);
  };
  const store = await memoryStore();
  const base = { bus, store, topics, batchMessages: 10, batchWaitMs: 10, transaction: { messages: 10, bytes: 1e6 } };
  const first = await IngestWorker.start(base);
  await bus.producer.publish(
    "data",
    [create("r"), envelope("delete_run", "r", {})].map((value) => ({ key: "r", value })),
  );
  await until(() => first.health().checks["control events"] !== "ok");
  await first.stop();
  refuses = false;
  expect(await Array.fromAsync(bus.read(topics.control))).toEqual([]);
  const second = await IngestWorker.start(base);
  await until(async () => (await Array.fromAsync(bus.read(topics.control))).length > 0);
  await second.stop();
  const third = await IngestWorker.start(base);
  await third.stop();
  const [batch] = await Array.fromAsync(bus.read(topics.control));
  expect(batch!.records).toHaveLength(1);
});

test("stopping finishes what was taken and commits it; the rest is left to others", async () => {
  const bus = new EmbeddedBus({ batchRecords: 50 });
  await bus.ensureTopic(topics.ingestion, { partitions: 1 });
  await bus.ensureTopic(topics.control, { partitions: 1 });
  const store = await memoryStore();
  const base = { bus, store, topics, batchMessages: 10, batchWaitMs: 10, transaction: { messages: 10, bytes: 1e6 } };
  const lines = Array.from({ length: 2_000 }, (_, step) =>
    envelope("log_terminal_line", "r", { line: `${step}`, step }),
  );
  await bus.producer.publish(
    "data",
    [create("r"), ...lines].map((value) => ({ key: "r", value })),
  );
  const first = await IngestWorker.start(base);
  await until(() => first.stats.applied > 50);
  await first.stop();
  const taken = first.stats.applied;
  expect(taken).toBeLessThan(2_001);
  const second = await IngestWorker.start(base);
  await until(async () => (await second.lags()).every(({ lag }) => lag === 0));
  expect(second.stats.repeated).toBe(0);
  expect(second.stats.applied).toBe(2_001 - taken);
  await second.stop();
});

/** A store that fails as a whole while it is away. */
function unreliable(database: Database, state: { readonly isAway: boolean }): Database {
  return {
    engine: database.engine,
    longSnapshots: database.longSnapshots,
    snapshot: (body) => database.snapshot(body),
    close: () => database.close(),
    transact: async (body) => {
      if (state.isAway) throw new KvErrorOfStore();
      return database.transact(body);
    },
  };
}

class KvErrorOfStore extends KvError {
  constructor() {
    super(1020, "the store is away");
  }
}
