// `matyan backup` and `matyan restore` as processes: exit codes, JSON, quietness, standard input, Ctrl-C.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createArchive } from "../../formats/archive/index.ts";
import { mapOf } from "../../formats/value.ts";
import { runMatyan, startMatyan } from "../testing.ts";

const root = join(import.meta.dir, "../..");
const full = join(root, "fixtures/archives/example-archive-full");
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "matyan-cli-archives-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const start = (args: readonly string[]) => startMatyan(args, { cwd: folder });
const matyan = (args: readonly string[], stdin?: Uint8Array) => runMatyan(args, { cwd: folder, stdin });

function lines(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("restore, then backup to a file, then restore that from standard input", async () => {
  const restored = await matyan(["restore", full, "--data", "a"]);
  expect(restored).toMatchObject({ code: 0 });
  expect(restored.out).toContain("2 runs restored; 14 points, 3 blobs (85 B).");
  const saved = await matyan(["backup", "b.tar.gz", "--data", "a", "--json"]);
  expect(saved.code).toBe(0);
  expect(lines(saved.out)).toEqual([
    expect.objectContaining({ archive: join(folder, "b.tar.gz"), runs: 2, points: 14, blobs: 3, warnings: [] }),
  ]);
  const piped = await matyan(["restore", "-", "--data", "c", "--json"], await readFile(join(folder, "b.tar.gz")));
  expect(piped.code).toBe(0);
  const documents = lines(piped.out);
  expect(documents.at(-1)).toMatchObject({
    type: "summary",
    dry_run: false,
    runs: { create: 2 },
    points: 14,
    failures: [],
  });
  expect(documents.filter(({ type }) => type === "run").map(({ action }) => action)).toEqual(["create", "create"]);
  const again = await matyan(["restore", "b.tar.gz", "--data", "c", "--quiet"]);
  expect(again).toEqual({ code: 0, out: "", err: "" });
});

test("a dry run says what would be and makes no store", async () => {
  const { code, out } = await matyan(["restore", full, "--data", "dry", "--dry-run"]);
  expect(code).toBe(0);
  expect(out).toContain("experiment 'mnist': would be created");
  expect(out).toContain("run 0123456789abcdef0123456789abcdef 'run A': would be restored: 13 points, 3 blobs (85 B)");
  expect(out).toContain("Nothing was written.");
  expect(await readdir(folder)).not.toContain("dry");
});

test("a damaged run exits 1 and is named, the others are restored", async () => {
  const copy = join(folder, "damaged");
  await Bun.$`cp -r ${full} ${copy}`.quiet();
  const file = (await Array.fromAsync(new Bun.Glob("*/runs/0123*/sequences.jsonl").scan(copy)))[0]!;
  await writeFile(join(copy, file), (await readFile(join(copy, file), "utf8")).replace('"step": 1', '"step": x'));
  const { code, out, err } = await matyan(["restore", copy, "--data", "d"]);
  expect(code).toBe(1);
  expect(err).toContain("sequences.jsonl:3: ");
  expect(out).toContain("1 run restored, 1 run failed; 1 point, ");
  expect(out).toContain("Failed: 0123456789abcdef0123456789abcdef.");
});

test("conflicts, unknown runs, missing stores and wrong usage have their exit codes and a way out", async () => {
  await matyan(["restore", full, "--data", "e"]);
  const conflict = await matyan(["restore", full, "--data", "e", "--on-conflict", "fail"]);
  expect(conflict).toMatchObject({ code: 1, out: "" });
  expect(conflict.err).toContain("--on-conflict skip");
  expect(await matyan(["backup", "out", "--data", "e", "--runs", "nosuch"])).toMatchObject({ code: 1 });
  expect((await matyan(["backup", "out", "--data", "nowhere"])).err).toContain("there is no store in");
  expect(await matyan(["backup", "out", "--data", "e", "--since", "soon"])).toMatchObject({ code: 2 });
  expect(await matyan(["backup", "out", "--data", "e", "--runs", ","])).toMatchObject({ code: 2 });
  expect(await matyan(["restore", full, "--data", "e", "--on-conflict", "maybe"])).toMatchObject({ code: 2 });
  const nothing = await matyan(["backup", "out", "--data", "e", "--since", "2100-01-01"]);
  expect(nothing).toMatchObject({ code: 0, out: "No runs matched the filters: nothing was written.\n" });
  expect(await readdir(folder)).not.toContain("out");
});

test("Ctrl-C ends both cleanly: the backup leaves nothing, the restore goes on when run again", async () => {
  await using archive = await createArchive({ out: join(folder, "large"), kind: "backup", durable: false });
  const run = await archive.run("ab".repeat(16));
  await run.json("run.json", mapOf({ name: "large", created_at: 5.5 }));
  await run.json("traces.json", [mapOf({ name: "m", context_id: 0n, dtype: "float" })]);
  const sink = run.records();
  for (let step = 0n; step < 300_000n; step++)
    sink.write({ contextId: 0, name: "m", step, value: Number(step) / 7, time: Number(step) });
  await run.close();
  const { path } = await archive.finish();

  const child = start(["restore", path, "--data", "f"]);
  await waitForStore(join(folder, "f/store.db"), 3_000_000);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await child.stderr.text()).toContain("stopped");
  const resumed = await matyan(["restore", path, "--data", "f"]);
  expect(resumed.out).toContain("completed: 300,000 points");

  const saving = start(["backup", "stopped", "--data", "f"]);
  await waitFor(async () => (await readdir(join(folder, "stopped")).catch(() => [])).length > 0);
  saving.kill("SIGINT");
  expect(await saving.exited).toBe(130);
  expect(await readdir(folder)).not.toContain("stopped");
}, 60_000);

async function waitForStore(path: string, bytes: number): Promise<void> {
  const size = () => Bun.file(path).size + Bun.file(`${path}-wal`).size;
  await waitFor(async () => size() > bytes);
}

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await Bun.sleep(2);
}
