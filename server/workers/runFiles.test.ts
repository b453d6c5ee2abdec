// Deletes that failed half way are tried again for as long as the process runs.
import { expect, test } from "bun:test";
import { createRun, deleteRun, readMeta, requestDelete } from "../store/runs.ts";
import { memoryStore } from "../store/testing.ts";
import { keepDeleting, removeFiles } from "./apply.ts";
import { noBlobs } from "./testing.ts";

test("files that a failing object store kept go when it works again, and so does a run whose delete was only asked for", async () => {
  const store = await memoryStore();
  await store.database.transact(async (tx) => {
    for (const hash of ["gone", "hidden"]) await createRun(tx, store, hash, { createdAt: 1 });
  });
  const blobs = noBlobs(["gone/a.png", "gone/b.png", "hidden/c.png", "other/d.png"]);
  await deleteRun(store, "gone", { now: 2, files: "later" });
  await store.database.transact((tx) => requestDelete(tx, store, "hidden", 2));
  let failures = 3;
  const failing = {
    ...blobs,
    delete: (key: string) => (failures-- > 0 ? Promise.reject(new Error("no route to the bucket")) : blobs.delete(key)),
  };
  const warnings: string[] = [];
  const stop = new AbortController();
  const duty = {
    request: async (hash: string) => void (await deleteRun(store, hash, { now: 3, files: "later" })),
    files: removeFiles(failing),
    now: () => 3,
    signal: stop.signal,
    warn: (text: string) => void warnings.push(text),
  };
  const done = keepDeleting(store, duty, 1);
  while (blobs.keys.size > 1) await Bun.sleep(1);
  stop.abort();
  await done;
  expect([...blobs.keys]).toEqual(["other/d.png"]);
  expect(await store.database.snapshot((tx) => readMeta(tx, store, "hidden"))).toBeUndefined();
  expect(warnings[0]).toContain("run 'gone' is deleted, but not all of its files: gone/a.png: no route to the bucket");
});
