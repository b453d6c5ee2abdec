// The real Python client, every published version, against `matyan serve`: it logs, resumes, reads back and deletes.
import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { clientVersions, pythonClient } from "./testing/pythonClients.ts";
import { matyan, runProgram, type Served, startServed, testFolder } from "./testing/served.ts";

const scripts = join(import.meta.dir, "testing/python");

interface Metric {
  readonly name: string;
  readonly context: object;
  readonly iters: readonly number[];
  readonly values: readonly (number | null)[];
}

type ReadBack = Record<string, unknown> & {
  readonly props: Record<string, unknown>;
  readonly batch: readonly Metric[];
  readonly traces: Record<string, readonly { readonly name: string; readonly context: object }[]>;
};

async function python(program: string, served: Served, script: string, ...args: readonly string[]): Promise<unknown> {
  const environment = { MATYAN_BACKEND_URL: served.api, MATYAN_FRONTIER_URL: served.frontier, NO_PROXY: "*" };
  const { code, out, errors } = await runProgram([program, join(scripts, script), served.api, ...args], environment);
  if (code !== 0) throw new Error(errors);
  // A frame that was refused, or an upload that failed, is only told on stderr.
  expect(errors).not.toMatch(/\| (?:WARNING|ERROR|CRITICAL) /);
  return JSON.parse(out.trim().split("\n").at(-1)!);
}

function checkReadBack(read: ReadBack, version: string): void {
  expect(read["exists"]).toBe(true);
  expect(read["listed"]).toBe(true);
  expect(read["active"]).toEqual([]);
  expect(read["count"]).toBe(1);
  const { experiment, tags, ...props } = read.props;
  expect(props).toEqual({ name: "the name é 名", description: "a description", archived: false, active: false });
  expect(experiment).toMatchObject({ name: "baseline" });
  expect(tags).toMatchObject([{ name: "kept" }]);
  expect(read["lasted"]).toBeGreaterThan(0);
  expect(read["tags"]).toEqual(["kept"]);
  const deep = { list: [1, 2.5, "x", {}] };
  expect(read["hparams"]).toEqual({ lr: 0.001, bs: 32, wd: 1, on: true, none: null, name: "é", deep, resumed: true });
  expect([read["dotted"], read["big"], read["has_system_params"]]).toEqual(["/data", 2 ** 60, true]);
  checkMetrics(read.batch);
  const named = (kind: string) => read.traces[kind]?.map(({ name, context }) => [name, context]);
  expect(named("images")).toEqual([["pics/é 1", { subset: "val" }]]);
  expect(named("audios")).toEqual([["tone", {}]]);
  expect(named("texts")).toEqual([["words", {}]]);
  expect(named("distributions")).toEqual([["weights", {}]]);
  expect(named("figures")).toEqual([["plot", {}]]);
  for (const kind of ["metrics", "images", "audios", "texts", "distributions", "figures"])
    expect(read[`query_${kind}`]).toHaveLength(1);
  expect([read["query_runs"], read["query_none"]]).toEqual([1, 0]);
  const model = new Bun.CryptoHasher("sha256")
    .update(Uint8Array.from({ length: 1_024_000 }, (_, i) => i % 256))
    .digest("hex");
  const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
  const artifacts = {
    "folder/a b/c/empty": sha256(""),
    "folder/a b/mid.txt": sha256("mid"),
    "folder/top.txt": sha256("top"),
    "model.bin": model,
    "renamed ü %41#?+.bin": model,
  };
  expect(read["artifacts"]).toEqual(artifacts);
  if (version !== "0.3.0") return;
  const newest = read["newest"] as { one: string; all: string[]; images: string[]; audios: string[] };
  expect(newest.one).toBe(model);
  expect(newest.all).toEqual(Object.keys(artifacts).sort());
  expect(new Set(newest.images).size).toBe(3);
  expect(newest.audios).toHaveLength(1);
  checkLogs(read["logs"] as Logs);
}

function checkMetrics(batch: readonly Metric[]): void {
  const of = (name: string, context: object = {}) =>
    batch.find((each) => each.name === name && Bun.deepEquals(each.context, context));
  const inverse = (count: number) => Array.from({ length: count }, (_, step) => 1 / (step + 1));
  const steps = (count: number) => Array.from({ length: count }, (_, step) => step);
  expect(of("loss", { subset: "val" })).toMatchObject({ values: inverse(150), iters: steps(150) });
  // Ten more points after the run was resumed.
  expect(of("loss", { subset: "train" })).toMatchObject({ values: inverse(160), iters: steps(160) });
  expect(of("count")).toMatchObject({ values: steps(150), iters: steps(150) });
  // JSON has no NaN and no infinities.
  expect(of("odd", { é: [1, 2, null] })).toMatchObject({ values: [1, null, null, null, 2], iters: steps(5) });
  expect(of("one")?.values).toEqual([1.5]);
  expect(of("two")?.values).toEqual([2]);
  expect(batch).toHaveLength(6);
}

interface Logs {
  readonly records: readonly [number, readonly [number, { message: string; log_level: string }][]];
  readonly lines: readonly [number, string][];
}

function checkLogs({ records: [count, records], lines }: Logs): void {
  expect(count).toBe(4);
  expect(records.map(([step, { message, log_level }]) => [step, message, log_level])).toEqual([
    [0, "debug", "DEBUG"],
    [1, "information", "INFO"],
    [2, "warning é", "WARNING"],
    [3, "error", "ERROR"],
  ]);
  const texts = lines.map(([, text]) => text);
  expect(texts).toContain("a line for the terminal");
  expect(texts).toContain("another line é");
}

for (const version of clientVersions) {
  const client = await pythonClient(version);
  const why = "missing" in client ? ` (skipped: ${client.missing})` : "";
  describe.skipIf("missing" in client)(`matyan-client ${version}${why}`, () => {
    const program = "python" in client ? client.python : "";

    test("what it logs and resumes is read back the same, also from a restored backup, and deleted", async () => {
      await using folder = await testFolder();
      const data = join(folder.path, "data");
      const files = join(folder.path, "files");
      await mkdir(files);
      await using served = await startServed({ data });
      const { hash } = (await python(program, served, "log_session.py", files)) as { hash: string };
      const read = (await python(program, served, "read_session.py", hash)) as ReadBack;
      checkReadBack(read, version);
      expect(await served.end("SIGTERM")).toEqual({ code: 0, errors: "" });

      const archive = join(folder.path, "archive.tar.gz");
      const copy = join(folder.path, "copy");
      expect((await matyan("backup", archive, "--data", data)).code).toBe(0);
      expect((await matyan("restore", archive, "--data", copy)).code).toBe(0);
      await using restored = await startServed({ data: copy });
      expect(await python(program, restored, "read_session.py", hash)).toEqual(read);
      const gone = await python(program, restored, "read_session.py", hash, "delete");
      expect(gone).toEqual({ deleted: true, exists: false, listed: [] });
    }, 120_000);
  });
}
