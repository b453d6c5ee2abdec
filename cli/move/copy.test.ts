// Copies between folders, servers and archives: whole, once, and going on after an interruption.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { openArchive } from "../../formats/archive/index.ts";
import { MatyanError } from "../../formats/error.ts";
import { mapOf } from "../../formats/value.ts";
import { backup } from "../../server/archive/backup.ts";
import { type RunOutcome, restore } from "../../server/archive/restore.ts";
import {
  type ArchiveContents,
  type ArchivedRunContents,
  fixtures,
  makeArchive,
  newFolder,
  readWhole,
  removeFolders,
} from "../../server/archive/testing.ts";
import { openEmbeddedStack } from "../../server/embedded.ts";
import { addRunTag, setRunExperiment } from "../../server/store/associations.ts";
import { createExperiment, createTag } from "../../server/store/entities.ts";
import { openTestServer, type TestServer } from "../client/testing.ts";
import { runMatyan, startMatyan } from "../testing.ts";
import { linesOf, standBetween, told } from "./backupRemoteTesting.ts";
import { type CopyOptions, copy } from "./copy.ts";

const full = join(fixtures, "example-archive-full");
const runA = "0123456789abcdef0123456789abcdef";
const [first, second] = ["aa".repeat(16), "bb".repeat(16)] as [string, string];
let source: string;
let server: TestServer;

beforeAll(async () => {
  source = await newFolder();
  const made = await makeArchive([{ hash: first }, { hash: second, meta: { created_at: 1_800_000_000.5 } }]);
  await fill(source, [full, join(fixtures, "converted"), made]);
  await using stack = await openEmbeddedStack({ dataDir: source, durability: "normal" });
  await stack.store.database.transact(async (tx) => {
    await setRunExperiment(tx, stack.store, first, await createExperiment(tx, stack.store, { name: "e" }, { now: 5 }));
    await addRunTag(tx, stack.store, first, await createTag(tx, stack.store, { name: "t" }, { now: 5 }));
  });
  server = await openTestServer(source);
}, 30_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await removeFolders();
});

async function fill(folder: string, archives: readonly string[]): Promise<void> {
  await using stack = await openEmbeddedStack({ dataDir: folder, durability: "normal" });
  for (const path of archives) {
    await using archive = await openArchive(path);
    await restore({ archive, store: stack.store, blobs: stack.blobs, now: 1_800_000_000 });
  }
}

async function wholeOf(folder: string): Promise<ArchiveContents> {
  await using stack = await openEmbeddedStack(
    { dataDir: folder, durability: "normal" },
    { missing: "fail", access: "read" },
  );
  const { path } = await backup({ ...stack, out: await newFolder(), durable: false });
  return readWhole(path!);
}

async function copied(options: Partial<CopyOptions>) {
  const outcomes: RunOutcome[] = [];
  const to = options.to ?? join(await newFolder(), "copy");
  const warnings: string[] = [];
  const report = await copy({
    ...{ from: source, to, onRun: (outcome) => void outcomes.push(outcome), warn: (text) => void warnings.push(text) },
    ...options,
  });
  return { ...report, to, outcomes, warnings };
}

function actions(outcomes: readonly RunOutcome[]): Record<string, string> {
  return Object.fromEntries(outcomes.map(({ hash, action }) => [hash, action]));
}

