// Entities of a backup where snapshots end early, as FoundationDB's do, and others write meanwhile.
import { afterAll, expect, test } from "bun:test";
import { verifyArchive } from "../../formats/archive/index.ts";
import { mapOf, type Value } from "../../formats/value.ts";
import { BriefDatabase } from "../kv/testing/brief.ts";
import { createEntity, createExperiment, writeEntity } from "../store/entities.ts";
import { backupOf, newStack, readWhole, removeFolders, type Stack } from "./testing.ts";

afterAll(removeFolders);

/** Some 8 MB, of which a snapshot gives 3. */
const notes = Array.from({ length: 2_000 }, (_, index) => `note-${String(index).padStart(4, "0")}`);
const content = "x".repeat(4_000);
const snapshotBytes = 3_000_000;

async function withNotes(): Promise<Stack> {
  const stack = await newStack();
  const { store } = stack;
  for (let at = 0; at < notes.length; at += 1_000)
    await store.database.transact(async (tx) => {
      for (const id of notes.slice(at, at + 1_000))
        await createEntity(tx, store, "note", mapOf({ content }), { id, now: 1 });
    });
  return stack;
}

/** The stack, with snapshots that end early, and `write` done before the snapshots that it wants. */
function briefly(stack: Stack, write: (snapshot: number) => Promise<void>): Stack {
  const { database } = stack.store;
  return { ...stack, store: { ...stack.store, database: new BriefDatabase(database, snapshotBytes, write) } };
}

const firstField = (snapshot: number) => `a${String(999 - snapshot)}`;

test("all entities are in a backup though no snapshot lasts for them, each of one state while others change them", async () => {
  const stack = await withNotes();
  const { store } = stack;
  // Each time a new first field and the same last one: a page that begins in the middle of a record would miss the first.
  const write = (snapshot: number) =>
    store.database.transact(async (tx) => {
      const state = BigInt(snapshot);
      const fields = mapOf({ [firstField(snapshot)]: state, zz: state });
      for (const id of notes) await writeEntity(tx, store, "note", id, fields);
    });
  const { path } = await backupOf(briefly(stack, write));
  const { entities } = await readWhole(path);
  expect([...entities.keys()]).toEqual(notes.map((id) => `note ${id}`));
  const states = new Set<Value | undefined>();
  for (const fields of entities.values()) {
    expect(fields.get("content")).toBe(content);
    const state = fields.get("zz")!;
    expect(fields.get(firstField(Number(state)))).toBe(state);
    states.add(state);
  }
  expect(states.size).toBeGreaterThan(2);
});

test("an experiment that is made while entities are read is in the backup when a note of it is", async () => {
  const stack = await withNotes();
  const { store } = stack;
  let isMade = false;
  const write = async (snapshot: number) => {
    // Experiments are read by then, and not all notes.
    if (isMade || snapshot < 8) return;
    isMade = true;
    await store.database.transact(async (tx) => {
      await createExperiment(tx, store, { name: "late" }, { id: "e", now: 1 });
      await createEntity(tx, store, "note", mapOf({ content: "", experiment_id: "e" }), { id: "z", now: 1 });
    });
  };
  const { path } = await backupOf(briefly(stack, write));
  expect([...(await readWhole(path)).entities.keys()].slice(-2)).toEqual(["experiment e", "note z"]);
  expect((await verifyArchive(path)).warnings).toBe(0);
});
