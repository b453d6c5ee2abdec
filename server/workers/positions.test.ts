// Messages that come from a topic are applied once, however often they come (server/store/positions.ts).
import { expect, test } from "bun:test";
import type { IngestMessage } from "../../formats/messages/index.ts";
import type { Store } from "../store/index.ts";
import { clearTombstone, readMeta, readTombstone } from "../store/runs.ts";
import { memoryStore } from "../store/testing.ts";
import { applyMessages } from "./apply.ts";
import { messageOf, noBlobs } from "./testing.ts";

const partition = "cluster/topic/0";

function at(offset: number, message: IngestMessage, published = 1_000 + offset): IngestMessage {
  return { ...message, source: { partition, offset: BigInt(offset), published } };
}

const create = messageOf("create_run", `{"client_datetime": "2025-06-01T10:00:00.5+00:00"}`);
const named = (name: string) => messageOf("set_run_property", JSON.stringify({ name }));
const nameOf = async (store: Store) => (await store.database.snapshot((tx) => readMeta(tx, store, "run")))?.get("name");

test("a worker that lost its partition changes nothing more with what it still holds", async () => {
  const store = await memoryStore();
  const messages = [at(0, create), at(1, named("first")), at(2, named("second"))];
  await applyMessages(store, noBlobs(), messages);
  const { outcomes, repeated } = await applyMessages(store, noBlobs(), messages.slice(0, 2));
  expect([outcomes.every(({ ok }) => ok), repeated]).toEqual([true, 2]);
  expect(await nameOf(store)).toBe("second");
});

test("a message whose commit had an unknown result is not applied again by the attempt that follows", async () => {
  const store = await memoryStore();
  await applyMessages(store, noBlobs(), [at(0, create)]);
  let attempts = 0;
  const doubtful: Store = {
    ...store,
    database: {
      ...store.database,
      engine: store.database.engine,
      longSnapshots: store.database.longSnapshots,
      snapshot: (body) => store.database.snapshot(body),
      close: () => store.database.close(),
      // The first commit goes through and its answer is lost: the body runs again, as FoundationDB's clients do (1021).
      transact: async (body) => {
        if (attempts++ === 0) await store.database.transact(body);
        return store.database.transact(body);
      },
    },
  };
  const line = messageOf("log_metric", `{"name": "loss", "value": 1.0, "step": null, "epoch": null, "context": null}`);
  const { repeated } = await applyMessages(doubtful, noBlobs(), [at(1, line), at(2, named("once"))]);
  expect([attempts > 0, repeated]).toEqual([true, 2]);
  expect(await nameOf(store)).toBe("once");
});

test("a deletion that comes again after the tombstone was cleared does not take the new run away", async () => {
  const store = await memoryStore();
  const remove = messageOf("delete_run", "{}");
  await applyMessages(store, noBlobs(), [at(0, create), at(1, remove)]);
  await store.database.transact((tx) => clearTombstone(tx, store, "run"));
  await applyMessages(store, noBlobs(), [at(2, create), at(3, named("new"))]);
  const { repeated } = await applyMessages(store, noBlobs(), [at(0, create), at(1, remove), at(2, create)]);
  expect(repeated).toBe(3);
  expect(await store.database.snapshot((tx) => readTombstone(tx, store, "run"))).toBeUndefined();
  expect(await nameOf(store)).toBe("new");
});

test("a topic that was made anew begins at 0, and its messages are applied", async () => {
  const store = await memoryStore();
  await applyMessages(store, noBlobs(), [at(40, create), at(41, named("old topic"))]);
  const { repeated } = await applyMessages(store, noBlobs(), [at(0, named("new topic"), 5_000)]);
  expect(repeated).toBe(0);
  expect(await nameOf(store)).toBe("new topic");
  const again = await applyMessages(store, noBlobs(), [at(0, named("again"), 5_000)]);
  expect(again.repeated).toBe(1);
});

test("a message that is refused holds up nothing behind it", async () => {
  const store = await memoryStore();
  const bad = messageOf("log_metric", `{"value": 1.0}`);
  const { outcomes } = await applyMessages(store, noBlobs(), [at(0, create), at(1, bad), at(2, named("after"))]);
  expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
  expect(await nameOf(store)).toBe("after");
});
