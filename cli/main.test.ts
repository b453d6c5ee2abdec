// The command line as a process: exit codes, what goes where, help, and that reading makes nothing.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mapOf } from "../formats/value.ts";
import { openEmbedded } from "../server/kv/embedded.ts";
import { addRunTag, setRunExperiment } from "../server/store/associations.ts";
import { setAttrs } from "../server/store/attrs.ts";
import { writeContext } from "../server/store/contexts.ts";
import { createExperiment, createTag } from "../server/store/entities.ts";
import { openStore, type Store } from "../server/store/index.ts";
import { createRun, finishRun, updateMeta } from "../server/store/runs.ts";
import { SequenceWriter } from "../server/store/sequences.ts";
import { writeTrace } from "../server/store/traces.ts";
import { buildCommand } from "./buildCommand.ts";
import { commands } from "./commands/index.ts";
import { runMatyan } from "./testing.ts";

const folder = mkdtempSync(join(tmpdir(), "matyan-cli-"));
const data = join(folder, "data");
/** 2025-01-02T03:04:05Z: all times of the store made here follow from it. */
const start = 1_735_787_045;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const matyan = (args: readonly string[], env: Record<string, string> = {}) =>
  runMatyan(args, { cwd: folder, env: { MATYAN_DATA: data, ...env } });

async function addRun(
  store: Store,
  hash: string,
  name: string,
  at: number,
  ids: { experiment?: string; tag?: string },
  losses: readonly number[],
) {
  await store.database.transact(async (tx) => {
    await createRun(tx, store, hash, { name, createdAt: start + at });
    if (ids.experiment !== undefined) await setRunExperiment(tx, store, hash, ids.experiment, start + at);
    if (ids.tag !== undefined) await addRunTag(tx, store, hash, ids.tag);
    await setAttrs(tx, store, hash, ["hparams"], mapOf({ lr: 0.1, epochs: 10n, momentum: 1, optimizer: "sgd" }));
    await writeContext(tx, store, hash, 7, mapOf({ subset: "val" }));
    for (const [contextId, factor] of [
      [0, 1],
      [7, 1.5],
    ] as const) {
      if (losses.length === 0) continue;
      const last = losses.at(-1)! * factor;
      await writeTrace(tx, store, hash, {
        contextId,
        name: "loss",
        dtype: "float",
        last,
        lastStep: BigInt(losses.length - 1),
      });
      const writer = new SequenceWriter(store, { hash, contextId, name: "loss" });
      await writer.write(
        tx,
        losses.map((loss, step) => ({
          step: BigInt(step),
          value: loss * factor,
          epoch: BigInt(step >> 2),
          time: start + at + step * 60,
        })),
      );
    }
  });
}

const baseline = "3f9c1a20b81e4c0d9a7e6f5a4b3c2d1e";
const wide = "3f9c1a20ffff4c0d9a7e6f5a4b3c2d1e";

beforeAll(async () => {
  const store = await openStore(await openEmbedded({ path: join(data, "store.db"), durability: "normal" }));
  const { experiment, tag } = await store.database.transact(async (tx) => ({
    experiment: await createExperiment(tx, store, { name: "image nets" }, { now: start }),
    tag: await createTag(tx, store, { name: "best" }, { now: start }),
  }));
  const falling = Array.from({ length: 40 }, (_, step) => Math.exp(-step / 10));
  await addRun(store, baseline, "baseline", 0, { experiment, tag }, falling);
  await addRun(
    store,
    wide,
    'wide 実験, "quoted"',
    3600,
    { experiment },
    falling.map((loss) => loss / 2),
  );
  await addRun(store, "c0ffee00c0ffee00c0ffee00c0ffee00", "no metrics\u001b[2J", 7200, {}, []);
  await addRun(store, "aaaa0000aaaa0000aaaa0000aaaa0000", "put away", 10_800, {}, [1, Number.NaN, 3]);
  await store.database.transact(async (tx) => {
    await finishRun(tx, store, baseline, { now: start + 2400 });
    await updateMeta(tx, store, "aaaa0000aaaa0000aaaa0000aaaa0000", mapOf({ is_archived: true }), start);
  });
  await store.database.close();
});