describe("from a folder to a folder", () => {
  test("everything comes along, and again nothing changes", async () => {
    const { to, ...report } = await copied({});
    const right = await wholeOf(source);
    expect(report).toMatchObject({ runs: { create: 24 }, failures: [], gone: [], notGiven: [] });
    expect(report.outcomes.flatMap(({ notes }) => notes)).toEqual([]);
    expect(await wholeOf(to)).toEqual(right);
    const again = await copied({ to });
    expect(again).toMatchObject({
      runs: { create: 0, keep: 24 },
      points: 0,
      entities: { create: 0, keep: 0, replace: 0 },
    });
    expect(await wholeOf(to)).toEqual(right);
  });

  test("runs are linked to experiments and tags that the other store has under other ids", async () => {
    const to = await newFolder();
    let ids: string[] = [];
    {
      await using stack = await openEmbeddedStack({ dataDir: to, durability: "normal" });
      ids = await stack.store.database.transact(async (tx) => [
        await createExperiment(tx, stack.store, { name: "e" }, { now: 9 }),
        await createTag(tx, stack.store, { name: "t" }, { now: 9 }),
      ]);
    }
    const { entities } = await copied({ to, runs: [first] });
    expect(entities.map).toBe(2);
    const run = (await wholeOf(to)).runs.get(first)!;
    expect([run.meta.get("experiment_id"), run.tags]).toEqual([ids[0]!, [mapOf({ id: ids[1]!, name: "t" })]]);
  });

  test("filters leave the others out, and the notes of those", async () => {
    const runs = async (options: Partial<CopyOptions>) => [...(await wholeOf((await copied(options)).to)).runs.keys()];
    expect(await runs({ runs: ["aaaa", "bbbb"] })).toEqual([first, second]);
    expect(await runs({ experiment: "mnist" })).toEqual([runA]);
    expect(await runs({ since: "2027-01-15T08:00Z" })).toEqual([second]);
    const kinds = async (options: Partial<CopyOptions>) =>
      [...(await wholeOf((await copied(options)).to)).entities.values()].filter((data) => data.has("run_hash")).length;
    expect([await kinds({ runs: ["aaaa"] }), await kinds({ runs: [runA] })]).toEqual([0, 1]);
  });

  test("without blobs", async () => {
    const { to, blobs } = await copied({ runs: [runA], skipBlobs: true });
    expect([blobs, (await wholeOf(to)).runs.get(runA)!.blobs.size]).toEqual([0, 0]);
  });

  test("a dry run says what would be and makes nothing", async () => {
    const { to, outcomes, entities } = await copied({ dryRun: true });
    expect(new Set(outcomes.map(({ action }) => action))).toEqual(new Set(["create"]));
    expect(entities.create).toBeGreaterThan(5);
    expect(await stat(to).catch(() => "absent")).toBe("absent");
    const { to: some } = await copied({ runs: [first] });
    const { outcomes: next } = await copied({ to: some, dryRun: true, runs: [first, second] });
    expect(actions(next)).toEqual({ [first]: "keep", [second]: "create" });
  });

  test("runs that are there stay, are replaced, or stop it before it begins", async () => {
    const other = await newFolder();
    await fill(other, [await makeArchive([{ hash: first, points: 3 }])]);
    const points = async (folder: string) => (await wholeOf(folder)).runs.get(first)!.records.size;
    const both = { to: other, runs: [first, second] };
    const refused = await copied({ ...both, onConflict: "fail" }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MatyanError);
    expect(String(refused)).toContain("has 1 of the runs already");
    expect([...(await wholeOf(other)).runs.keys()]).toEqual([first]);
    expect(actions((await copied(both)).outcomes)).toEqual({ [first]: "keep", [second]: "create" });
    expect(await points(other)).toBe(6);
    expect(actions((await copied({ ...both, runs: [first], onConflict: "replace" })).outcomes)).toEqual({
      [first]: "replace",
    });
    expect(await points(other)).toBe(20);
  });
});

test("from a server to a folder comes what the API tells", async () => {
  const { to, ...report } = await copied({ from: server.address });
  expect(report).toMatchObject({ runs: { create: 24 }, failures: [], warnings: [] });
  expect(report.notGiven.length).toBeGreaterThan(2);
  const ours = await wholeOf(to);
  const right = told(await wholeOf(source));
  expect(ours.runs.size).toBe(24);
  for (const [hash, run] of right.runs) {
    const { meta, ...lines } = linesOf(ours.runs.get(hash)!);
    const { meta: toldMeta, ...toldLines } = linesOf(run);
    expect({ hash, ...lines }).toEqual({ hash, ...toldLines });
    const fields = toldMeta!.filter((line) => !/^(experiment_name|duration)/.test(line));
    expect(meta).toEqual(expect.arrayContaining(fields));
  }
  expect([...ours.entities.keys()].sort()).toEqual([...right.entities.keys()].sort());
  const again = await copied({ from: server.address, to });
  expect(again).toMatchObject({ runs: { create: 0, keep: 24 }, points: 0 });
  expect(await wholeOf(to)).toEqual(ours);
}, 30_000);

