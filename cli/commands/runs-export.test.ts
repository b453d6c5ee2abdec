// `matyan runs export` and `runs diff`: what comes out is what was logged, number for number.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { Run } from "../client/index.ts";
import { openTestServer, type TestServer } from "../client/testing.ts";
import { runMatyan } from "../testing.ts";
import { startInTerminal } from "../testingTerminal.ts";

const hashes = ["aaa1", "bbb2"].map((start) => start.padEnd(32, "0"));
const folder = mkdtempSync(join(tmpdir(), "matyan-export-test-"));
let server: TestServer;
const points = 6_000;

beforeAll(async () => {
  server = await openTestServer();
  for (const [i, hash] of hashes.entries()) {
    const run = await Run.open({ repo: server.address, hash, experiment: "a, b" });
    run.hparams = { lr: 0.1, layers: { width: 8 * (i + 1) } };
    run.name = `run "${i}"`;
    const count = i === 0 ? points : 3;
    for (let step = 0; step < count; step++)
      await run.track(step / 8, { name: "loss", context: { subset: "val" }, epoch: 2 });
    await run.track(Number.NaN, { name: "odd" });
    await run.close();
  }
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function matyan(...args: string[]) {
  return runMatyan(["runs", ...args], { cwd: folder, env: { MATYAN_DATA: server.dataDir } });
}

test("points come as CSV with all that was logged, in pages", async () => {
  const { out, code } = await matyan("export", "--metric", "loss", "--query", "run.name == 'run \"0\"'");
  expect(code).toBe(0);
  const lines = out.split("\r\n");
  expect(lines[0]).toBe("run,name,experiment,metric,context,step,epoch,time,value");
  expect(lines.length).toBe(points + 2);
  const last = lines.at(-2)!;
  expect(last).toStartWith(`${hashes[0]},"run ""0""","a, b",loss,subset=val,${points - 1},2,`);
  expect(last).toEndWith(`,${(points - 1) / 8}`);
});

test("JSON lines keep number kinds, and name what JSON has no word for", async () => {
  const { out } = await matyan("export", "--format", "jsonl", "--query", "run.name == 'run \"1\"'");
  const lines = out.trimEnd().split("\n");
  expect(lines).toHaveLength(4);
  expect(lines.filter((line) => line.includes('"loss"')).map((line) => /"step":.*$/.exec(line)![0])).toEqual([
    expect.stringMatching(/^"step":0,"epoch":2,"time":[\d.]+,"value":0\.0\}$/),
    expect.stringMatching(/^"step":1,"epoch":2,"time":[\d.]+,"value":0\.125\}$/),
    expect.stringMatching(/^"step":2,"epoch":2,"time":[\d.]+,"value":0\.25\}$/),
  ]);
  const odd = lines.find((line) => line.includes('"odd"'))!;
  expect(odd).toEndWith('"value":{"$f":"nan"}}');
  expect((await matyan("export", "--metric", "odd")).out.trimEnd().split("\r\n")[1]).toEndWith(",NaN");
});

test("a Parquet file is read back by another reader, and no part of it stays when it fails", async () => {
  const file = join(folder, "metrics.parquet");
  const done = await matyan("export", "--format", "parquet", "-o", file, "--metric", "loss", "--json");
  expect(JSON.parse(done.out)).toEqual({ file, format: "parquet", runs: 2, rows: points + 3 });
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(file) });
  expect(rows).toHaveLength(points + 3);
  expect(rows.at(-1)).toMatchObject({ run: hashes[0], step: BigInt(points - 1), epoch: 2n, value: (points - 1) / 8 });
  const failed = await matyan("export", "--format", "parquet", "-o", join(folder, "x.parquet"), "--experiment", "nope");
  expect(failed.code).toBe(1);
  expect(readdirSync(folder).filter((name) => name.startsWith("x."))).toEqual([]);
  const nowhere = await matyan("export", "-o", join(folder, "no/such/folder.csv"));
  expect(nowhere.err).toContain("folder.csv' can't be written");
});

test("an existing file stays as it is until the new one is whole", async () => {
  const file = join(folder, "old.csv");
  writeFileSync(file, "old");
  expect((await matyan("export", "-o", file, "--tag", "nope")).code).toBe(1);
  expect(await Bun.file(file).text()).toBe("old");
  expect((await matyan("export", "-o", file, "--metric", "odd")).code).toBe(0);
  expect((await Bun.file(file).text()).split("\r\n")).toHaveLength(4);
  expect(existsSync(file)).toBe(true);
});

