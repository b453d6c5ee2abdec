// Runs that are logged to a real server and read back from it.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Audio, Distribution, Figure, float, Image, MatyanError, Repo, Run, Text } from "./index.ts";
import { openTestServer, type TestServer } from "./testing.ts";

const png = new Uint8Array(
  Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==",
    "base64",
  ),
);

let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await openTestServer();
  folder = mkdtempSync(join(tmpdir(), "matyan-run-test-"));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test("all that can be logged is there when close has resolved", async () => {
  const repo = new Repo(server.address);
  const run = await Run.open({ repo: server.address, experiment: "everything" });
  run.hparams = { lr: 0.1, epochs: 10, momentum: float(1), layers: [64, 0.5], none: null };
  await run.set("data.source.path", "s3://bucket");
  await run.update({ seed: 2n ** 40n, flag: true });
  run.name = "a run";
  run.description = "of everything";
  for (let i = 0; i < 250; i++)
    await run.track({ loss: 1 / (i + 1), acc: i }, { context: { subset: "train" }, epoch: Math.trunc(i / 100) });
  await run.track(Number.NaN, { name: "diverged" });
  await run.track(5n, { name: "count", step: 7 });
  await run.track(new Text("hello"), { name: "words" });
  await run.track(Distribution.of([1, 2, 3, 4], 4), { name: "weights" });
  await run.track(new Figure({ data: [{ y: [1, 2] }] }), { name: "plot" });
  for (const subset of ["train", "val"])
    await run.track(new Image(subset === "val" ? png : Buffer.from([...png, 0]), { caption: subset }), {
      name: "samples",
      context: { subset },
    });
  await run.track(new Audio(new Uint8Array(100)), { name: "sound" });
  writeFileSync(join(folder, "model.pt"), "weights");
  expect(await run.logArtifact(join(folder, "model.pt"))).toMatchObject({ size: 7, checked: "sha256" });
  await run.logArtifacts(folder, "all");
  await run.addTag("best");
  await run.addTag("gone");
  await run.removeTag("gone");
  await run.logWarning("watch out", { lr: 0.1 });
  const closed = await run.close();
  expect(closed).toMatchObject({ refused: 0, undelivered: [], failedUploads: [] });

  const info = (await repo.getRun(run.hash))!;
  expect(info.params).toEqual({
    hparams: { lr: 0.1, epochs: 10, momentum: 1, layers: [64, 0.5], none: null },
    data: { source: { path: "s3://bucket" } },
    seed: 2 ** 40,
    flag: true,
  });
  expect(info.props).toMatchObject({ name: "a run", description: "of everything", active: false, archived: false });
  expect(info.props.experiment?.name).toBe("everything");
  expect(info.props.tags.map(({ name }) => name)).toEqual(["best"]);
  expect(info.props.endedAt).toBeGreaterThan(info.props.createdAt);
  expect(info.artifacts.map(({ path }) => path)).toEqual(["all/model.pt", "model.pt"]);
  expect(Object.fromEntries(Object.entries(info.sequences).map(([type, all]) => [type, all.length]))).toEqual({
    metric: 4,
    images: 2,
    texts: 1,
    distributions: 1,
    audios: 1,
    figures: 1,
  });

  const [found] = await Array.fromAsync(
    repo.queryMetrics(`run.hash == "${run.hash}" and metric.name == "loss"`, { points: 250 }),
  );
  const [loss] = found!.metrics;
  expect(Array.from(loss!.steps)).toEqual(Array.from({ length: 250 }, (_, i) => i));
  expect(Array.from(loss!.values)).toEqual(Array.from({ length: 250 }, (_, i) => 1 / (i + 1)));
  expect(Array.from(loss!.epochs)).toEqual(Array.from({ length: 250 }, (_, i) => Math.trunc(i / 100)));
  expect(loss!.times.every((time) => Math.abs(time - Date.now() / 1_000) < 100)).toBe(true);

  const [images] = await Array.fromAsync(repo.queryImages(`run.hash == "${run.hash}"`));
  const uris = images!.sequences.map(({ values }) => (values as { blob_uri: string; caption: string }[][])[0]![0]!);
  const blobs = new Map(await Array.fromAsync(repo.readBlobs(uris.map(({ blob_uri }) => blob_uri))));
  for (const { blob_uri, caption } of uris)
    expect(blobs.get(blob_uri)?.length).toBe(png.length + (caption === "val" ? 0 : 1));
  const records = await Array.fromAsync(repo.logRecords(run.hash));
  expect(records).toMatchObject([{ message: "watch out", level: "WARNING", args: { lr: 0.1 } }]);
  const bytes = Buffer.concat(await Array.fromAsync(repo.readArtifact(run.hash, "model.pt")));
  expect(bytes.toString()).toBe("weights");
  const [distribution] = await Array.fromAsync(repo.queryDistributions(`run.hash == "${run.hash}"`));
  expect(distribution!.sequences[0]!.values[0]).toMatchObject({
    bin_count: 4,
    range: [1, 4],
    data: new Float64Array([1, 1, 1, 1]),
  });

  await repo.deleteRun(run.hash);
  expect(await repo.runExists(run.hash)).toBe(false);
});

