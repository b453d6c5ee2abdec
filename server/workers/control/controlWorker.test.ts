// A control worker on the bus within the process: files go with their runs, however often that has to be tried.
import { expect, test } from "bun:test";
import { MatyanError } from "../../../formats/error.ts";
import type { BlobStore } from "../../blobs/index.ts";
import { EmbeddedBus } from "../../bus/embedded.ts";
import { createRun, deleteRun } from "../../store/runs.ts";
import { memoryStore } from "../../store/testing.ts";
import { readDeadLetters } from "../deadLetters.ts";
import { noBlobs } from "../testing.ts";
import { ControlWorker, type ControlWorkerOptions } from "./controlWorker.ts";

async function rig(blobs: BlobStore, options: Partial<ControlWorkerOptions> = {}) {
  const bus = new EmbeddedBus({ againMs: 5 });
  await bus.ensureTopic("events", { partitions: 1 });
  const store = await memoryStore();
  const warnings: string[] = [];
  const worker = await ControlWorker.start({
    bus,
    store,
    blobs,
    topic: "events",
    warn: (text) => warnings.push(text),
    ...options,
  });
  const send = (...values: readonly string[]) =>
    bus.producer.publish(
      "events",
      values.map((value) => ({ key: null, value })),
    );
  const caughtUp = async () => {
    while ((await worker.lags()).some(({ lag }) => lag > 0)) await Bun.sleep(5);
  };
  const dispose = async () => {
    await worker.stop();
    await bus.close();
  };
  return { bus, store, worker, warnings, send, caughtUp, [Symbol.asyncDispose]: dispose };
}

const deleted = (payload: object) =>
  JSON.stringify({ type: "run_deleted", timestamp: "2025-06-01T10:00:00Z", payload });

test("the files of a deleted run are removed, or those that the event names", async () => {
  const blobs = noBlobs(["r/a", "r/b/c", "r2/a", "s/named", "s/other"]);
  await using rigged = await rig(blobs);
  await rigged.send(deleted({ run_id: "r" }), deleted({ run_id: "s", blob_keys: ["s/named", "s/absent"] }));
  await rigged.caughtUp();
  expect([...blobs.keys].sort()).toEqual(["r2/a", "s/other"]);
});

test("events that ask for nothing, of unknown types or without a run are passed over; what cannot be read is a dead letter", async () => {
  const blobs = noBlobs(["r/a"]);
  await using rigged = await rig(blobs);
  const plain = ["run_archived", "experiment_deleted", "project_deleted"].map((type) =>
    JSON.stringify({ type, timestamp: "2025-06-01T10:00:00Z", payload: {} }),
  );
  await rigged.send(...plain, deleted({}), "no json", deleted({ run_id: "r" }));
  await rigged.caughtUp();
  expect([...blobs.keys]).toEqual([]);
  const letters = await Array.fromAsync(readDeadLetters(rigged.bus, "events"));
  expect(letters.map(({ value }) => Buffer.from(value!).toString())).toEqual(["no json"]);
  expect(rigged.warnings.join("\n")).toContain("project_deleted");
});

test("an object store that is away is asked again until it is back", async () => {
  const blobs = noBlobs(["r/a", "r/b"]);
  let failures = 3;
  const flaky: BlobStore = {
    ...blobs,
    deletePrefix: async (prefix) => {
      if (failures-- > 0) throw new MatyanError("io", "the object store is away");
      return blobs.deletePrefix(prefix);
    },
  };
  await using rigged = await rig(flaky);
  await rigged.send(deleted({ run_id: "r" }));
  await rigged.caughtUp();
  expect([...blobs.keys]).toEqual([]);
  expect(rigged.warnings).toHaveLength(3);
  expect(rigged.worker.health().status).toBe("ok");
});

test("what fails for good goes to the dead letters, and holds up no other event", async () => {
  const blobs = noBlobs(["r/a", "s/a"]);
  const partial: BlobStore = {
    ...blobs,
    deletePrefix: async (prefix) =>
      prefix === "r/"
        ? { deleted: 0, failed: 1, failures: [{ key: "r/a", reason: "access denied" }] }
        : blobs.deletePrefix(prefix),
  };
  await using rigged = await rig(partial, { attempts: 2 });
  await rigged.send(deleted({ run_id: "r" }), deleted({ run_id: "s" }));
  await rigged.caughtUp();
  expect([...blobs.keys]).toEqual(["r/a"]);
  const [letter] = await Array.fromAsync(readDeadLetters(rigged.bus, "events"));
  expect(letter?.reason).toContain("access denied");
});

test("the files of a run that was made again since stay", async () => {
  const blobs = noBlobs(["r/new", "gone/a"]);
  await using rigged = await rig(blobs);
  await rigged.store.database.transact((tx) => createRun(tx, rigged.store, "r", { createdAt: 1 }));
  await rigged.store.database.transact((tx) => createRun(tx, rigged.store, "gone", { createdAt: 1 }));
  await deleteRun(rigged.store, "gone", { now: 2 });
  await rigged.send(deleted({ run_id: "r" }), deleted({ run_id: "gone" }));
  await rigged.caughtUp();
  expect([...blobs.keys]).toEqual(["r/new"]);
});
