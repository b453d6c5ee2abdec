// Experiments, tags and the rest of a project meeting those that a store has already.
import { afterAll, expect, test } from "bun:test";
import { mapOf, type ValueMap } from "../../formats/value.ts";
import {
  createExperiment,
  createTag,
  findExperimentByName,
  listEntities,
  readEntity,
  renameExperiment,
  writeEntity,
} from "../store/entities.ts";
import { contentsOf } from "../store/testing.ts";
import type { EntityOutcome } from "./restoreEntities.ts";
import { backupOf, makeArchive, newStack, readWhole, removeFolders, restoreInto, type Stack } from "./testing.ts";

afterAll(removeFolders);

const run = "1".repeat(32);
const id = (digit: number) => `${String(digit).repeat(8)}-1111-4111-8111-111111111111`;
const times = { created_at: 100.5, updated_at: 200.5 };

function project(): [string, ValueMap][] {
  return [
    // Out of the usual order on purpose.
    ["note", mapOf({ id: id(6), content: "n", experiment_id: id(1), run_hash: run, ...times })],
    [
      "dashboard_app",
      mapOf({ id: id(4), type: "metrics", state: mapOf({ a: [1n, 2.5] }), dashboard_id: id(3), ...times }),
    ],
    ["dashboard", mapOf({ id: id(3), name: "d", description: "", is_archived: true, app_id: id(4), ...times })],
    ["report", mapOf({ id: id(5), name: "r", code: "c".repeat(1_500_000), description: "", ...times })],
    [
      "experiment",
      mapOf({ id: id(1), name: "digits", description: "old", is_archived: true, run_count: 7n, ...times }),
    ],
    [
      "tag",
      mapOf({ id: id(2), name: "best", color: "#abc", description: "t", is_archived: true, run_count: 7n, ...times }),
    ],
  ];
}

async function archive(entities = project()): Promise<string> {
  return makeArchive(
    [
      {
        hash: run,
        meta: { experiment_id: id(1) },
        write: (writer) => writer.extra("tags.json", [mapOf({ id: id(2), name: "best" })]),
      },
    ],
    entities,
  );
}

async function entitiesOf(stack: Stack) {
  return (await readWhole((await backupOf(stack)).path)).entities;
}

function read({ store }: Stack, kind: "experiment" | "tag" | "report", entityId: string) {
  return store.database.snapshot((tx) => readEntity(tx, store, kind, entityId));
}

test("ids, times, flags, colours and links all survive, and counts follow the runs that are there", async () => {
  const stack = await newStack();
  await restoreInto(stack, await archive());
  const expected = new Map(
    project().map(([kind, data]) => [
      `${kind} ${data.get("id")}`,
      data.has("run_count") ? new Map(data).set("run_count", 1n) : data,
    ]),
  );
  expect(await entitiesOf(stack)).toEqual(expected);
});

test("an experiment and a tag of the same name keep their ids and fields, and all links lead to them", async () => {
  const stack = await newStack();
  const { store } = stack;
  await store.database.transact(async (tx) => {
    await createExperiment(tx, store, { name: "digits", description: "mine" }, { now: 1, id: id(8) });
    await createTag(tx, store, { name: "best" }, { now: 1, id: id(9) });
  });
  const outcomes: EntityOutcome[] = [];
  await restoreInto(stack, await archive(), { onEntity: (outcome) => outcomes.push(outcome) });
  expect(
    outcomes.filter(({ action }) => action === "map").map(({ archivedId, id: stored }) => [archivedId, stored]),
  ).toEqual([
    [id(1), id(8)],
    [id(2), id(9)],
  ]);
  const all = await entitiesOf(stack);
  expect(all.size).toBe(6);
  expect(all.get(`experiment ${id(8)}`)?.get("description")).toBe("mine");
  expect(all.get(`experiment ${id(8)}`)?.get("run_count")).toBe(1n);
  expect(all.get(`note ${id(6)}`)?.get("experiment_id")).toBe(id(8));
});

test("a record that differs stays, unless it shall be replaced; then it gets the archive's name too", async () => {
  const stack = await newStack();
  const { store } = stack;
  const path = await archive();
  await restoreInto(stack, path);
  await renameExperiment(store, id(1), "numbers", { now: 300 });
  await store.database.transact((tx) => writeEntity(tx, store, "report", id(5), mapOf({ code: "mine" })));
  const kept = await restoreInto(stack, path);
  expect(kept.entities).toMatchObject({ keep: 2, same: 4 });
  expect((await read(stack, "experiment", id(1)))?.get("name")).toBe("numbers");
  expect((await read(stack, "report", id(5)))?.get("code")).toBe("mine");
  const replaced = await restoreInto(stack, path, { onConflict: "replace" });
  expect(replaced.entities).toMatchObject({ replace: 2, same: 4 });
  expect((await read(stack, "experiment", id(1)))?.get("name")).toBe("digits");
  expect(await store.database.snapshot((tx) => findExperimentByName(tx, store, "numbers"))).toBeUndefined();
  expect((await read(stack, "report", id(5)))?.get("code")).toBe("c".repeat(1_500_000));
  const contents = await contentsOf(store);
  await restoreInto(stack, path);
  expect(await contentsOf(store)).toEqual(contents);
});

test("two records of one name, which the old system could make, become one that has the runs of both", async () => {
  const stack = await newStack();
  const { store } = stack;
  const other = "2".repeat(32);
  const path = await makeArchive(
    [
      { hash: run, meta: { experiment_id: id(1) } },
      { hash: other, meta: { experiment_id: id(2) } },
    ],
    [
      ["experiment", mapOf({ id: id(1), name: "same", ...times })],
      ["experiment", mapOf({ id: id(2), name: "same", ...times })],
    ],
  );
  const dry = await restoreInto(stack, path, { dryRun: true });
  const report = await restoreInto(stack, path);
  expect(report.entities).toEqual(dry.entities);
  expect(report.entities).toMatchObject({ create: 1, map: 1 });
  const experiments = await Array.fromAsync(listEntities(store, "experiment"));
  expect(experiments.map(({ id: stored, fields }) => [stored, fields.get("run_count")])).toEqual([[id(1), 2n]]);
});

test("runs restored alone are linked to what the store has by id or name", async () => {
  const stack = await newStack();
  const { store } = stack;
  await store.database.transact((tx) => createExperiment(tx, store, { name: "digits" }, { now: 1, id: id(8) }));
  const notes: string[] = [];
  await restoreInto(stack, await archive(), { skipEntities: true, onRun: (outcome) => notes.push(...outcome.notes) });
  expect(notes).toEqual(["its tag 'best' is not in the store"]);
  const all = await entitiesOf(stack);
  expect([...all.keys()]).toEqual([`experiment ${id(8)}`]);
  expect(all.get(`experiment ${id(8)}`)?.get("run_count")).toBe(1n);
});
