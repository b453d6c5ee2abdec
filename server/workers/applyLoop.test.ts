// The queue in front of the store: order, shared commits, turns, back-pressure, failures and the end.
import { beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MatyanError } from "../../formats/error.ts";
import type { IngestMessage } from "../../formats/messages/index.ts";
import { openEmbedded } from "../kv/embedded.ts";
import type { Database } from "../kv/index.ts";
import { openStore, type Store } from "../store/index.ts";
import { readSequence } from "../store/sequences.ts";
import { collect, memoryStore } from "../store/testing.ts";
import { ApplyLoop } from "./apply.ts";
import { messageOf, noBlobs } from "./testing.ts";

let store: Store;
beforeEach(async () => {
  store = await memoryStore();
});

const metrics = (runId: string, from: number, count: number): IngestMessage[] =>
  Array.from({ length: count }, (_, i) =>
    messageOf("log_metric", `{"name":"loss","value":${from + i}.0,"step":${from + i},"client_datetime":5}`, runId),
  );
const line = (runId: string, text: string) => messageOf("log_terminal_line", `{"line":"${text}","step":0}`, runId);
const lengthOf = async (runId: string, from = store) =>
  (await from.database.snapshot((tx) => collect(readSequence(tx, from, { hash: runId, contextId: 0, name: "loss" }))))
    .length;

/** A store whose commits can be held back and made to fail. */
function gated(): { store: Store; commits: () => number; hold(): () => void; fail(error: Error | undefined): void } {
  let gate: Promise<void> | undefined;
  let failure: Error | undefined;
  let commits = 0;
  const { database } = store;
  const wrapped: Database = {
    ...{ engine: database.engine, longSnapshots: database.longSnapshots },
    snapshot: (body) => database.snapshot(body),
    close: () => database.close(),
    async transact(body) {
      await gate;
      if (failure !== undefined) throw failure;
      commits++;
      return database.transact(body);
    },
  };
  return {
    store: { ...store, database: wrapped },
    commits: () => commits,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return () => {
        gate = undefined;
        resolve();
      };
    },
    fail(error) {
      failure = error;
    },
  };
}

test("everything that waits shares a commit, and each sender gets its own outcomes", async () => {
  const engine = gated();
  const loop = new ApplyLoop(engine.store, noBlobs());
  const bad = messageOf("log_metric", "{}", "c");
  const answers = await Promise.all([
    loop.submit(metrics("a", 0, 50)),
    loop.submit(metrics("b", 0, 50)),
    loop.submit([...metrics("c", 0, 1), bad, ...metrics("c", 1, 1)]),
    loop.submit([]),
  ]);
  expect(answers.map((outcomes) => outcomes.map(({ ok }) => ok).filter((ok) => !ok).length)).toEqual([0, 0, 1, 0]);
  expect(answers[2]!.map(({ ok }) => ok)).toEqual([true, false, true]);
  // One that fails at the bad message, and what is before and behind it.
  expect(engine.commits()).toBeLessThanOrEqual(3);
  expect([await lengthOf("a"), await lengthOf("b"), await lengthOf("c")]).toEqual([50, 50, 2]);
  expect(loop.stats).toMatchObject({
    queued: 0,
    queuedBytes: 0,
    waiting: 0,
    applied: 102,
    refused: 1,
    dropped: 0,
    failed: 0,
  });
  expect(loop.stats.lastCommitMs).toBeGreaterThan(0);
});

test("the order of a run's messages holds within and between submissions", async () => {
  const loop = new ApplyLoop(store, noBlobs(), { round: { messages: 3, bytes: 1e9 } });
  const texts = Array.from({ length: 60 }, (_, i) => `text ${i}`);
  for (let at = 0; at < texts.length; at += 4)
    void loop.submit(texts.slice(at, at + 4).flatMap((text) => [line("x", text), line("y", text)]));
  await loop.drain();
  for (const run of ["x", "y"]) {
    const [last] = await store.database.snapshot((tx) =>
      collect(readSequence(tx, store, { hash: run, contextId: 0, name: "logs" })),
    );
    expect(last!.value).toBe("text 59");
  }
});