test("help names every command, and each command's help has examples and exit codes", async () => {
  const top = await matyan(["--help"]);
  expect(top.code).toBe(0);
  expect(top.err).toBe("");
  for (const { path, hidden = false } of commands) {
    expect(top.out.includes(`\n  ${path.join(" ")} `)).toBe(!hidden);
    const help = await matyan([...path, "-h"]);
    expect(help.code).toBe(0);
    expect(help.err).toBe("");
    expect(help.out).toStartWith(`Usage: matyan ${path.join(" ")}`);
    expect(help.out).toContain("Examples:\n  $ matyan");
    expect(help.out).toContain("Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.");
    for (const line of help.out.split("\n")) expect(line).toBe(line.trimEnd());
  }
  for (const line of top.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  expect((await matyan(["help", "runs", "ls"])).out).toBe((await matyan(["runs", "ls", "--help"])).out);
});

test("a missing command prints help on stderr and is wrong usage", async () => {
  for (const args of [[], ["runs"], ["--json"]]) {
    const { code, out, err } = await matyan(args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("Usage: matyan");
  }
  const family = await matyan(["runs", "--help"]);
  expect(family.code).toBe(0);
  for (const name of ["runs ls", "runs show", "runs plot"]) expect(family.out).toContain(name);
});

test("slips of the pen are wrong usage and name what was probably meant", async () => {
  const cases: [string[], string][] = [
    [["restor"], "Did you mean 'matyan restore'?"],
    [["ls"], "Did you mean 'matyan runs ls' or 'matyan artifacts ls'"],
    [["runs", "list"], "Did you mean 'matyan runs ls'?"],
    [["runs", "ls", "--experimnt", "x"], "--experiment"],
    [["runs", "ls", "--sort", "naem"], "Did you mean name?"],
    [["runs", "ls", "--columns", "hash,statsu"], "Did you mean status?"],
    [["runs", "ls", "--limit", "many"], "whole number"],
    [["runs", "ls", "--since", "sooon"], "'yesterday'"],
    [["runs", "ls", "--format", "xml"], "table, csv"],
    [["runs", "plot", "3f", "--metric", "loss", "--context", "val"], "NAME=VALUE"],
    [["runs", "plot", "3f"], "--metric"],
    [["runs", "show"], "hash"],
    [["inspect", "run"], "runs"],
    [["--jsno"], "Did you mean --json?"],
  ];
  for (const [args, hint] of cases) {
    const { code, out, err } = await matyan(args);
    expect({ args, code, out }).toEqual({ args, code: 2, out: "" });
    expect(err).toStartWith("error: ");
    expect(err).toContain(hint);
    const json = await matyan(["--json", ...args]);
    expect(json.code).toBe(2);
    expect(JSON.parse(json.err).error.code).toBe("usage");
  }
});

test("a name in an error cannot move the cursor", async () => {
  const { err } = await matyan(["runs", "ls", "--experiment", "a\u001b[2Jb"]);
  expect(err).toContain("'a\\x1b[2Jb'");
  expect(err).not.toContain("\u001b[2J");
});

test("--version prints the version alone on its first line, and then what it was built from", async () => {
  const { code, out } = await matyan(["--version"]);
  expect(code).toBe(0);
  expect(out).toMatch(/^\d+\.\d+\.\d+\nrun from sources\nBun \d\S+, \w+-\w+\n$/);
  const info = JSON.parse((await matyan(["--version", "--json"])).out);
  expect(info).toEqual({
    version: out.split("\n")[0],
    commit: null,
    commit_time: null,
    bun: Bun.version,
    platform: expect.any(String),
  });
});

test("every example in the help of every command is one that the command line takes", async () => {
  for (const entry of commands) {
    const help = (await matyan([...entry.path, "--help"])).out;
    const shown = [...help.matchAll(/^ {2}\$ (.+)$/gm)].map(([, line]) => line!);
    for (const line of shown) {
      // What stands behind a pipe or goes to a file is the shell's.
      const typed = line.split(" | ").find((part) => /^(\w+=\S+ )*matyan /.test(part));
      if (typed === undefined) throw new Error(`no command of ours in the example: ${line}`);
      const words = shellWords(typed.replace(/^(\w+=\S+ )*matyan /, ""));
      const path = [entry, ...commands].find(({ path: names }) => names.every((name, index) => words[index] === name));
      if (path === undefined) throw new Error(`no such command: ${line}`);
      const command = await buildCommand(path);
      let ran = false;
      command.configureOutput({ writeErr: () => undefined }).action(() => {
        ran = true;
      });
      await command.parseAsync(words.slice(path.path.length), { from: "user" });
      expect({ line, ran }).toEqual({ line, ran: true });
    }
  }
});

/** Splits as a shell does, without expanding anything; what goes to a file or comes from one is left out. */
function shellWords(line: string): string[] {
  const pieces = line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  const redirect = pieces.findIndex((piece) => /^2?[<>]/.test(piece));
  return pieces
    .slice(0, redirect === -1 ? undefined : redirect)
    .map((piece) => piece.replace(/'([^']*)'|"([^"]*)"/g, "$1$2"));
}

test("without a store, commands that read say so and make nothing", async () => {
  const nowhere = join(folder, "nowhere");
  for (const args of [
    ["runs", "ls"],
    ["runs", "show", "ab"],
    ["runs", "plot", "ab", "--metric", "loss"],
    ["inspect"],
  ]) {
    const { code, out, err } = await matyan([...args, "--data", nowhere]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`error: there is no store in ${nowhere}`);
    expect(err).toContain("matyan restore");
  }
  expect(existsSync(nowhere)).toBe(false);
});

test("runs ls is a plain table in a pipe, the newest run first, archived runs left out", async () => {
  const { code, out, err } = await matyan(["runs", "ls"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatchInlineSnapshot(`
    "hash        name                 experiment  tags  status    created               duration  loss               loss{subset=val}
    c0ffee00    no metrics\\x1b[2J                      active    2025-01-02T05:04:05Z
    3f9c1a20ff  wide 実験, "quoted"  image nets        active    2025-01-02T04:04:05Z            0.010121 █▅▃▂▁▁▁▁  0.015181 █▅▃▂▁▁▁▁
    3f9c1a20b8  baseline             image nets  best  finished  2025-01-02T03:04:05Z   40m 00s  0.020242 █▅▃▂▁▁▁▁  0.030363 █▅▃▂▁▁▁▁
    "
  `);
  expect((await matyan(["runs", "ls", "--archived"])).out).toContain("put away");
});

test("filters, order and limit choose the runs", async () => {
  const names = async (...args: string[]) =>
    (await matyan(["runs", "ls", "--json", ...args])).out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).name);
  expect(await names("--experiment", "image nets")).toEqual(['wide 実験, "quoted"', "baseline"]);
  expect(await names("--tag", "best")).toEqual(["baseline"]);
  expect(await names("--active")).toEqual(["no metrics\u001b[2J", 'wide 実験, "quoted"']);
  expect(await names("--since", "2025-01-02T04:00Z")).toEqual(["no metrics\u001b[2J", 'wide 実験, "quoted"']);
  expect(
    await names("--since", "2025-01-02T04:00Z", "--query", "run.duration >= 0", "--experiment", "image nets"),
  ).toEqual(['wide 実験, "quoted"']);
  expect(await names("--sort", "created")).toEqual(["baseline", 'wide 実験, "quoted"', "no metrics\u001b[2J"]);
  expect(await names("--sort", "-name", "--limit", "1")).toEqual(['wide 実験, "quoted"']);
  expect(await names("--sort", "metric:loss")).toEqual(['wide 実験, "quoted"', "baseline", "no metrics\u001b[2J"]);
  expect(await names("--sort", "-metric:loss{subset=val}", "--limit", "2")).toEqual([
    "baseline",
    'wide 実験, "quoted"',
  ]);
  const limited = await matyan(["runs", "ls", "--limit", "1"]);
  expect(limited.out.trimEnd().split("\n")).toHaveLength(2);
  expect(limited.err).toContain("--limit 0 lists all");
});

test("unknown experiments, tags, metrics and parameters are errors that name what there is", async () => {
  const cases: [string[], string[]][] = [
    [
      ["--experiment", "imagenets"],
      ["there is no experiment 'imagenets'", "image nets"],
    ],
    [
      ["--tag", "bst"],
      ["there is no tag 'bst'", "best"],
    ],
    [
      ["--sort", "metric:los"],
      ["metric 'los'", "loss"],
    ],
    [
      ["--columns", "name,metric:lss"],
      ["metric 'lss'", "loss"],
    ],
    [
      ["--columns", "name,param:hparams.rl"],
      ["parameter 'hparams.rl'", "hparams.lr"],
    ],
  ];
  for (const [args, texts] of cases) {
    const { code, out, err } = await matyan(["runs", "ls", ...args]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    for (const text of texts) expect(err).toContain(text);
  }
});

test("CSV has whole hashes, exact numbers and quoted fields", async () => {
  const columns = "hash,name,tags,created,duration,metric:loss{subset=val},param:lr,param:hparams.momentum";
  const { out } = await matyan([
    "runs",
    "ls",
    "--format",
    "csv",
    "--columns",
    columns,
    "--sort",
    "created",
    "--limit",
    "2",
  ]);
  expect(out).toBe(
    [
      "hash,name,tags,created,duration,loss{subset=val},lr,hparams.momentum",
      `${baseline},baseline,best,2025-01-02T03:04:05Z,2400,${Math.exp(-3.9) * 1.5},0.1,1.0`,
      `${wide},"wide 実験, ""quoted""",,2025-01-02T04:04:05Z,,${(Math.exp(-3.9) / 2) * 1.5},0.1,1.0`,
      "",
    ].join("\r\n"),
  );
});

test("runs show is a page with the kinds of values visible, and one JSON object for programs", async () => {
  const { code, out } = await matyan(["runs", "show", "3f9c1a20b"]);
  expect(code).toBe(0);
  expect(out).toMatchInlineSnapshot(`
    "baseline
    hash         3f9c1a20b81e4c0d9a7e6f5a4b3c2d1e
    experiment   image nets
    tags         best
    status       finished
    created      2025-01-02T03:04:05Z
    finished     2025-01-02T03:44:05Z
    duration     40m 00s

    Parameters
    └─ hparams
       ├─ epochs     10
       ├─ lr         0.1
       ├─ momentum   1.0
       └─ optimizer  "sgd"

    Sequences
    sequence  context     type    steps      last
    loss                  float  0 – 39  0.020242  █▇▆▅▄▄▃▃▂▂▂▂▁▁▁▁▁▁▁▁▁▁▁▁
    loss      subset=val  float  0 – 39  0.030363  █▇▆▅▄▄▃▃▂▂▂▂▁▁▁▁▁▁▁▁▁▁▁▁
    "
  `);
  const json = await matyan(["runs", "show", "3f9c1a20b", "--json"]);
  expect(json.out).toContain('"momentum":1.0');
  expect(json.out).toContain('"epochs":10,');
  expect(JSON.parse(json.out)).toMatchObject({
    hash: baseline,
    experiment: "image nets",
    tags: ["best"],
    created_at: start,
    duration: 2400,
    sequences: [
      { name: "loss", context: {}, first_step: 0, last_step: 39 },
      { name: "loss", context: { subset: "val" } },
    ],
  });
});

test("an ambiguous or unknown beginning of a hash is an error", async () => {
  const several = await matyan(["runs", "show", "3f9c"]);
  expect(several.code).toBe(1);
  expect(several.err).toContain(baseline);
  expect(several.err).toContain(wide);
  expect((await matyan(["runs", "show", "zz"])).err).toContain("no run's hash starts with 'zz'");
});

test("runs plot draws several runs over each other, piped without colours at 80 and at 200 columns", async () => {
  const args = [
    "runs",
    "plot",
    "3f9c1a20b",
    "3f9c1a20f",
    "--metric",
    "loss",
    "--context",
    "subset=val",
    "--height",
    "8",
  ];
  const { code, out, err } = await matyan(args);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatchInlineSnapshot(`
    "loss
    2 ┤
      │
      │⠉⠒⠤⣀
      │    ⠉⠒⠤⢄A
    1 ┤⣀⡀       ⠉⠒⠢⠤⣀⡀
      │ ⠈⠉⠑⠒⠢⠤⢄⣀⡀    ⠈⠑⠒⠤⠤⠤⠤⣀⣀
      │         ⠈⠉⠑⠒⠒⠒B⠤⠤⠤⣀⣀⣀⣀⣉⣉⠒⠒⠒⠒⠤⠤⠤⠤A⣀⣀⣀
    0 ┤                         ⠉⠉⠉⠉⠉⠉⠒⠒⠒⠒⠒⠒⠛⠛⠛⠫⠭⠭B⠵⠶⠶⠶⠶⠶⠶⠶⠶⠶⠦⠤⠤⠤⠤⠤⠤A⢤⣤⣤⣤⣤⣤B⣤⣤⣤⣤⣤⣤⣤⣀
      └┬──────────────────┬───────────────────┬───────────────────┬─────────────────
       0                 10                  20                  30
                                           step
    A  3f9c1a20b8  baseline             subset=val  last 0.030363 at step 39
    B  3f9c1a20ff  wide 実験, "quoted"  subset=val  last 0.015181 at step 39
    "
  `);
  const broad = await matyan(args, { COLUMNS: "200" });
  const longest = Math.max(...broad.out.split("\n").map((line) => Bun.stringWidth(line)));
  expect(longest).toBeGreaterThan(190);
  expect(longest).toBeLessThanOrEqual(200);
  expect((await matyan(args, { FORCE_COLOR: "1" })).out).toContain("\x1b[36m");
});

test("runs plot over time and epochs, as JSON lines, and its errors", async () => {
  const json = await matyan(["runs", "plot", "3f9c1a20b", "--metric", "loss", "--x", "time", "--json"]);
  const lines = json.out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.map(({ context, x }) => ({ context, first: x[0], last: x.at(-1), count: x.length }))).toEqual([
    { context: {}, first: 0, last: 39 * 60, count: 40 },
    { context: { subset: "val" }, first: 0, last: 39 * 60, count: 40 },
  ]);
  expect((await matyan(["runs", "plot", "3f9c1a20b", "--metric", "loss", "--x", "epoch"])).out).toContain("epoch");
  const nan = await matyan(["runs", "plot", "aaaa", "--metric", "loss", "--json"]);
  expect(JSON.parse(nan.out.split("\n")[0]!).y).toEqual([1, { $f: "nan" }, 3]);
  const unknown = await matyan(["runs", "plot", "3f9c1a20b", "--metric", "los"]);
  expect(unknown.code).toBe(1);
  expect(unknown.err).toContain("loss");
  const context = await matyan(["runs", "plot", "3f9c1a20b", "--metric", "loss", "--context", "subset=test"]);
  expect(context.err).toContain("subset=val");
});

test("inspect prints valid JSON lines with the kinds of numbers kept", async () => {
  const { code, out } = await matyan(["inspect"]);
  expect(code).toBe(0);
  const lines = out.trimEnd().split("\n");
  for (const line of lines) JSON.parse(line);
  expect([...new Set(lines.map((line) => JSON.parse(line).dir))]).toEqual(["runs", "indexes", "system"]);
  expect(out).toContain('"key":["hparam","momentum",1.0,');
  expect(out).toContain('"key":["hparam","epochs",10,');
  expect(out).toContain('"value":{"$f":"nan"}');
  const meta = await matyan(["inspect", "runs", "--prefix", `${baseline}/meta`, "--limit", "2"]);
  expect(meta.out.trimEnd().split("\n")).toHaveLength(2);
});
