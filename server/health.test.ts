import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFolderBlobs } from "./blobs/folder.ts";
import type { Bus } from "./bus/index.ts";
import { createReadiness } from "./health.ts";
import { memoryStore } from "./store/testing.ts";

async function parts() {
  const folder = await mkdtemp(join(tmpdir(), "matyan-health-test-"));
  const blobs = await openFolderBlobs(folder, { durability: "normal" });
  return { store: await memoryStore(), blobs, folder };
}

test("a store that reads and blobs that write are ready, and nothing is left of the check", async () => {
  const { store, blobs, folder } = await parts();
  expect(await createReadiness({ store, blobs })()).toEqual({ status: "ok", checks: { store: "ok", blob: "ok" } });
  const left: string[] = [];
  for await (const { key } of blobs.list("")) left.push(key);
  expect(left).toEqual([]);
  await rm(folder, { recursive: true });
});

test("what fails is named with its reason, and is asked again only after a while", async () => {
  const { store, blobs, folder } = await parts();
  let at = 0;
  let puts = 0;
  let isFull = true;
  const flaky = Object.assign(Object.create(blobs) as typeof blobs, {
    put: async (key: string, bytes: Uint8Array) => {
      puts++;
      if (isFull) throw new Error("the disk is full");
      await blobs.put(key, bytes);
    },
    get: (key: string) => blobs.get(key),
    delete: (key: string) => blobs.delete(key),
  });
  const ready = createReadiness({ store, blobs: flaky }, { clock: () => at, keepMs: 3_000 });
  const full = { status: "degraded", checks: { store: "ok", blob: "the disk is full" } } as const;
  expect(await ready()).toEqual(full);
  isFull = false;
  at = 2_999;
  expect(await ready()).toEqual(full);
  expect(puts).toBe(1);
  at = 3_000;
  expect(await ready()).toEqual({ status: "ok", checks: { store: "ok", blob: "ok" } });
  await store.database.close();
  at = 6_000;
  const { status, checks } = await ready();
  expect([status, checks.blob]).toEqual(["degraded", "ok"]);
  expect(checks.store).not.toBe("ok");
  await rm(folder, { recursive: true });
});

test("the bus and an object store are asked by their own check, and what a process has not is not checked", async () => {
  const { blobs, folder } = await parts();
  const topics: string[] = [];
  const asked = { isAway: false };
  const bus = {
    check: async (wanted: readonly string[]) => {
      topics.push(...wanted);
      if (asked.isAway) throw new Error("no broker answers");
    },
  } as Bus;
  let puts = 0;
  const objects = Object.assign(Object.create(blobs) as typeof blobs, {
    engine: "s3" as const,
    put: async () => void puts++,
    check: async () => {
      if (asked.isAway) throw new Error("no such bucket");
    },
  });
  const ready = createReadiness({ blobs: objects, bus: { bus, topics: ["t"] } }, { keepMs: 0 });
  expect(await ready()).toEqual({ status: "ok", checks: { blob: "ok", kafka: "ok" } });
  asked.isAway = true;
  expect(await ready()).toEqual({
    status: "degraded",
    checks: { blob: "no such bucket", kafka: "no broker answers" },
  });
  expect([topics, puts]).toEqual([["t", "t"], 0]);
  await rm(folder, { recursive: true, force: true });
});

test("a check without an answer is a failed one", async () => {
  const { store, blobs, folder } = await parts();
  const stuck = Object.assign(Object.create(blobs) as typeof blobs, { put: () => new Promise<void>(() => undefined) });
  const { checks } = await createReadiness({ store, blobs: stuck }, { timeoutMs: 10 })();
  expect(checks).toEqual({ store: "ok", blob: "no answer within 10 ms" });
  await rm(folder, { recursive: true });
});