test("a run with much to store does not hold up the others", async () => {
  const loop = new ApplyLoop(store, noBlobs(), { round: { messages: 200, bytes: 1e9 } });
  const finished: string[] = [];
  const large = loop.submit(metrics("large", 0, 5_000)).then(() => finished.push("large"));
  const small = loop.submit(metrics("small", 0, 20)).then(() => finished.push("small"));
  await Promise.all([large, small]);
  expect(finished).toEqual(["small", "large"]);
  expect(await lengthOf("large")).toBe(5_000);
});

test("senders wait when the queue is full, and are let in in their order", async () => {
  const engine = gated();
  const loop = new ApplyLoop(engine.store, noBlobs(), { maxQueued: { messages: 100, bytes: 1e9 } });
  const release = engine.hold();
  const order: number[] = [];
  const all = Array.from({ length: 20 }, (_, i) => loop.submit(metrics("a", 40 * i, 40)).then(() => order.push(i)));
  await Bun.sleep(5);
  expect(loop.stats.waiting).toBeGreaterThan(10);
  expect(loop.stats.queued).toBeLessThan(200);
  release();
  await Promise.all(all);
  expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(await lengthOf("a")).toBe(800);
  expect(loop.stats).toMatchObject({ queued: 0, queuedBytes: 0, waiting: 0 });
});

test("one submission is let in whatever its size", async () => {
  const loop = new ApplyLoop(store, noBlobs(), { maxQueued: { messages: 10, bytes: 10 } });
  await Promise.all([loop.submit(metrics("a", 0, 500)), loop.submit(metrics("a", 500, 500))]);
  expect(await lengthOf("a")).toBe(1_000);
});

test("when the store fails, those who wait for it are told, and later ones are served", async () => {
  const engine = gated();
  const loop = new ApplyLoop(engine.store, noBlobs(), { round: { messages: 100, bytes: 1e9 } });
  engine.fail(new MatyanError("io", "the disk is full"));
  const answers = await Promise.allSettled([loop.submit(metrics("a", 0, 250)), loop.submit(metrics("b", 0, 1))]);
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(loop.stats.failed).toBeGreaterThan(0);
  engine.fail(undefined);
  await loop.submit(metrics("a", 0, 250));
  expect(await lengthOf("a")).toBe(250);
  expect(loop.stats).toMatchObject({ queued: 0, queuedBytes: 0 });
});

test("closing applies what was submitted and takes no more", async () => {
  const engine = gated();
  const loop = new ApplyLoop(engine.store, noBlobs(), { maxQueued: { messages: 10, bytes: 1e9 } });
  const release = engine.hold();
  const submitted = [0, 1, 2].map((i) => loop.submit(metrics("a", 20 * i, 20)));
  const closed = loop.close();
  expect(loop.submit(metrics("a", 100, 1))).rejects.toThrow("takes no more messages");
  release();
  await closed;
  expect(await lengthOf("a")).toBe(60);
  await Promise.all([...submitted, loop.close(), loop.drain()]);
});

test("what was acknowledged is in the file when it is opened again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "matyan-loop-"));
  try {
    const path = join(folder, "store.db");
    const database = await openEmbedded({ path, durability: "full" });
    const loop = new ApplyLoop(await openStore(database), noBlobs());
    const senders = Array.from({ length: 4 }, async (_, s) => {
      for (let i = 0; i < 10; i++) await loop.submit(metrics(`run${s}`, 100 * i, 100));
    });
    await Promise.all(senders);
    await loop.close();
    await database.close();
    const again = await openEmbedded({ path, durability: "full" });
    const opened = await openStore(again);
    for (let s = 0; s < 4; s++) expect(await lengthOf(`run${s}`, opened)).toBe(1_000);
    await again.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