test("a metric that none of the runs has is told with those that there are, and no file is left; no runs are no failure", async () => {
  for (const where of [[], ["--url", server.address]]) {
    const file = join(folder, "slip.csv");
    const slip = await matyan("export", "-o", file, "--metric", "loss", "--metric", "los", ...where);
    expect(slip.code).toBe(1);
    expect(slip.err).toMatch(/none of these runs has a metric 'los'\nThere are: loss/);
    expect(readdirSync(folder).filter((name) => name.startsWith("slip"))).toEqual([]);
    const none = await matyan("export", "--query", "run.name == 'nope'", "--metric", "los", ...where);
    expect(none).toMatchObject({ code: 0, err: "No runs match.\n" });
  }
});

test("parameters come by their paths", async () => {
  const { out } = await matyan("export", "--params", "--query", "run.hparams.layers.width == 16");
  expect(out.split("\r\n").filter((line) => line.includes("hparams"))).toEqual([
    `${hashes[1]},"run ""1""","a, b",hparams.layers.width,16`,
    `${hashes[1]},"run ""1""","a, b",hparams.lr,0.1`,
  ]);
});

test("a diff shows what differs, or all", async () => {
  const { out } = await matyan("diff", "aaa1", "bbb2", "--json");
  expect(JSON.parse(out)).toEqual({
    ...{ a: hashes[0], b: hashes[1] },
    params: [{ name: "hparams.layers.width", a: 8, b: 16, same: false }],
    metrics: [{ name: "loss{subset=val}", a: (points - 1) / 8, b: 0.25, same: false }],
  });
  const all = JSON.parse((await matyan("diff", "aaa1", "bbb2", "--all", "--json")).out) as { params: unknown[] };
  expect(all.params).toContainEqual({ name: "hparams.lr", a: 0.1, b: 0.1, same: true });
  expect((await matyan("diff", "aaa1", "bbb2", "--all", "--format", "csv")).out).toContain("metric,odd,NaN,NaN,true");
  const table = await matyan("diff", "aaa1", "bbb2");
  expect(table.out).toMatch(/hparams\.layers\.width +8 +16/);
  expect(table.out).toContain(String((points - 1) / 8));
  expect((await matyan("diff", "aaa1", "ccc")).code).toBe(1);
});

test("a server's points and parameters are exported as those of this machine's store", async () => {
  for (const args of [
    ["--format", "jsonl"],
    ["--metric", "loss{subset=val}", "--experiment", "a, b"],
    ["--params", "--format", "jsonl", "--query", "run.hparams.layers.width == 8"],
  ]) {
    const here = await matyan("export", ...args);
    const there = await matyan("export", ...args, "--url", server.address);
    expect(there.code).toBe(0);
    expect(there.out.split("\n")).toEqual(here.out.split("\n"));
  }
});

test("of a server that knows no details of points, all is exported but epochs and times", async () => {
  // As the existing services do, which do not know the parameter.
  await using proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      searchParams.delete("point_details");
      const { method, headers } = request;
      const body = method === "POST" ? await request.text() : null;
      const answer = await fetch(`${server.address}${pathname}?${searchParams}`, { method, headers, body });
      return new Response(await answer.bytes(), { status: answer.status });
    },
  });
  const { out, code } = await matyan("export", "--metric", "loss", "--url", `http://127.0.0.1:${proxy.port}`);
  expect(code).toBe(0);
  const lines = out.trimEnd().split("\r\n");
  expect(lines).toHaveLength(1 + points + 3);
  expect(lines.at(-1)).toBe(`${hashes[0]},"run ""0""","a, b",loss,subset=val,${points - 1},,,${(points - 1) / 8}`);
});

test("names that would move a terminal's cursor are shown there, and written to files as they are", async () => {
  const place = { cwd: folder, env: { MATYAN_DATA: join(folder, "odd") } };
  const payload = { name: "\u001b[2Jgone\u0085", value: 1, step: 0 };
  const lines = [
    { type: "create_run", payload: {} },
    { type: "log_metric", payload },
  ].map((line) => JSON.stringify({ ...line, run_id: "odd", timestamp: "2026-06-01T10:00:00Z" }));
  expect((await runMatyan(["ingest"], { ...place, stdin: Buffer.from(lines.join("\n")) })).err).toBe("");
  for (const format of ["csv", "jsonl"]) {
    const terminal = startInTerminal(["runs", "export", "--format", format], place, { columns: 200 });
    expect(await terminal.ended).toBe(0);
    expect(terminal.text()).toContain("[2Jgone");
    expect(terminal.text()).not.toMatch(/\u001b\[2J|\u0085/);
  }
  expect((await runMatyan(["runs", "export"], place)).out).toContain(payload.name);
});