/** Messages carry times to the microsecond, and NaN for a point without a value. */
function carried(run: ArchivedRunContents): ArchivedRunContents {
  const records = Array.from(run.records, ([key, record]) => {
    const [value, time] = [record.get("value") ?? Number.NaN, record.get("time")];
    const rounded = typeof time === "number" ? Math.round(time * 1e5) : time;
    return [key, new Map(record).set("value", value).set("time", rounded ?? null)] as const;
  });
  return { ...run, records: new Map(records) };
}

describe("into a server", () => {
  test("come the runs of a folder, and again nothing changes", async () => {
    await using other = await openTestServer();
    const only = [runA, first];
    const { to, ...report } = await copied({ to: other.address, runs: only });
    expect(report).toMatchObject({ runs: { create: 2 }, failures: [], points: 33 });
    const ours = (await wholeOf(other.dataDir)).runs;
    const right = (await wholeOf(source)).runs;
    for (const hash of only) {
      const { records, contexts, blobs } = linesOf(carried(ours.get(hash)!));
      const expected = linesOf(carried(right.get(hash)!));
      expect([records, contexts, blobs]).toEqual([expected.records, expected.contexts, expected.blobs]);
    }
    expect(ours.get(first)!.tags).toEqual([mapOf({ id: expect.any(String), name: "t" })]);
    const notesOf = async (folder: string) =>
      [...(await wholeOf(folder)).entities.values()]
        .filter((data) => data.has("content"))
        .map((data) => data.get("content"));
    expect((await notesOf(other.dataDir)).sort()).toEqual((await notesOf(source)).sort());
    const again = await copied({ to, runs: only });
    expect(again).toMatchObject({ runs: { keep: 2, create: 0 }, points: 0, entities: { create: 0 } });
  }, 30_000);

  test("come the runs of another one, also after an interruption", async () => {
    await using other = await openTestServer();
    const abort = new AbortController();
    const options = { from: server.address, to: other.address };
    const onRun = () => abort.abort(new MatyanError("interrupted", "stopped"));
    expect(await copied({ ...options, onRun, signal: abort.signal }).catch(String)).toContain("stopped");
    const rest = await copied(options);
    expect(rest).toMatchObject({ runs: { keep: 1, create: 23 }, failures: [] });
    expect(rest.notGiven.length).toBeGreaterThan(2);
    const ours = (await wholeOf(other.dataDir)).runs;
    for (const [hash, run] of told(await wholeOf(source)).runs) {
      const lines = linesOf(carried(ours.get(hash)!));
      const expected = linesOf(carried(run));
      const points = (all: readonly string[] | undefined) =>
        all!.filter((line) => !/"name": "(logs|__log_records)"/.test(line));
      expect({ hash, points: points(lines.records) }).toEqual({ hash, points: points(expected.records) });
      expect({ hash, count: lines.records!.length }).toEqual({ hash, count: expected.records!.length });
      expect(lines.blobs).toEqual(expected.blobs!);
    }
  }, 60_000);

  test("a dry run says which runs would go there, and which go on", async () => {
    await using other = await openTestServer();
    await copied({ to: other.address, runs: [first] });
    const { outcomes } = await copied({ to: other.address, runs: [first, second], dryRun: true });
    expect(actions(outcomes)).toEqual({ [first]: "keep", [second]: "create" });
    expect((await wholeOf(other.dataDir)).runs.size).toBe(1);
  }, 30_000);
});

test("from an archive come the runs that pass the filters", async () => {
  const { to } = await copied({ from: full, experiment: "mnist" });
  expect([...(await wholeOf(to)).runs.keys()]).toEqual([runA]);
  const one = await copied({ from: full, runs: ["fedc"] });
  expect(one.outcomes.map(({ hash, action }) => [hash, action])).toEqual([
    ["fedcba9876543210fedcba9876543210", "create"],
  ]);
  expect(await copied({ from: full, to: one.to })).toMatchObject({ runs: { create: 1, same: 1 } });
  expect(await copied({ from: full, since: "2100-01-01" })).toMatchObject({ runs: { create: 0 } });
  for (const filters of [{ runs: ["77"] }, { experiment: "nosuch" }])
    expect(copied({ from: full, ...filters })).rejects.toThrow(/starts with '77'|no experiment 'nosuch'/);
});

