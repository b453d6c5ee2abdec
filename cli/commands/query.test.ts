// `matyan query` and `matyan artifacts`: the same on the store of this machine and on a server.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Run, Text } from "../client/index.ts";
import { openTestServer, type TestServer } from "../client/testing.ts";
import { existingServer } from "../move/backupRemoteTesting.ts";
import { runMatyan } from "../testing.ts";

const folder = mkdtempSync(join(tmpdir(), "matyan-query-test-"));
let server: TestServer;

const hashes = ["aaa1", "aaa2", "bbb3"].map((start) => start.padEnd(32, "0"));

beforeAll(async () => {
  server = await openTestServer();
  for (const [i, hash] of hashes.entries()) {
    const run = await Run.open({ repo: server.address, hash, experiment: `e${i % 2}` });
    run.hparams = { lr: 0.01 * (i + 1), bs: 32 };
    run.name = `run ${i}`;
    for (const subset of ["train", "val"])
      for (let step = 0; step < 5; step++) await run.track(10 * i + step + 0.5, { name: "loss", context: { subset } });
    if (i === 1) await run.addTag("best");
    if (i === 2) run.archived = true;
    await run.close();
  }
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function matyan(...args: string[]) {
  const ended = await runMatyan(args, { cwd: folder, env: { MATYAN_DATA: server.dataDir } });
  const lines = ended.out.split("\n").filter((line) => line !== "");
  return { ...ended, lines, json: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test("a query finds the same runs here and on the server, newest first", async () => {
  for (const [query, expected] of [
    ["run.hparams.lr > 0.015", [hashes[1]]],
    ["True", [hashes[1], hashes[0]]],
    ["run.archived or 'best' in run.tags", [hashes[2], hashes[1]]],
    ["run.metrics['loss', {'subset': 'val'}].last == 4.5", [hashes[0]]],
    ["()", []],
  ] as const) {
    const here = await matyan("query", query, "--json");
    const there = await matyan("query", query, "--json", "--url", server.address);
    expect(here.json().map(({ hash }) => hash)).toEqual([...expected]);
    const comparable = ({ metrics, ...run }: Record<string, unknown>) => ({
      ...run,
      metrics: (metrics as Record<string, unknown>[]).map(({ dtype, ...metric }) => [metric, typeof dtype]),
    });
    expect(there.json().map(comparable)).toEqual(here.json().map(comparable));
  }
});

test("a table of a server's runs has the curves that the one of this machine's has", async () => {
  const here = await matyan("query", "True");
  const there = await matyan("query", "True", "--url", server.address);
  expect(here.out).toMatch(/▁.*█/);
  // Which beginnings of hashes are unique only the store knows.
  const shown = (out: string) => out.replace(/^\S+ +/gm, "").replace(/ +/g, " ");
  expect(shown(there.out)).toBe(shown(here.out));
});

test("a table shows names and last values, and says when there is more", async () => {
  const here = await matyan("query", "True", "--limit", "1");
  expect(here.code).toBe(0);
  expect(here.lines).toHaveLength(2);
  expect(here.lines[1]).toContain("run 1");
  expect(here.lines[1]).toContain("14.5");
  expect(here.err).toContain("The first 1 run; --limit 0 lists all.");
  const there = await matyan("query", "True", "--url", server.address, "--columns", "hash,param:hparams.lr");
  expect(there.lines.slice(1)).toEqual([
    expect.stringMatching(/^aaa20+ +0.02$/),
    expect.stringMatching(/^aaa10+ +0.01$/),
  ]);
  expect((await matyan("query", "run.name == 'none'")).err).toBe("No runs match.\n");
});

test("metrics are found with their last points, here and on the server", async () => {
  const query = "metric.context.subset == 'val' and metric.last > 5";
  const here = await matyan("query", query, "--metrics", "--json");
  const there = await matyan("query", query, "--metrics", "--json", "--url", server.address);
  expect(here.json()).toEqual([
    { hash: hashes[1]!, run: "run 1", metric: "loss", context: { subset: "val" }, last: 14.5, last_step: 4 },
  ]);
  expect(there.out).toBe(here.out);
  expect((await matyan("query", query, "--metrics")).lines[1]).toMatch(/^aaa2\S* +run 1 +loss +subset=val +14.5 +4$/);
});

test("a plan is explained without a search", async () => {
  const { out } = await matyan("query", "run.hparams.lr > 0.015 and 'best' in run.tags", "--explain");
  expect(out).toContain("index tag = 'best'");
  expect(out).toContain("here: 1 candidate to look at, by hash");
  const { json } = await matyan("query", "run.name == 'x'", "--explain", "--json");
  expect(json()[0]).toMatchObject({ hides_archived: true, plan: expect.any(Array) });
  expect((await matyan("query", "True", "--explain", "--url", server.address)).code).toBe(2);
});

test("a mistake is shown in the query, whoever finds it", async () => {
  for (const where of [[], ["--url", server.address]]) {
    const { code, err } = await matyan("query", "run.lr == == 2", ...where);
    expect(code).toBe(2);
    expect(err).toContain("error: the query is wrong: invalid syntax\n  run.lr == == 2\n            ^^\n");
  }
});

test("runs ls takes a query beside its filters and orders", async () => {
  const list = async (...args: string[]) =>
    (await matyan("runs", "ls", "--json", ...args)).json().map(({ hash }) => hash);
  expect(await list("--query", "run.hparams.bs == 32")).toEqual([hashes[1], hashes[0]]);
  expect(await list("--query", "run.hparams.bs == 32", "--sort", "created")).toEqual([hashes[0], hashes[1]]);
  expect(await list("--query", "run.hparams.bs == 32", "--sort", "metric:loss")).toEqual([hashes[0], hashes[1]]);
  expect(await list("--query", "run.hparams.bs == 32", "--experiment", "e0")).toEqual([hashes[0]]);
  expect(await list("--query", "run.archived in (True, False)", "--experiment", "e0")).toEqual([hashes[2], hashes[0]]);
  expect(await list("--query", "True", "--tag", "best")).toEqual([hashes[1]]);
  expect(await list("--query", "True", "--active")).toEqual([]);
  expect((await matyan("runs", "ls", "--query", "True", "--archived")).code).toBe(2);
  expect((await matyan("runs", "ls", "--query", "run.")).err).toContain("the query is wrong");
});

test("a chart of a server's metric is the one of this machine's", async () => {
  for (const args of [
    ["--json"],
    ["--context", "subset=val", "--json"],
    ["--x", "time", "--json"],
    ["--height", "8"],
  ]) {
    const plot = ["runs", "plot", hashes[0]!, hashes[1]!, "--metric", "loss", ...args];
    const here = await matyan(...plot);
    const there = await matyan(...plot, "--url", server.address);
    expect(here.code).toBe(0);
    // Which beginnings of hashes are unique only the store knows.
    const shown = (out: string) => out.replace(/aaa[12]\S*/g, "hash").replace(/ +/g, " ");
    expect(shown(there.out)).toBe(shown(here.out));
  }
  const unknown = await matyan("runs", "plot", hashes[0]!, "--metric", "lost", "--url", server.address);
  expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("There are: loss")]);
});

test("runs plot draws a metric at which the existing server's search breaks off", async () => {
  await using existing = existingServer(server.address, new Set(["loss"]));
  const plot = ["runs", "plot", hashes[0]!, "--metric", "loss", "--json", "--url"];
  const there = await matyan(...plot, existing.address);
  expect(there).toMatchObject({ code: 0, out: (await matyan(...plot, server.address)).out });
  expect(there.lines.length).toBe(2);
});

test("query --metrics lists all runs but those at which the existing server breaks off, and names them", async () => {
  const run = await Run.open({ repo: server.address });
  for (const name of ["bad", "good"]) await run.track(1, { name });
  await run.close();
  await using existing = existingServer(server.address, new Set(["bad"]));
  const there = await matyan("query", "--metrics", "True", "--json", "--url", existing.address);
  expect(new Set(there.json().map(({ hash }) => hash))).toEqual(new Set([hashes[0], hashes[1]]));
  expect([there.code, there.err]).toEqual([
    1,
    expect.stringContaining(`breaks off at metrics of the runs ${run.hash}`),
  ]);
  const good = await matyan("query", "--metrics", "metric.name == 'good'", "--json", "--url", existing.address);
  expect(good.json().map(({ hash }) => hash)).toEqual([run.hash]);
  await fetch(`${server.address}/api/v1/rest/runs/${run.hash}/`, { method: "DELETE" });
});

test("runs ls asks a server for the same filters", async () => {
  for (const args of [
    ["--experiment", "e0"],
    ["--tag", "best"],
    ["--archived"],
    ["--query", "run.hparams.lr > 0.015", "--tag", "best"],
    ["--limit", "1"],
  ]) {
    const here = (await matyan("runs", "ls", "--json", ...args)).json().map(({ hash }) => hash);
    const there = (await matyan("runs", "ls", "--json", ...args, "--url", server.address)).json();
    expect([args, there.map(({ hash }) => hash)]).toEqual([args, here]);
  }
  const table = await matyan("runs", "ls", "--limit", "1", "--url", server.address);
  expect([table.lines.length, table.err]).toEqual([2, "The first 1 run; --limit 0 lists all.\n"]);
  for (const args of [
    ["--query", "run.", "--active"],
    ["--query", "True", "--archived"],
  ])
    expect((await matyan("runs", "ls", ...args, "--url", server.address)).code).toBe(2);
});

test("a run and the difference of two are shown the same from here and from the server", async () => {
  const file = join(folder, "model.bin");
  writeFileSync(file, "weights");
  const logged = await Run.open({ repo: server.address, hash: "ccc4".padEnd(32, "0") });
  await logged.set("hparams", { lr: 0.5, nested: { deep: [1, 2.5, "x", Number.NaN], none: null } });
  await logged.track(1.5, { name: "loss", step: 3 });
  await logged.track(0.5, { name: "loss", step: 30 });
  await logged.track(new Text("a text"), { name: "notes", step: 1 });
  await logged.logArtifact(file);
  await logged.close();
  const here = (await matyan("runs", "show", logged.hash, "--json")).json()[0]!;
  const there = (await matyan("runs", "show", logged.hash, "--json", "--url", server.address)).json()[0]!;
  const sequences = here["sequences"] as Record<string, unknown>[];
  expect(there).toEqual({
    ...here,
    sequences: sequences.map(({ dtype, ...sequence }) =>
      sequence["metric"]
        ? { ...sequence, dtype: "float" }
        : { ...sequence, dtype, last: null, first_step: null, last_step: null },
    ),
  });
  const page = await matyan("runs", "show", logged.hash);
  const remotePage = await matyan("runs", "show", logged.hash.slice(0, 12), "--url", server.address);
  expect(page.out).toContain("model.bin");
  expect(remotePage.lines.filter((line) => !line.startsWith("notes"))).toEqual(
    page.lines.filter((line) => !line.startsWith("notes")),
  );
  const diff = await matyan("runs", "diff", hashes[0]!, logged.hash, "--json");
  expect((await matyan("runs", "diff", hashes[0]!, logged.hash, "--json", "--url", server.address)).out).toBe(diff.out);
  const missing = await matyan("runs", "show", `x${logged.hash.slice(1, 10)}`, "--url", server.address);
  expect([missing.code, missing.err]).toEqual([1, expect.stringContaining(`Did you mean ${logged.hash}?`)]);
});

test("files and folders become artifacts and come back, through a server and without", async () => {
  const tree = join(folder, "tree");
  mkdirSync(join(tree, "sub"), { recursive: true });
  writeFileSync(join(tree, "a.txt"), "alpha");
  writeFileSync(join(tree, "sub", "ü b.bin"), Buffer.alloc(300_000, 7));
  symlinkSync("sub", join(tree, "link"));
  const remote = await matyan(
    "artifacts",
    "log",
    hashes[0]!,
    tree,
    "--name",
    "files",
    "--url",
    server.frontier,
    "--json",
  );
  expect(remote.code).toBe(0);
  expect(remote.json()).toContainEqual({ path: "files/a.txt", size: 5, checked: "sha256" });
  expect(remote.err).toContain(`'${join(tree, "link")}' is left out`);
  const local = await matyan("artifacts", "log", "aaa1", join(tree, "a.txt"), "--name", "one/a.txt");
  expect(local.out).toBe(`1 file (5 B) stored in run ${hashes[0]}.\n`);

  const here = await matyan("artifacts", "ls", "aaa1", "--json");
  expect(here.json().map(({ path, size, content_type }) => [path, size, content_type])).toEqual([
    ["files/a.txt", 5, "text/plain"],
    ["files/sub/ü b.bin", 300_000, "application/octet-stream"],
    ["one/a.txt", 5, "text/plain"],
  ]);
  const there = await matyan("artifacts", "ls", "aaa1", "--json", "--url", server.address);
  const told = ({ uri, ...artifact }: Record<string, unknown>) => artifact;
  expect(there.json().map(told)).toEqual(here.json().map(told));

  for (const [name, where] of [
    ["here", ["aaa1"]],
    ["there", [hashes[0]!, "--url", server.address]],
  ] as const) {
    const out = join(folder, name);
    const { code } = await matyan("artifacts", "get", ...where, "--out", out);
    expect(code).toBe(0);
    expect(readFileSync(join(out, "files/sub/ü b.bin"))).toEqual(Buffer.alloc(300_000, 7));
    expect(readFileSync(join(out, "one/a.txt"), "utf8")).toBe("alpha");
    const [run = "", ...more] = where;
    const part = join(folder, `${name}-part`);
    expect((await matyan("artifacts", "get", run, "files/sub", ...more, "--out", part)).code).toBe(0);
    expect(existsSync(join(part, "one"))).toBe(false);
    expect(existsSync(join(part, "files/sub/ü b.bin"))).toBe(true);
  }
});

test("files that are there are left, skipped or replaced, as it is said", async () => {
  const out = join(folder, "existing");
  mkdirSync(join(out, "one"), { recursive: true });
  writeFileSync(join(out, "one/a.txt"), "mine");
  const get = (...args: string[]) => matyan("artifacts", "get", "aaa1", "one", "--out", out, ...args);
  const refused = await get();
  expect(refused.code).toBe(1);
  expect(refused.err).toContain("is there already");
  expect((await get("--existing", "skip")).out).toContain("1 were there");
  expect(readFileSync(join(out, "one/a.txt"), "utf8")).toBe("mine");
  expect((await get("--existing", "replace")).code).toBe(0);
  expect(readFileSync(join(out, "one/a.txt"), "utf8")).toBe("alpha");
});

test("what is not there is named, with what is", async () => {
  const file = join(folder, "tree", "a.txt");
  const cases: [string[], string][] = [
    [["artifacts", "get", "aaa1", "one/b.txt"], "has no artifact 'one/b.txt'"],
    [["artifacts", "ls", "nosuch", "--url", server.address], "no run's hash starts with 'nosuch'"],
    [["artifacts", "log", "nosuch", file, "--url", server.address], `${server.address} has no run 'nosuch'`],
    [["artifacts", "log", "aaa1", join(folder, "none")], "there is no file or folder"],
    [["artifacts", "log", "aaa1", file, "--url", "http://127.0.0.1:1"], "nothing listens there"],
    [["query", "True", "--url", server.frontier], "and not the API"],
    [["query", "True", "--url", "localhost:1"], "is no address of a server"],
  ];
  for (const [args, text] of cases) {
    const { code, err } = await matyan(...args);
    expect(err).toContain(text);
    expect(code).toBeGreaterThan(0);
  }
});
