// Which active runs are looked at, and that it costs the same whatever the number of runs.
import { expect, test } from "bun:test";
import type { Store } from "../store/index.ts";
import { createRun, finishRun, updateMeta } from "../store/runs.ts";
import { memoryStore } from "../store/testing.ts";
import { writeTrace } from "../store/traces.ts";
import { activeRuns } from "./activeRuns.ts";
import { mostSequences } from "./source.ts";

/** In no order that has to do with their creation. */
const hashOf = (i: number) => Bun.hash(String(i)).toString(16).padStart(16, "0");

async function storeOf(count: number, finished: (i: number) => boolean = () => false): Promise<Store> {
  const store = await memoryStore();
  for (let from = 0; from < count; from += 100)
    await store.database.transact(async (tx) => {
      for (let i = from; i < Math.min(count, from + 100); i++) {
        await createRun(tx, store, hashOf(i), { name: `run ${i}`, createdAt: 1_000 + i });
        if (finished(i)) await finishRun(tx, store, hashOf(i), { now: 9_000 });
      }
    });
  return store;
}

async function namesOf(store: Store, limit: number) {
  const { runs, more } = await activeRuns(store, limit);
  return { names: runs.map(({ name }) => name), more };
}

test("active runs come newest first; finished and archived ones do not", async () => {
  const store = await storeOf(6, (i) => i === 4);
  await store.database.transact((tx) => updateMeta(tx, store, hashOf(2), new Map([["is_archived", true]]), 9_000));
  expect(await namesOf(store, 10)).toEqual({ names: ["run 5", "run 3", "run 1", "run 0"], more: false });
});

test("of many the newest are taken", async () => {
  const store = await storeOf(300, (i) => i >= 200 && i < 299);
  expect(await namesOf(store, 2)).toEqual({ names: ["run 299", "run 199"], more: true });
  expect((await namesOf(store, 201)).more).toBe(false);
});

test("runs that are older than thousands of finished ones are found all the same", async () => {
  const store = await storeOf(2_100, (i) => i > 7);
  expect(await namesOf(store, 8)).toEqual({ names: [7, 6, 5, 4, 3, 2, 1, 0].map((i) => `run ${i}`), more: false });
  const { names, more } = await namesOf(store, 3);
  expect(names.length).toBe(3);
  expect(more).toBe(true);
});

test("runs with very many metrics end the list early, and the list says that there are more", async () => {
  const store = await storeOf(5);
  const metrics = Math.ceil(mostSequences / 2);
  // The newest two have half of what is read at most, each.
  for (const i of [3, 4])
    for (let from = 0; from < metrics; from += 5_000)
      await store.database.transact(async (tx) => {
        for (let m = from; m < Math.min(metrics, from + 5_000); m++)
          await writeTrace(
            tx,
            store,
            hashOf(i),
            { contextId: 0, name: `metric ${m}`, dtype: "float", last: m },
            { index: false },
          );
      });
  expect(await namesOf(store, 5)).toEqual({ names: ["run 4", "run 3"], more: true });
}, 60_000);
