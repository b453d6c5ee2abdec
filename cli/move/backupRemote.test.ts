// Archives made through the API beside archives made at the store: equal, but for what docs/moving.md says.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openArchive, verifyArchive } from "../../formats/archive/index.ts";
import { MatyanError } from "../../formats/error.ts";
import { silentProgress } from "../../formats/progress.ts";
import { mapOf } from "../../formats/value.ts";
import { Replay } from "../../server/api/exchanges/replay.ts";
import { backup } from "../../server/archive/backup.ts";
import { restore } from "../../server/archive/restore.ts";
import { fixtures, makeArchive, newFolder, readWhole, removeFolders } from "../../server/archive/testing.ts";
import { openEmbeddedStack } from "../../server/embedded.ts";
import { startServed } from "../../server/testing/served.ts";
import { Audio, Distribution, Figure, Image, Run, Text } from "../client/index.ts";
import { openTestServer, type TestServer } from "../client/testing.ts";
import { runMatyan } from "../testing.ts";
import { type BackupRemoteOptions, backupRemote } from "./backupRemote.ts";
import { existingServer, linesOf, namesWithNulls, standBetween, told } from "./backupRemoteTesting.ts";

const odd = "0ddba11".padEnd(32, "0");
const long = "10f9".padEnd(32, "0");
let data: string;
let server: TestServer;

beforeAll(async () => {
  data = await newFolder();
  await fill(data);
  server = await openTestServer(data);
  await logRun(server);
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await removeFolders();
});

/** Real archives, converted TensorBoard logs, a run of odd numbers, and one that no answer holds whole. */
async function fill(folder: string): Promise<void> {
  const full = join(fixtures, "example-archive-full");
  const converted = join(fixtures, "converted");
  const made = await makeArchive([
    { hash: odd, points: 3, meta: { is_archived: true, duration: 7.5 }, write: oddPoints },
  ]);
  const longer = await makeArchive([{ hash: long, points: 120_000 }]);
  await using stack = await openEmbeddedStack({ dataDir: folder, durability: "normal" });
  for (const path of [full, converted, made, longer]) {
    await using archive = await openArchive(path);
    await restore({ archive, store: stack.store, blobs: stack.blobs, now: 1_800_000_000 });
  }
}

async function oddPoints(run: Parameters<NonNullable<Parameters<typeof makeArchive>[0][number]["write"]>>[0]) {
  const sink = run.records();
  const values = [0.1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 5n, 2n ** 60n + 1n, 1e300];
  for (const [i, value] of values.entries())
    sink.write({
      contextId: 0,
      name: "odd",
      step: BigInt(i) ** 9n - 4n,
      value,
      ...(i % 2 === 0 ? {} : { time: i / 3 }),
    });
  await run.json(
    "attrs.json",
    mapOf({
      hparams: mapOf({ nan: Number.NaN, inf: [1n, Number.NEGATIVE_INFINITY, 1], big: 2n ** 62n, none: null, float: 3 }),
    }),
  );
}

async function logRun({ address }: TestServer): Promise<void> {
  const files = await newFolder();
  await writeFile(join(files, "model.pt"), "weights of the model");
  const run = await Run.open({ repo: address, experiment: "all kinds", logSystemParams: true });
  run.hparams = { lr: 0.1, layers: [64, 0.5], nested: { none: null } };
  run.name = "a run";
  for (let i = 0; i < 300; i++)
    await run.track(
      { loss: 1 / (i + 1), count: i },
      { context: { subset: "träin", fold: 1 }, epoch: Math.trunc(i / 9) },
    );
  await run.track(Number.NaN, { name: "diverged" });
  for (let i = 0; i < 120; i++) await run.track(new Text(`text ${i} ${"x".repeat(i * 50)}`), { name: "words" });
  await run.track(Distribution.of([1, 2, 3, 4], 4), { name: "weights" });
  await run.track(new Figure({ data: [{ y: [1, 2.5] }], layout: { title: "é" } }), { name: "plot" });
  const png = Bun.file(join(fixtures, "../exchanges/blobs/02e9dbe203f8b2f6534f70e4aa17da56caf16a26.bin"));
  for (const subset of ["a", "b"])
    for (let i = 0; i < 40; i++)
      await run.track(new Image(await png.bytes(), { caption: subset, format: "png" }), {
        name: "im/age",
        context: { subset },
      });
  await run.track(new Audio(wave(), { format: "wav" }), { name: "sound" });
  await run.logArtifact(join(files, "model.pt"), "deep/model.pt");
  await run.addTag("best");
  for (let i = 0; i < 450; i++) await run.logWarning(`record ${i}`, { i });
  await run.close();
  await fetch(`${address}/api/v1/rest/runs/${run.hash}/note/`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"content":"a note"}',
  });
}

