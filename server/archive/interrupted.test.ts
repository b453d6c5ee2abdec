// A restore that dies after any of its commits: nobody has seen half a run, and running it again ends as if it had not died.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mapOf } from "../../formats/value.ts";
import { openFolderBlobs } from "../blobs/folder.ts";
import { DeathError, FaultyDatabase } from "../kv/testing/faulty.ts";
import { setRunExperiment } from "../store/associations.ts";
import { createExperiment } from "../store/entities.ts";
import type { Store } from "../store/index.ts";
import { createRun, listRuns, readMeta } from "../store/runs.ts";
import { countPoints, writePoint } from "../store/sequences.ts";
import { collect, contentsOf, failureOf } from "../store/testing.ts";
import { writeTrace } from "../store/traces.ts";
import type { RestoreOptions } from "./restore.ts";
import { makeArchive, newFolder, newStack, removeFolders, restoreInto, type Stack } from "./testing.ts";

afterAll(removeFolders);

const big = "b".repeat(32);
const small = "5".repeat(32);
const experimentId = "0b4e3a52-6a5a-4c27-9d0f-2f4d5b2c8a11";
const tagId = "7f1e9a04-90c8-4f6e-8f5b-b3a9a7c0d2e4";
const points = 2_500;
let archive = "";

beforeAll(async () => {
  archive = await makeArchive(
    [
      {
        hash: big,
        points,
        meta: { experiment_id: experimentId, is_archived: true, active: false, finalized_at: 1_700_000_100.5 },
        async write(run) {
          await run.json(
            "attrs.json",
            mapOf({ hparams: mapOf({ lr: 0.1, text: "x".repeat(150_000) }), note: "y".repeat(1_200_000) }),
          );
          await run.extra("tags.json", [mapOf({ id: tagId, name: "best" })]);
          await run.blob("model.bin", new Uint8Array(1000).fill(7));
          await run.blob("seq/img/0.png", new Uint8Array(10).fill(8));
        },
      },
      { hash: small, points: 3, meta: { experiment_id: experimentId } },
    ],
    [
      ["experiment", mapOf({ id: experimentId, name: "digits", created_at: 5, updated_at: 6, is_archived: true })],
      ["tag", mapOf({ id: tagId, name: "best", color: "#ff0000", created_at: 5, updated_at: 6 })],
      [
        "note",
        mapOf({
          id: "3f0f3b3a-3b0e-4b43-8a4a-0a5a5d1f2b11",
          content: "hm",
          run_hash: big,
          created_at: 5,
          updated_at: 6,
        }),
      ],
    ],
  );
});

/** A run under `big`'s hash that the archive doesn't know, with points and a blob of its own. */
async function addOldRun({ store, blobs }: Stack): Promise<void> {
  await store.database.transact(async (tx) => {
    const old = await createExperiment(
      tx,
      store,
      { name: "old one" },
      { now: 1, id: "9c1d6a52-6a5a-4c27-9d0f-2f4d5b2c8a22" },
    );
    await createRun(tx, store, big, { name: "old", createdAt: 1_600_000_000 });
    await setRunExperiment(tx, store, big, old);
    await writeTrace(tx, store, big, { contextId: 0, name: "old metric", dtype: "float", last: 1, lastStep: 0n });
    await writePoint(tx, store, { hash: big, contextId: 0, name: "old metric" }, { step: 0n, value: 1 });
  });
  await blobs.put(`${big}/old.bin`, new Uint8Array(5));
}

/** All keys, values and blobs. */
async function see({ store, blobs }: Stack): Promise<Map<string, string>> {
  const seen = await contentsOf(store);
  for await (const { key, size } of blobs.list("")) seen.set(`blob ${key}`, String(size));
  return seen;
}

/** Names a few of the differences: whole stores are too long to print. */
function expectSame(seen: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string>): void {
  const keys = new Set([...seen.keys(), ...expected.keys()]);
  const different = [...keys].filter((key) => seen.get(key) !== expected.get(key));
  expect(different.slice(0, 5)).toEqual([]);
}

/** What any reader may see of the big run at any time: nothing, all of the old one, or all of the new one. */
async function checkVisible(store: Store): Promise<void> {
  const listed = await collect(listRuns(store));
  const meta = await store.database.snapshot((tx) => readMeta(tx, store, big));
  if (!listed.includes(big)) return;
  const count = (name: string) =>
    store.database.snapshot((tx) => countPoints(tx, store, { hash: big, contextId: 0, name }));
  if (meta?.get("name") === "old") expect(await count("old metric")).toBe(1);
  else expect([await count("loss"), await count("acc")]).toEqual([points, points]);
}

interface Died {
  readonly stack: Stack;
  readonly commits: number;
  readonly error: unknown;
}

async function restoreAndDie(
  dieAfter: number | undefined,
  loseLastReply: boolean,
  prepare: (stack: Stack) => Promise<void>,
  options: Partial<RestoreOptions>,
): Promise<Died> {
  const stack = await newStack();
  await prepare(stack);
  const faulty = new FaultyDatabase(stack.store.database, {
    dieAfter,
    loseLastReply,
    afterCommit: () => checkVisible(stack.store),
  });
  const work = restoreInto({ ...stack, store: { ...stack.store, database: faulty } }, archive, options);
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { stack, commits: faulty.commits, error };
}