test("pages of a search are one list, with and without a limit", async () => {
  const hashes: string[] = [];
  for (let i = 0; i < 7; i++) {
    await using run = await Run.open({ repo: server.address, experiment: "pages" });
    run.set("hparams.n", i);
    hashes.unshift(run.hash);
  }
  const repo = new Repo(server.address);
  const query = 'run.experiment == "pages"';
  const found = await Array.fromAsync(repo.queryRuns(query, { pageSize: 3 }));
  expect(found.map(({ hash }) => hash)).toEqual(hashes);
  expect(found.map(({ params }) => params["hparams"])).toEqual([6, 5, 4, 3, 2, 1, 0].map((n) => ({ n })));
  const four = await Array.fromAsync(repo.queryRuns(query, { pageSize: 3, limit: 4 }));
  expect(four.map(({ hash }) => hash)).toEqual(hashes.slice(0, 4));
  expect(await repo.listActiveRuns()).toEqual([]);
});

test("a run that goes on continues its steps and keeps what it had", async () => {
  const hash = "resumed";
  const first = await Run.open({ repo: server.address, hash, captureTerminal: true });
  console.log("first line");
  first.hparams = { lr: 1 };
  for (let i = 0; i < 3; i++) await first.track(i, { name: "loss", context: { k: 1 } });
  await first.track(new Text("a"), { name: "t" });
  await first.close();
  await using second = await Run.open({ repo: server.address, hash, forceResume: true, captureTerminal: true });
  console.log("second line");
  await second.track(3, { name: "loss", context: { k: 1 } });
  await second.track(0, { name: "loss" });
  await second.track(new Text("b"), { name: "t" });
  expect(await second.get("hparams.lr")).toBe(1);
  expect(await second.get("hparams.none")).toBeUndefined();
  await second.close();
  const repo = second.repo;
  const [run] = await Array.fromAsync(repo.queryMetrics('run.hash == "resumed"'));
  expect(run!.metrics.map(({ context, steps }) => [context, Array.from(steps)])).toEqual([
    [{}, [0]],
    [{ k: 1 }, [0, 1, 2, 3]],
  ]);
  const [texts] = await Array.fromAsync(repo.queryTexts('run.hash == "resumed"'));
  expect(texts!.sequences[0]!.steps).toEqual([0, 1]);
  expect(await Array.fromAsync(repo.logLines(hash))).toEqual([
    [0, "first line"],
    [1, "second line"],
  ]);
});

