// `matyan inspect` against a recorded dump of the existing backend's store (fixtures/README.md).
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJson } from "../../formats/json.ts";
import { openEmbedded } from "../../server/kv/embedded.ts";
import { openStore } from "../../server/store/index.ts";
import { type DumpEntry, loadDump, readDump } from "../../server/store/testing.ts";
import { mainFile, startMatyan } from "../testing.ts";

const folder = mkdtempSync(join(tmpdir(), "matyan-inspect-"));
let dump: DumpEntry[] = [];

beforeAll(async () => {
  dump = await readDump(join(import.meta.dir, "../../fixtures/store/dump.jsonl.gz"));
  const store = await openStore(await openEmbedded({ path: join(folder, "store.db"), durability: "normal" }));
  await loadDump(store, dump);
  await store.database.close();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const surroundings = { cwd: folder, env: { MATYAN_DATA: folder } };

test("every key and value of the recorded store is printed as it was recorded, number kinds included", async () => {
  const child = startMatyan(["inspect"], surroundings);
  const lines = (await new Response(child.stdout).text()).trimEnd().split("\n");
  expect(await child.exited).toBe(0);
  const order = ["runs", "indexes", "system"];
  const expected = dump.toSorted((a, b) => order.indexOf(a.dir) - order.indexOf(b.dir));
  expect(lines.length).toBe(expected.length);
  for (const [index, line] of lines.entries()) {
    const entry = parseJson(line);
    if (!(entry instanceof Map)) throw new Error("a line is no object");
    const { dir, key, khex, vhex, value } = expected[index]!;
    if (!Bun.deepEquals(Object.fromEntries(entry), { dir, key, khex, vhex, value }, true))
      expect(Object.fromEntries(entry)).toEqual({ dir, key, khex, vhex, value });
  }
});

test("a reader that stops early ends it quietly", async () => {
  const child = Bun.spawn(["sh", "-c", '"$0" "$1" inspect | head -3', process.execPath, mainFile], {
    env: { PATH: process.env["PATH"] ?? "", MATYAN_DATA: folder },
    stdout: "pipe",
    stderr: "pipe",
  });
  expect((await new Response(child.stdout).text()).trimEnd().split("\n")).toHaveLength(3);
  expect(await new Response(child.stderr).text()).toBe("");
  expect(await child.exited).toBe(0);
});

test("Ctrl-C stops it with exit code 130", async () => {
  const child = startMatyan(["inspect"], surroundings);
  const reader = child.stdout.getReader();
  await reader.read();
  child.kill("SIGINT");
  // The pipe must be read for the process to come to its signal.
  while (!(await reader.read()).done);
  expect(await child.exited).toBe(130);
  expect(await new Response(child.stderr).text()).toContain("stopped");
});