describe("a restore that dies after any commit and is run again", () => {
  for (const loseLastReply of [false, true])
    test(`into an empty store ends like one that did not die${loseLastReply ? " (the last reply was lost)" : ""}`, async () => {
      const whole = await restoreAndDie(undefined, false, async () => {}, {});
      expect(whole.error).toBeUndefined();
      expect(whole.commits).toBeGreaterThan(10);
      const expected = await see(whole.stack);
      const journal = Buffer.from("_restore").toString("hex");
      expect([...expected.keys()].filter((key) => key.includes(journal))).toEqual([]);
      for (let dieAfter = 0; dieAfter < whole.commits; dieAfter++) {
        const { stack, error } = await restoreAndDie(dieAfter, loseLastReply, async () => {}, {});
        if (dieAfter > 0 || !loseLastReply) expect(error).toBeInstanceOf(DeathError);
        const report = await restoreInto(stack, archive);
        expect(report.failures).toEqual([]);
        expectSame(await see(stack), expected);
      }
    }, 60_000);

  test("replacing a run ends with the new one, whole", async () => {
    const options = { onConflict: "replace" } as const;
    const whole = await restoreAndDie(undefined, false, addOldRun, options);
    expect(whole.error).toBeUndefined();
    const expected = await see(whole.stack);
    expect([...expected.keys()].filter((key) => key.startsWith("blob"))).toEqual([
      `blob ${big}/model.bin`,
      `blob ${big}/seq/img/0.png`,
    ]);
    for (let dieAfter = 0; dieAfter < whole.commits; dieAfter++) {
      const { stack, error } = await restoreAndDie(dieAfter, dieAfter % 2 === 1, addOldRun, options);
      expect(error).toBeInstanceOf(DeathError);
      await restoreInto(stack, archive, options);
      expectSame(await see(stack), expected);
    }
  }, 60_000);

  test("replacing a run, then going on without asking to replace, ends with the old run or the new one", async () => {
    const kept = await restoreAndDie(undefined, false, addOldRun, {});
    const replaced = await restoreAndDie(undefined, false, addOldRun, { onConflict: "replace" });
    const outcomes = [await see(kept.stack), await see(replaced.stack)];
    const ended = new Set<number>();
    for (let dieAfter = 0; dieAfter < replaced.commits; dieAfter++) {
      const { stack } = await restoreAndDie(dieAfter, false, addOldRun, { onConflict: "replace" });
      await restoreInto(stack, archive);
      const seen = await see(stack);
      const outcome = outcomes.findIndex((each) => Bun.deepEquals(each, seen));
      expect(outcome).toBeGreaterThanOrEqual(0);
      ended.add(outcome);
    }
    expect(ended).toEqual(new Set([0, 1]));
  }, 60_000);
});

test("lines that are committed are not written again", async () => {
  const whole = await restoreAndDie(undefined, false, async () => {}, {});
  const late = await restoreAndDie(8, false, async () => {}, {});
  expect(late.error).toBeInstanceOf(DeathError);
  const counted = new FaultyDatabase(late.stack.store.database, {});
  const report = await restoreInto({ ...late.stack, store: { ...late.stack.store, database: counted } }, archive);
  expect(report.runs).toMatchObject({ continue: 1 });
  expect(counted.commits).toBeLessThan(whole.commits - 4);
});

test("another archive's restore clears what an interrupted one left", async () => {
  const died = await restoreAndDie(7, false, async () => {}, {});
  const other = await makeArchive([{ hash: big, points: 2 }]);
  await restoreInto(died.stack, other);
  const clean = await newStack();
  await restoreInto(clean, other);
  const runOf = async (stack: Stack) => new Map([...(await see(stack))].filter(([key]) => key.startsWith("runs ")));
  expectSame(await runOf(died.stack), await runOf(clean));
  expect(await Array.fromAsync(died.stack.blobs.list(`${big}/`))).toEqual([]);
});

test("Ctrl-C stops a restore between two commits, and the next one goes on", async () => {
  const stack = await newStack();
  const abort = new AbortController();
  const stopping = new FaultyDatabase(stack.store.database, {
    async afterCommit(commits) {
      if (commits === 7) abort.abort(new Error("stopped by the user"));
    },
  });
  const error = await failureOf(
    restoreInto({ ...stack, store: { ...stack.store, database: stopping } }, archive, { signal: abort.signal }),
  );
  expect(String(error)).toContain("stopped by the user");
  expect(await collect(listRuns(stack.store))).toEqual([]);
  const report = await restoreInto(stack, archive);
  expect(report.runs).toMatchObject({ continue: 1, create: 1 });
});

test("two restores of one archive at the same time: one does it, the other says so or finds it done", async () => {
  const stack = await newStack();
  const outcomes = await Promise.allSettled([restoreInto(stack, archive), restoreInto(stack, archive)]);
  for (const outcome of outcomes)
    if (outcome.status === "rejected") expect(String(outcome.reason)).toContain("another restore is working on run");
  expect((await restoreInto(stack, archive)).failures).toEqual([]);
  const clean = await newStack();
  await restoreInto(clean, archive);
  expectSame(await see(stack), await see(clean));
});

test("blobs of a folder that can't be written end the restore, and the run stays unseen", async () => {
  const stack = await newStack();
  const folder = await newFolder();
  await Bun.write(`${folder}/file`, "in the way");
  const broken = await openFolderBlobs(`${folder}/file`);
  const error = await failureOf(restoreInto({ ...stack, blobs: broken }, archive));
  expect(String(error)).toContain("can't write the blob");
  expect(await collect(listRuns(stack.store))).toEqual([]);
});