describe("when it is stopped", () => {
  test("it goes on where it was", async () => {
    const abort = new AbortController();
    const to = join(await newFolder(), "copy");
    let count = 0;
    const onRun = () => {
      if (++count === 5) abort.abort(new MatyanError("interrupted", "stopped"));
    };
    expect(await copied({ to, onRun, signal: abort.signal }).catch(String)).toContain("stopped");
    expect((await wholeOf(to)).runs.size).toBe(5);
    expect((await copied({ to })).runs).toMatchObject({ keep: 5, create: 19 });
    expect(await wholeOf(to)).toEqual(await wholeOf(source));
  });

  test("killed in the middle of a run, it copies that run anew", async () => {
    const from = await newFolder();
    await fill(from, [await makeArchive([{ hash: first, points: 80_000 }])]);
    const to = join(await newFolder(), "copy");
    const temp = await newFolder();
    const child = startMatyan(["copy", "--from", from, "--to", to, "-q"], { cwd: from, env: { TMPDIR: temp } });
    const size = () => Bun.file(join(to, "store.db")).size + Bun.file(join(to, "store.db-wal")).size;
    while (size() < 1_000_000) await Bun.sleep(2);
    child.kill("SIGKILL");
    await child.exited;
    expect((await wholeOf(to)).runs.size).toBe(0);
    expect((await copied({ from, to })).runs).toMatchObject({ create: 1 });
    expect(await wholeOf(to)).toEqual(await wholeOf(from));
  }, 30_000);
});

describe("as a command", () => {
  test("it prints lines or JSON, leaves no temporary files, and exits 1 when a run is left out", async () => {
    const cwd = await newFolder();
    const temp = await newFolder();
    await using between = standBetween(server.address, (url, _, pass) =>
      url.pathname.includes(`${second}/metric/`)
        ? Promise.resolve(Response.json({ error: { code: "internal_error", message: "no" } }, { status: 500 }))
        : pass(url),
    );
    const run = (...args: string[]) => runMatyan(["copy", ...args], { cwd, env: { TMPDIR: temp } });
    const json = await run("--from", between.address, "--to", "a", "--runs", `${first},${second}`, "--json");
    const lines = json.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(json.code).toBe(1);
    expect(
      lines.filter(({ type }) => type === "run").map(({ hash, action, reason }) => [hash, action, reason]),
    ).toEqual([
      [first, "create", null],
      [second, "fail", "no (status 500)"],
    ]);
    expect(lines.at(-1)).toMatchObject({ type: "summary", gone: [], not_given: expect.any(Array), points: 20 });
    const plain = await run("--from", "a", "--to", "b");
    expect(plain).toMatchObject({ code: 0, err: "" });
    expect(plain.out).toContain("1 run restored; 20 points");
    expect(await run("--from", "a", "--to", "b", "--quiet")).toEqual({ code: 0, out: "", err: "" });
    expect(await readdir(temp)).toEqual([]);
  });

  test("places that can't be are named, with a way out", async () => {
    const cwd = await newFolder();
    const run = async (...args: string[]) => {
      const { code, err } = await runMatyan(["copy", ...args], { cwd });
      return [code, err.split("\n")[0]];
    };
    expect(await run("--from", "nowhere", "--to", "b")).toEqual([1, "error: there is no file or folder 'nowhere'"]);
    expect(await run("--from", source, "--to", `${source}/.`)).toEqual([
      2,
      `error: '${source}' and '${source}/.' are the same place`,
    ]);
    expect(await run("--from", source, "--to", "b.tar.gz")).toEqual([
      2,
      "error: 'b.tar.gz' is an archive: copies go into stores and servers",
    ]);
    expect(await run("--from", "ftp://x", "--to", "b")).toEqual([
      2,
      "error: 'ftp://x' is no address of a server: the scheme is ftp, not http or https",
    ]);
    expect((await run("--from", source))[0]).toBe(2);
    expect(await readdir(cwd)).toEqual([]);
  });
});
