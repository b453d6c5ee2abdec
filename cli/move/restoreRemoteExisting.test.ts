// The existing Python services themselves, where a machine runs them: their addresses are named by the environment.
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { openArchive } from "../../formats/archive/index.ts";
import { fixtures, removeFolders } from "../../server/archive/testing.ts";
import { oddArchive } from "./oddArchive.ts";
import { restoreRemote } from "./restoreRemote.ts";

const url = process.env["MATYAN_TEST_EXISTING_API"];
const frontier = process.env["MATYAN_TEST_EXISTING_FRONTIER"];
const missing = url === undefined ? " (skipped: MATYAN_TEST_EXISTING_API names no server)" : "";

afterAll(removeFolders);

test.skipIf(url === undefined).each([
  ["a backup of theirs", async () => join(fixtures, "example-archive-full")],
  ["converted TensorBoard logs", async () => join(fixtures, "converted")],
  ["values of all kinds", oddArchive],
])(
  `the existing services take %s, and have it then${missing}`,
  async (_, make) => {
    await using archive = await openArchive(await make());
    const report = await restoreRemote({ archive, url: url!, frontier });
    expect(report.failures).toEqual([]);
    const again = await restoreRemote({ archive, url: url!, frontier });
    expect(again.runs.same).toBe(archive.runHashes.length);
    expect(again.entities.create).toBe(0);
  },
  300_000,
);
