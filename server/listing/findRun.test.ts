// What is suggested to somebody who mistyped a run.
import { expect, test } from "bun:test";
import { MatyanError } from "../../formats/error.ts";
import { openMemory } from "../kv/memory.ts";
import { openStore } from "../store/index.ts";
import { createRun } from "../store/runs.ts";
import { findRun } from "./findRun.ts";

test("a slip anywhere in a hash, and a name in its place, lead to the run that was meant", async () => {
  const store = await openStore(await openMemory());
  const runs = { "3f9c1a20b81e4c0d": "baseline", "77ab00112233aabb": "sweep 3", c0ffee00c0ffee00: "sweep 3" };
  await store.database.transact(async (tx) => {
    for (const [hash, name] of Object.entries(runs))
      await createRun(tx, store, hash, { name, createdAt: 1_700_000_000 });
  });
  const hintFor = async (typed: string) => {
    const error = await findRun(store, typed).catch((failure: unknown) => failure);
    if (!(error instanceof MatyanError)) throw new Error(`'${typed}' was found: ${error}`);
    expect(error.code).toBe("not_found");
    return error.hint ?? "";
  };
  expect(await findRun(store, "3f9c")).toBe("3f9c1a20b81e4c0d");
  for (const slip of ["3f9c1a21", "3f9c1a2O", "8f9c1a20", "f39c1a20"])
    expect(await hintFor(slip)).toStartWith("Did you mean 3f9c1a20b81e4c0d?");
  expect(await hintFor("baseline")).toContain("3f9c1a20b81e4c0d (its name is 'baseline')");
  expect(await hintFor("sweep 3")).toContain("c0ffee00c0ffee00");
  expect(await hintFor("sweep 3")).toContain("77ab00112233aabb");
  expect(await hintFor("00000000")).toBe("`matyan runs ls` lists the runs.");
});