/** 0.01 s of silence, 8 kHz. */
function wave(): Uint8Array {
  const bytes = Buffer.alloc(44 + 160);
  bytes.write("RIFF", 0).toString();
  bytes.writeUInt32LE(36 + 160, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(8_000, 24);
  bytes.write("data", 36);
  bytes.writeUInt32LE(160, 40);
  return bytes;
}

async function remote(options: Partial<BackupRemoteOptions> = {}) {
  const report = await backupRemote({ url: server.address, out: await newFolder(), durable: false, ...options });
  if (report.path === null) throw new Error("nothing was backed up");
  return { ...report, path: report.path };
}

async function localArchive(folder = data): Promise<string> {
  await using stack = await openEmbeddedStack(
    { dataDir: folder, durability: "normal" },
    { missing: "fail", access: "read" },
  );
  const { path } = await backup({ ...stack, out: await newFolder(), durable: false });
  return path!;
}

describe("an archive made through the API", () => {
  test("is that made at the store, but for what the API does not tell", async () => {
    const report = await remote();
    expect(report).toMatchObject({ warningCount: 0, failures: [], gone: [] });
    const [ours, theirs] = [await readWhole(report.path), await readWhole(await localArchive())];
    const right = told(theirs);
    expect(ours.runs.size).toBe(25);
    expect(ours.entities).toEqual(right.entities);
    expect(ours.project).toEqual(right.project);
    for (const [hash, run] of right.runs)
      expect({ hash, ...linesOf(ours.runs.get(hash)!) }).toEqual({ hash, ...linesOf(run) });
    expect(report.points).toBe([...theirs.runs.values()].reduce((sum, { records }) => sum + records.size, 0));
    expect(await verifyArchive(report.path)).toMatchObject({ ok: true });
    expect(report.notGiven.join()).not.toContain("points");
  }, 60_000);

  test("restores to a store that gives the same archive again", async () => {
    const { path } = await remote({ runs: [odd.slice(0, 6), "0123"] });
    const folder = await newFolder();
    {
      await using stack = await openEmbeddedStack({ dataDir: folder, durability: "normal" });
      await using archive = await openArchive(path);
      const done = await restore({ archive, ...stack, now: 1_800_000_000 });
      expect(done).toMatchObject({ failures: [], runs: { create: 2 } });
    }
    const again = await readWhole(await localArchive(folder));
    const first = await readWhole(path);
    for (const [hash, { records, blobs, attrs, contexts, tags }] of first.runs)
      expect(again.runs.get(hash)).toMatchObject({ records, blobs, attrs, contexts, tags });
  });

  test("has what filters leave, and none without runs that pass", async () => {
    const hashes = async (options: Partial<BackupRemoteOptions>) => [
      ...(await readWhole((await remote(options)).path)).runs.keys(),
    ];
    expect(await hashes({ runs: ["0ddba", long] })).toEqual([odd, long].sort());
    expect(await hashes({ experiment: "mnist" })).toEqual(["0123456789abcdef0123456789abcdef"]);
    expect(await hashes({ since: "2026-11-22T10:00Z", experiment: "mnist" })).toEqual([
      "0123456789abcdef0123456789abcdef",
    ]);
    const out = join(await newFolder(), "none");
    const nothing = await backupRemote({ url: server.address, out, since: "2100-01-01" });
    expect(nothing).toMatchObject({ path: null, runs: 0 });
    for (const [filters, message] of [
      [{ runs: ["dd"] }, "no run's hash starts with 'dd'"],
      [{ runs: ["0"] }, "several runs start with '0'"],
      [{ experiment: 'a" or True or "' }, "there is no experiment 'a\" or True or \"'"],
      [{ since: "soon" }, "'soon' is not a date"],
    ] as const)
      expect(backupRemote({ url: server.address, out, ...filters })).rejects.toThrow(message);
    expect(await readdir(out).catch(() => "absent")).toBe("absent");
  });

  test("without blobs is complete but for them", async () => {
    const { path, blobs } = await remote({ runs: ["0123"], includeBlobs: false });
    expect(blobs).toBe(0);
    const [run] = (await readWhole(path)).runs.values();
    const right = (await readWhole(await localArchive())).runs.get("0123456789abcdef0123456789abcdef");
    expect(run!.blobs.size).toBe(0);
    expect([...run!.records.keys()].sort()).toEqual([...right!.records.keys()].sort());
  });
});

describe("of servers that tell less", () => {
  test("the existing one's archive lacks epochs, times and types of metrics, which is said; NaN runs are there", async () => {
    const local = await readWhole(await localArchive());
    await using between = existingServer(server.address, namesWithNulls(local));
    const report = await remote({ url: between.address });
    expect(report.failures).toEqual([]);
    expect(report.notGiven.join()).toContain("epochs and times of metrics' points");
    expect(report.notGiven.join()).toContain("which of the missing values");
    const right = told(local, { metricDetails: false, nulls: true });
    const ours = await readWhole(report.path);
    for (const [hash, run] of right.runs) {
      const types = { traces: new Map() };
      expect({ hash, ...linesOf({ ...ours.runs.get(hash)!, ...types }) }).toEqual({
        hash,
        ...linesOf({ ...run, ...types }),
      });
    }
    expect(between.asked.filter((path) => path.includes("/search/metric/")).length).toBeLessThan(10);
  }, 60_000);

  test("epochs and times come from searches where those have them", async () => {
    await using between = standBetween(server.address, (url, _, pass) => {
      url.searchParams.delete("point_details");
      return pass(url);
    });
    const report = await remote({ url: between.address, runs: [odd, "0123"] });
    const right = told(await readWhole(await localArchive()), { metricDetails: true, nulls: false });
    const traces = new Map();
    for (const [hash, run] of (await readWhole(report.path)).runs)
      expect(linesOf({ ...run, traces })).toEqual(linesOf({ ...right.runs.get(hash)!, traces }));
  });

  test("the recorded runs of the existing system come whole through an API that gives its recorded answers", async () => {
    await using replay = await Replay.open();
    const { store, blobs, address } = replay.world;
    const { path: at } = await backup({ store, blobs, out: await newFolder(), durable: false });
    const report = await remote({ url: address });
    const right = told(await readWhole(at!));
    const ours = await readWhole(report.path);
    expect(report.failures).toEqual([]);
    expect(ours.runs.size).toBe(right.runs.size);
    expect(right.runs.size).toBeGreaterThan(30);
    for (const [hash, run] of right.runs)
      expect({ hash, ...linesOf(ours.runs.get(hash)!) }).toEqual({ hash, ...linesOf(run) });
  }, 60_000);
});

describe("when something goes wrong", () => {
  test("a server that dies leaves nothing behind, and is named", async () => {
    const folder = await newFolder();
    await fill(folder);
    const served = await startServed({ data: folder });
    const out = join(await newFolder(), "out");
    const progress = { ...silentProgress, advance: () => void process.kill(served.pid, "SIGKILL") };
    const failed = await backupRemote({ url: served.api, out, progress }).catch((error: unknown) => error);
    await served[Symbol.asyncDispose]();
    expect(failed).toBeInstanceOf(MatyanError);
    expect(String(failed)).toContain(`the API at ${served.api} can't be reached`);
    expect(await readdir(out).catch(() => "absent")).toBe("absent");
  }, 60_000);

  test("stopping leaves nothing behind", async () => {
    const abort = new AbortController();
    const out = join(await newFolder(), "out");
    const progress = { ...silentProgress, advance: () => abort.abort(new MatyanError("interrupted", "stopped")) };
    expect(backupRemote({ url: server.address, out, progress, signal: abort.signal })).rejects.toThrow("stopped");
    expect(await readdir(out).catch(() => "absent")).toBe("absent");
  });

  test("a run that the server fails at is left out as a whole and named, the others are there", async () => {
    await using between = standBetween(server.address, (url, _, pass) =>
      url.pathname.includes(`${odd}/metric/`)
        ? Promise.resolve(Response.json({ error: { code: "internal_error", message: "no" } }, { status: 500 }))
        : pass(url),
    );
    const report = await remote({ url: between.address, runs: [odd, "0123"] });
    expect(report.failures).toEqual([{ hash: odd, reason: "no (status 500)" }]);
    expect([...(await readWhole(report.path)).runs.keys()]).toEqual(["0123456789abcdef0123456789abcdef"]);
    expect((await verifyArchive(report.path)).ok).toBe(true);
  });

  test("answers that end early, though in good order, are asked for again", async () => {
    let cuts = 0;
    await using between = standBetween(server.address, async (url, _, pass) => {
      const response = await pass(url);
      if (!/search\/texts|log-records|search\/run/.test(url.pathname) || cuts % 2 === 1) {
        cuts++;
        return response;
      }
      cuts++;
      const bytes = new Uint8Array(await response.arrayBuffer());
      return new Response(wholeRecords(bytes, bytes.length / 2));
    });
    const [[hash] = []] = (await readWhole((await remote({ experiment: "all kinds" })).path)).runs;
    const report = await remote({ url: between.address, runs: [hash!] });
    const right = told(await readWhole(await localArchive())).runs.get(hash!)!;
    expect(linesOf([...(await readWhole(report.path)).runs.values()][0]!)).toEqual(linesOf(right));
    expect(cuts).toBeGreaterThan(10);
  }, 30_000);

  test("a run that is written to meanwhile is warned of", async () => {
    const run = await Run.open({ repo: server.address });
    await run.track(1, { name: "m" });
    await run.flush();
    let isWritten = false;
    await using between = standBetween(server.address, async (url, _, pass) => {
      if (url.pathname.includes("/metric/get-batch") && !isWritten) {
        isWritten = true;
        await run.track(2, { name: "m" });
        await run.flush();
      }
      return pass(url);
    });
    const { warnings } = await remote({ url: between.address, runs: [run.hash] });
    expect(warnings).toEqual([
      `run ${run.hash} was written to while it was backed up: its last points may be newer than its first ones`,
    ]);
    await run.close();
    await fetch(`${server.address}/api/v1/rest/runs/${run.hash}/`, { method: "DELETE" });
  });

  test("a blob that the server has not is said, and its record stays", async () => {
    const folder = await newFolder();
    await using stack = await openEmbeddedStack({ dataDir: folder, durability: "normal" });
    await using archive = await openArchive(join(fixtures, "example-archive-full"));
    await restore({ archive, ...stack, now: 1_800_000_000, skipBlobs: true });
    await using other = await openTestServer(folder);
    const { warnings, points, blobs } = await remote({ url: other.address });
    expect([...warnings].sort()).toEqual([
      expect.stringContaining("model.bin', which the server does not have"),
      expect.stringContaining("seq/img/0.png', which the server does not give"),
      expect.stringContaining("seq/snd/0.wav', which the server does not give"),
    ]);
    expect({ points, blobs }).toEqual({ points: 14, blobs: 0 });
  });
});

test("a run that is deleted while it is read is not in the archive", async () => {
  const run = await Run.open({ repo: server.address });
  await run.track(1, { name: "m" });
  await run.close();
  await using between = standBetween(server.address, async (url, _, pass) => {
    if (url.pathname.includes(`${run.hash}/metric/`))
      await fetch(`${server.address}/api/v1/rest/runs/${run.hash}/`, { method: "DELETE" });
    return pass(url);
  });
  const report = await remote({ url: between.address, runs: [run.hash, "0123"] });
  expect(report).toMatchObject({ gone: [run.hash], failures: [], runs: 1 });
  expect((await verifyArchive(report.path)).ok).toBe(true);
});

test("the command says what is not in the archive, and exits 1 when a run is not or there is no server", async () => {
  const cwd = await newFolder();
  await using between = standBetween(server.address, (url, _, pass) =>
    url.pathname.includes(`${odd}/metric/`)
      ? Promise.resolve(Response.json({ error: { code: "internal_error", message: "no" } }, { status: 500 }))
      : pass(url),
  );
  const run = (...args: string[]) => runMatyan(["backup", ...args], { cwd });
  const both = ["--url", between.address, "--runs", `${odd},0123`];
  const { code, out, err } = await run("a", ...both);
  expect(code).toBe(1);
  expect(out).toContain("Backed up 1 run, 13 points, 3 blobs");
  expect(out).toContain("Not told by the server, so not in it:\n  when runs were last changed");
  expect(err).toBe(`warning: run ${odd} is not in the backup: no (status 500)\n`);
  const json = await run("b.tar.gz", ...both, "--json");
  expect(JSON.parse(json.out)).toMatchObject({ archive: join(cwd, "b.tar.gz"), runs: 1, failures: [{ hash: odd }] });
  const nobody = await run("c", "--url", "http://127.0.0.1:1");
  expect(nobody).toMatchObject({ code: 1, out: "" });
  expect(nobody.err).toContain("the API at http://127.0.0.1:1 can't be reached");
  expect((await run("c", "--url", "nowhere")).code).toBe(2);
  expect((await readdir(cwd)).sort()).toEqual(["a", "b.tar.gz"]);
});

/** The records of a stream that end before `most` bytes. */
function wholeRecords(bytes: Uint8Array, most: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let at = 0;
  for (let next = 0; next + 8 < bytes.length; at = next) {
    const key = view.getUint32(at, true);
    next = at + 8 + key + view.getUint32(at + 4 + key, true);
    if (next > most) break;
  }
  return new Uint8Array(bytes.slice(0, at));
}
