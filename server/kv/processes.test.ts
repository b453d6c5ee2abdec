// The embedded engine used by several processes at once, and by processes that are killed.
import { Database as Sqlite } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openEmbedded } from "./embedded.ts";
import { bytes, scan, textOf } from "./testing/bytes.ts";
import { newFolder } from "./testing/engines.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = newFolder();
  path = join(folder, "data", "store.db");
});

afterEach(() => rmSync(folder, { recursive: true }));

function start(task: "count" | "blocks", count: number) {
  const script = join(import.meta.dir, "testing", "counterProcess.ts");
  return Bun.spawn([process.execPath, script, path, task, String(count)], { stdout: "pipe", stderr: "pipe" });
}

async function finish(child: ReturnType<typeof start>): Promise<string[]> {
  const [output, errors, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect({ errors, exitCode }).toEqual({ errors: "", exitCode: 0 });
  return output.trim().split("\n");
}

const counter = async (database: Awaited<ReturnType<typeof openEmbedded>>) =>
  Number(textOf((await database.snapshot((tx) => tx.get(bytes("n")))) ?? bytes("0")));

test("three processes that create one store at one moment and count in it lose no update", async () => {
  const children = [start("count", 300), start("count", 300)];
  const database = await openEmbedded({ path, durability: "normal" });
  for (let done = 0; done < 100; done++)
    await database.transact(async (tx) => {
      const before = Number(textOf((await tx.get(bytes("n"))) ?? bytes("0")));
      await Bun.sleep(0);
      tx.set(bytes("n"), bytes(String(before + 1)));
    });
  const acknowledged = (await Promise.all(children.map(finish))).flat();
  expect(new Set(acknowledged).size).toBe(600);
  expect(await counter(database)).toBe(700);
  await database.close();
  expect(existsSync(`${path}-wal`)).toBe(false);
}, 60_000);

test("two stores opened on one file in one process take turns too", async () => {
  const [one, other] = [
    await openEmbedded({ path, durability: "normal" }),
    await openEmbedded({ path, durability: "normal" }),
  ];
  const work = Array.from({ length: 40 }, (_, index) =>
    (index % 2 === 0 ? one : other).transact(async (tx) => {
      const before = Number(textOf((await tx.get(bytes("n"))) ?? bytes("0")));
      await Bun.sleep(1);
      tx.set(bytes("n"), bytes(String(before + 1)));
    }),
  );
  await Promise.all(work);
  expect(await counter(other)).toBe(40);
  await Promise.all([one.close(), other.close()]);
}, 60_000);

test("a writer killed at any moment leaves all that it acknowledged, and no part of a transaction", async () => {
  let last = 0;
  for (let round = 0; round < 6; round++) {
    const child = start("blocks", 1_000_000);
    let output = "";
    const reader = child.stdout.getReader();
    const decoder = new TextDecoder();
    const enough = 3 + Math.floor(Math.random() * 60);
    while (output.split("\n").length <= enough) {
      const { value, done } = await reader.read();
      if (done) throw new Error(await new Response(child.stderr).text());
      output += decoder.decode(value);
    }
    await Bun.sleep(Math.random() * 5);
    child.kill("SIGKILL");
    for (let rest = await reader.read(); !rest.done; rest = await reader.read()) output += decoder.decode(rest.value);
    await child.exited;
    const acknowledged = Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1));
    expect(acknowledged).toBeGreaterThan(last);

    const database = await openEmbedded({ path, durability: "full", create: false });
    last = await counter(database);
    // The last one may have been committed without its line having been printed.
    expect(last).toBeWithin(acknowledged, acknowledged + 2);
    const rows = await database.snapshot((tx) => scan(tx, { begin: bytes("block/"), end: bytes("block0") }));
    expect(rows).toHaveLength(last * 20);
    for (const [index, [key, value]] of rows.entries()) {
      const block = Math.floor(index / 20) + 1;
      expect(key.startsWith(`block/${String(block).padStart(6, "0")}/`)).toBe(true);
      expect(value).toBe(`${block}`.padEnd(500, "."));
    }
    await database.close();
    const sqlite = new Sqlite(path, { readonly: true });
    expect(sqlite.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
    sqlite.close();
  }
}, 60_000);

test("a reader goes on while another process writes, and each of its snapshots is whole", async () => {
  const database = await openEmbedded({ path, durability: "full" });
  const child = start("blocks", 150);
  let [snapshots, longest] = [0, 0];
  let ended = false;
  const writing = finish(child).finally(() => {
    ended = true;
  });
  while (!ended) {
    const begin = performance.now();
    await database.snapshot(async (tx) => {
      const blocks = Number(textOf((await tx.get(bytes("n"))) ?? bytes("0")));
      const rows = await scan(tx, { begin: bytes("block/"), end: bytes("block0") });
      expect(rows).toHaveLength(blocks * 20);
    });
    longest = Math.max(longest, performance.now() - begin);
    snapshots++;
    await Bun.sleep(0);
  }
  await writing;
  expect(snapshots).toBeGreaterThan(10);
  // A reader that had to wait for the writer would meet its busy time-out of 10 s, or a good part of it.
  expect(longest).toBeLessThan(5_000);
  expect(await counter(database)).toBe(150);
  await database.close();
}, 60_000);
