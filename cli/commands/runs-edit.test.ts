// Changes of runs by command, on the folder of a server that is up and through its API: what the server says of them afterwards.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedStack } from "../../server/embedded.ts";
import { leaf, runKey } from "../../server/store/keys.ts";
import { Run } from "../client/index.ts";
import { openTestServer, type TestServer } from "../client/testing.ts";
import { runMatyan } from "../testing.ts";

const hashes = ["aaa1", "aaa2", "bbb3"].map((start) => start.padEnd(32, "0"));
let folder: string;
let server: TestServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "matyan-edit-test-"));
  server = await openTestServer();
  for (const [i, hash] of hashes.entries()) {
    const run = await Run.open({ repo: server.address, hash });
    run.hparams = { lr: 0.01 * (i + 1) };
    await run.track(i + 0.5, { name: "loss" });
    if (i < 2) await run.close();
    else await run.flush();
  }
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const places = [
  ["in the store", () => []],
  ["by the server", () => ["--url", server.address]],
] as const;

async function matyan(...args: string[]) {
  const ended = await runMatyan(["runs", ...args], { cwd: folder, env: { MATYAN_DATA: server.dataDir } });
  const lines = ended.out.split("\n").filter((line) => line !== "");
  return { ...ended, json: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

async function propsOf(hash: string): Promise<Record<string, unknown> | undefined> {
  const response = await fetch(`${server.address}/api/v1/rest/runs/${hash}/info/`);
  if (response.status === 404) return undefined;
  return ((await response.json()) as { props: Record<string, unknown> }).props;
}

describe.each(places)("%s", (_, at) => {
  const edit = (...args: string[]) => matyan(...args, ...at());

  test("runs are archived and shown again, by hash and by query, and a second time nothing changes", async () => {
    const first = await edit("archive", "aaa1", "bbb3", "--yes", "--json");
    expect(first.json().at(-1)).toEqual({
      ...{ type: "summary", action: "archive", runs: 2, changed: 2, failed: 0, dry_run: false },
    });
    expect((await propsOf(hashes[0]!))?.["archived"]).toBe(true);
    expect((await propsOf(hashes[1]!))?.["archived"]).toBe(false);
    expect((await edit("archive", "aaa1", "--yes")).out).toContain("0 runs changed, 1 as it was");
    const back = await edit("unarchive", "--query", "run.archived and run.hparams.lr < 0.02", "--yes", "--json");
    expect(back.json().map(({ run }) => run)).toEqual([hashes[0], undefined]);
    expect((await propsOf(hashes[0]!))?.["archived"]).toBe(false);
    expect((await propsOf(hashes[2]!))?.["archived"]).toBe(true);
  });

  test("a run is renamed, tagged, untagged and finished", async () => {
    expect((await edit("rename", "the first", "aaa1", "--yes")).code).toBe(0);
    expect((await edit("tag", "best", "aaa1", "aaa2", "--yes")).out).toContain("2 runs changed");
    expect((await edit("untag", "best", "aaa2", "--yes")).out).toContain("1 run changed");
    expect((await edit("finish", "--query", "run.active", "--yes")).out).toContain("1 run changed");
    expect(await propsOf(hashes[0]!)).toMatchObject({ name: "the first", tags: [{ name: "best" }] });
    expect((await propsOf(hashes[1]!))?.["tags"]).toEqual([]);
    expect((await propsOf(hashes[2]!))?.["end_time"]).toBeNumber();
  });

  test("a deleted run is gone with what is logged to it later; a dry run only shows it", async () => {
    const dry = await edit("delete", "aaa1", "--dry-run");
    expect(dry.out).toContain("Would delete 1 run with all data and files. Nothing was changed.");
    expect(dry.out).toContain("aaa1");
    expect(await propsOf(hashes[0]!)).toBeDefined();
    expect((await edit("delete", "aaa1", "--yes")).code).toBe(0);
    expect(await propsOf(hashes[0]!)).toBeUndefined();
    const late = await Run.open({ repo: server.address, hash: hashes[0]! });
    await late.track(1, { name: "loss" });
    await late.close();
    expect(await propsOf(hashes[0]!)).toBeUndefined();
    expect((await matyan("ls", "--json")).json().map(({ hash }) => hash)).not.toContain(hashes[0]);
  });
});

test("a run that cannot be changed is told with the reason, the others are changed, and the command fails", async () => {
  {
    await using stack = await openEmbeddedStack({ dataDir: server.dataDir, durability: "normal" });
    const { store } = stack;
    const damaged = runKey(store, hashes[0]!, "meta", "description", leaf);
    await store.database.transact(async (tx) => tx.set(damaged, Uint8Array.of(0xc1)));
  }
  const failed = await matyan("archive", "aaa1", "aaa2", "--yes", "--json");
  expect(failed.code).toBe(1);
  expect(failed.json()).toEqual([
    { type: "run", run: hashes[0]!, action: "archive", changed: false, error: expect.any(String) },
    { type: "run", run: hashes[1]!, action: "archive", changed: true },
    { type: "summary", action: "archive", runs: 2, changed: 1, failed: 1, dry_run: false },
  ]);
  expect((await matyan("unarchive", "aaa1", "aaa2", "--yes")).err).toContain(`run ${hashes[0]}: `);
});

test("a deleted run's files go with it", async () => {
  const file = join(folder, "model.bin");
  await Bun.write(file, "weights");
  const surroundings = { cwd: folder, env: { MATYAN_DATA: server.dataDir } };
  expect((await runMatyan(["artifacts", "log", "aaa1", file], surroundings)).code).toBe(0);
  const blobs = join(server.dataDir, "blobs", hashes[0]!);
  expect(readdirSync(blobs)).toEqual(["model.bin"]);
  expect((await matyan("delete", "aaa1", "--yes")).code).toBe(0);
  expect(existsSync(join(blobs, "model.bin"))).toBe(false);
});

test("without a terminal nothing is done unless --yes is given", async () => {
  const asked = await matyan("delete", "aaa1");
  expect(asked).toMatchObject({ code: 2, err: expect.stringContaining("--yes") });
  expect(await propsOf(hashes[0]!)).toBeDefined();
});

test.each([
  [["archive", "--yes"], "no run is named", 2],
  [["archive", "aaa1", "--query", "True", "--yes"], "named twice", 2],
  [["tag", "", "aaa1", "--yes"], "name", 2],
])("%j is refused, and nothing is changed", async (args, words, code) => {
  const refused = await matyan(...args);
  expect(refused.err).toContain(words);
  expect(refused.code).toBe(code);
  expect((await propsOf(hashes[0]!))?.["archived"]).toBe(false);
});

describe.each(places)("%s", (_, at) => {
  test.each([
    [["archive", "aaa1", "aaa"], `several runs start with 'aaa': ${hashes[0]}, ${hashes[1]}`, 1],
    [["delete", "aaa1", "bba3"], `Did you mean ${hashes[2]}?`, 1],
    [["untag", "nope", "aaa1"], "there is no tag 'nope'", 1],
    [["archive", "--query", "run.name =="], "the query is wrong", 2],
  ])("%j is refused, and nothing is changed", async (args, words, code) => {
    const refused = await matyan(...args, "--yes", ...at());
    expect(refused.err).toContain(words);
    expect(refused.code).toBe(code);
    expect((await propsOf(hashes[0]!))?.["archived"]).toBe(false);
  });
});