test("a server that goes away and comes back on the same port loses nothing and repeats nothing", async () => {
  const data = join(folder, "restarted");
  const first = await openTestServer(data);
  const port = Number(new URL(first.address).port);
  const problems: string[] = [];
  const run = await Run.open({
    repo: first.address,
    onProblem: (problem) => problems.push(problem),
    sender: { backoff: { firstMs: 10, longestMs: 50 } },
  });
  const total = 2_000;
  let second: TestServer | undefined;
  for (let i = 0; i < total; i++) {
    await run.track(i, { name: "n" });
    if (i % 100 === 0) await Bun.sleep(1);
    if (i === 500) await first[Symbol.asyncDispose]();
    if (i === 1_500) second = await openTestServer(data, port);
  }
  const closed = await run.close();
  expect(closed).toMatchObject({ refused: 0, undelivered: [] });
  const [found] = await Array.fromAsync(run.repo.queryMetrics("", { points: total }));
  expect(Array.from(found!.metrics[0]!.values)).toEqual(Array.from({ length: total }, (_, i) => i));
  await second![Symbol.asyncDispose]();
});

test("what the server refuses is told, and the rest is stored", async () => {
  const problems: string[] = [];
  const run = await Run.open({ repo: server.address, onProblem: (problem) => problems.push(problem) });
  await run.track(1, { name: "x".repeat(20_000) });
  await run.track(2, { name: "fine" });
  const closed = await run.close();
  expect(closed.refused).toBe(1);
  expect(closed.refusals[0]!.item.type).toBe("log_metric");
  expect(problems.join()).toContain("a log_metric message was refused");
  const [found] = await Array.fromAsync(run.repo.queryRuns(`run.hash == "${run.hash}"`));
  expect(found!.metrics.map(({ name }) => name)).toEqual(["fine"]);
});

test("a failed upload is told to who awaits it and by close, and nothing points to the file", async () => {
  const problems: string[] = [];
  const run = await Run.open({ repo: server.address, onProblem: (problem) => problems.push(problem) });
  await expect(run.track(new Image("/no/such.png"), { name: "i" })).rejects.toThrow("there is no file");
  await expect(run.logArtifact("/no/such.bin")).rejects.toThrow("there is no file");
  const closed = await run.close();
  expect(closed.failedUploads.map(({ message }) => message)).toEqual([
    "there is no file '/no/such.png'",
    "there is no file '/no/such.bin'",
  ]);
  expect(problems).toHaveLength(2);
  const info = await run.info();
  expect(info!.sequences["images"]).toEqual([]);
  expect(info!.artifacts).toEqual([]);
});

test("mistakes of the program are errors where they are made", async () => {
  await using run = await Run.open({ repo: server.address });
  expect(() => run.track(1)).toThrow("needs a name");
  expect(() => run.track(1, { name: "a", step: 1.5 })).toThrow("the step 1.5 is no whole number");
  expect(() => run.track({ a: 1 }, { name: "b" })).toThrow("its members have names of their own");
  expect(() => run.set("a..b", 1)).toThrow("a name is empty");
  expect(() => run.set("a", () => 1)).toThrow("a is a function");
  expect(() => new Run({ repo: server.address, hash: "a/b" })).toThrow("can't be a run's hash");
  const reader = await Run.open({ repo: server.address, hash: run.hash, readOnly: true });
  expect(() => reader.track(1, { name: "a" })).toThrow("opened to be read only");
  expect((await reader.info())?.hash).toBe(run.hash);
  await reader.close();
});

test("a server that is not there is told after the time that open was given", async () => {
  const error = await Run.open({ repo: "http://127.0.0.1:1", openMs: 300, onProblem: () => undefined }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MatyanError);
  expect((error as MatyanError).message).toBe(
    "the frontier at http://127.0.0.1:1 can't be reached: nothing listens there",
  );
  expect((error as MatyanError).hint).toContain("matyan serve");
});

test("a script that imports the package logs, and ends by itself though it forgot to close", async () => {
  const script = join(import.meta.dir, "testingProgram.ts");
  const child = Bun.spawn([process.execPath, script, server.address], { stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect(err).toBe("");
  expect(code).toBe(0);
  const [found] = await Array.fromAsync(new Repo(server.address).queryRuns(`run.hash == "${out.trim()}"`));
  expect(found!.metrics.map(({ name, lastStep }) => [name, lastStep])).toEqual([["loss", 9]]);
  expect(found!.props.active).toBe(true);
});
