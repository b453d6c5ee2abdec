// `matyan config`, `config check`, and services that refuse to start: as processes, with an environment of their own.
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runMatyan } from "../testing.ts";

const folder = mkdtempSync(join(tmpdir(), "matyan-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Told {
  readonly mode: string;
  readonly store: string | null;
  readonly settings: readonly {
    readonly name: string;
    readonly value: unknown;
    readonly source: string;
    readonly used: boolean;
  }[];
  readonly problems: readonly { readonly name: string }[];
}

async function told(env: Record<string, string>, ...args: readonly string[]): Promise<Told> {
  const { out, code, err } = await runMatyan(["config", "--json", ...args], { cwd: folder, env });
  expect({ code, lines: out.trim().split("\n").length }).toEqual({ code: 0, lines: 1 });
  expect(err.includes("error:")).toBe(false);
  return JSON.parse(out) as Told;
}

const settingOf = ({ settings }: Told, wanted: string) => settings.find(({ name }) => name === wanted);

test("each setting is told with where it comes from: option, environment, .env, default", async () => {
  const cwd = join(folder, "sources");
  mkdirSync(cwd);
  writeFileSync(join(cwd, ".env"), "METRICS_PORT=9101\nLOG_LEVEL=debug\nS3_BUCKET='of the file'\n");
  const env = { LOG_LEVEL: "error", kafka_bootstrap_servers: "k:9092" };
  const { out } = await runMatyan(["config", "--json", "--data", "here"], { cwd, env });
  const found = JSON.parse(out) as Told;
  const sources = ["MATYAN_DATA", "LOG_LEVEL", "METRICS_PORT", "KAFKA_BOOTSTRAP_SERVERS", "MATYAN_HOST"].map((name) => {
    const { value, source } = settingOf(found, name)!;
    return [name, value, source];
  });
  expect(sources).toEqual([
    ["MATYAN_DATA", "here", "option"],
    ["LOG_LEVEL", "error", "environment"],
    ["METRICS_PORT", 9_101, ".env"],
    ["KAFKA_BOOTSTRAP_SERVERS", "k:9092", "environment"],
    ["MATYAN_HOST", "127.0.0.1", "default"],
  ]);
  expect(found).toMatchObject({ mode: "cluster", store: "embedded" });
  expect(existsSync(join(cwd, "here"))).toBe(false);
});

test("of files with settings only .env is read, as by the existing services", async () => {
  const cwd = join(folder, "files");
  mkdirSync(cwd);
  writeFileSync(join(cwd, ".env"), "LOG_LEVEL=debug\n");
  for (const name of [".env.local", ".env.development", ".env.production"])
    writeFileSync(join(cwd, name), "LOG_LEVEL=error\nMETRICS_PORT=1\n");
  const child = Bun.spawn([join(import.meta.dir, "../../scripts/matyan"), "config", "--json"], {
    cwd,
    env: { PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const found = JSON.parse(await child.stdout.text()) as Told;
  const [level, port] = ["LOG_LEVEL", "METRICS_PORT"].map((name) => settingOf(found, name)!);
  expect([level!.value, level!.source]).toEqual(["debug", ".env"]);
  expect([port!.value, port!.source]).toEqual([9_090, "default"]);
});

test("a table for people has every variable of the role, those of engines that are not chosen in brackets", async () => {
  const { out, code } = await runMatyan(["config", "--role", "frontier"], { cwd: folder });
  expect(code).toBe(0);
  expect(out).toStartWith("embedded mode: neither FDB_CLUSTER_FILE nor KAFKA_BOOTSTRAP_SERVERS is set\n");
  expect(out).toMatch(/^ {2}MATYAN_FRONTIER_PORT +default +53801$/m);
  expect(out).toMatch(/^ {2}\[S3_ENDPOINT\] +default +http:\/\/localhost:9000$/m);
  expect(out).not.toContain("INGEST_BATCH_SIZE");
  expect(out).not.toContain("FDB_THREAD_POOL_SIZE");
});

test("a wrong value is shown with its problem and keeps nothing else from being shown; secrets are in no output", async () => {
  const env = {
    FDB_CLUSTER_FILE: "f",
    KAFKA_BOOTSTRAP_SERVERS: "me:hunter2@kafka:9092",
    KAFKA_SASL_PASSWORD: "hunter2",
    S3_SECRET_KEY: "hunter2",
    S3_ENDPOINT: "http://me:hunter2@s3",
    BLOB_URI_SECRET: "hunter2",
    METRICS_PORT: "many",
  };
  const found = await told(env);
  expect(found.problems.map(({ name }) => name)).toEqual([
    "BLOB_URI_SECRET",
    "KAFKA_BOOTSTRAP_SERVERS",
    "S3_ENDPOINT",
    "METRICS_PORT",
  ]);
  expect(settingOf(found, "S3_SECRET_KEY")!.value).toBe("***");
  for (const args of [
    ["config"],
    ["config", "--json"],
    ["config", "check", "--production"],
    ["serve"],
    ["runs", "ls"],
  ]) {
    const { out, err } = await runMatyan(args, { cwd: folder, env });
    expect([args, (out + err).includes("hunter2")]).toEqual([args, false]);
  }
});

test("config check names the problems of each role and ends with 2, with 0 when there are none", async () => {
  const check = (env: Record<string, string>, ...args: readonly string[]) =>
    runMatyan(["config", "check", ...args], { cwd: folder, env });
  const fine = await check({});
  expect([fine.code, fine.out.split("\n").filter((line) => line.endsWith(": ok"))]).toEqual([
    0,
    ["api: ok", "frontier: ok", "ingest-worker: ok", "control-worker: ok", "jobs: ok"],
  ]);
  const kafka = { KAFKA_BOOTSTRAP_SERVERS: "localhost:9092" };
  const lacking = await check(kafka, "--role", "api");
  expect([lacking.code, lacking.out]).toEqual([2, expect.stringContaining("no store is named")]);
  const production = await check(kafka, "--production", "--role", "frontier", "--json");
  expect(production.code).toBe(2);
  const { ok, roles } = JSON.parse(production.out) as {
    ok: boolean;
    roles: { role: string; problems: { name: string }[] }[];
  };
  expect(ok).toBe(false);
  expect(roles.map(({ role, problems }) => [role, problems.map(({ name }) => name)])).toEqual([
    ["frontier", ["S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_ENDPOINT", "KAFKA_BOOTSTRAP_SERVERS"]],
  ]);
});

test("production refuses to start services and commands on the store with the whole list, exit code 2, and makes nothing", async () => {
  const cwd = join(folder, "production");
  mkdirSync(cwd);
  const env = {
    MATYAN_ENVIRONMENT: "production",
    KAFKA_BOOTSTRAP_SERVERS: "kafka:9092",
    MATYAN_DATA: "d",
    BLOB_BACKEND_TYPE: "s3",
  };
  const s3 = ["S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_ENDPOINT"];
  for (const [args, missing] of [
    [
      ["serve", "--port", "0", "--frontier-port", "0"],
      ["BLOB_URI_SECRET", ...s3],
    ],
    [["frontier", "--port", "0"], s3],
    [["worker", "control"], s3],
    [["runs", "ls"], s3],
    [["backup", "out"], s3],
  ] as const) {
    const { code, out, err } = await runMatyan(args, { cwd, env });
    const named = [...err.matchAll(/in production, (\w+) must/g)].map(([, name]) => name!);
    expect([args, code, out, named]).toEqual([args, 2, "", [...missing]]);
  }
  expect(readdirSync(cwd)).toEqual([]);
  // What opens no store does not care.
  expect((await runMatyan(["verify", "nothing"], { cwd, env })).code).toBe(1);
});

test("serve tells all wrong settings at once", async () => {
  const env = { MATYAN_PORT: "x", S3_PRESIGN_EXPIRY: "0", CORS_ORIGINS: "nowhere", METRICS_PORT: "of a worker" };
  const { code, err } = await runMatyan(["serve"], { cwd: folder, env });
  expect(code).toBe(2);
  expect(err.split("\n").filter((line) => line.startsWith("  "))).toEqual([
    "  MATYAN_PORT is 'x': set it to a whole number from 0 to 65535.",
    expect.stringContaining("  CORS_ORIGINS is 'nowhere': "),
    "  S3_PRESIGN_EXPIRY is '0': set it to a whole number from 1 to 604800.",
  ]);
});

test("an engine that is not there is an error that names it and the way out", async () => {
  const missing = await runMatyan(["runs", "ls"], { cwd: folder, env: { FDB_CLUSTER_FILE: "none.cluster" } });
  expect(missing.code).toBe(2);
  expect(missing.err).toMatch(/FDB_LIBRARY|FDB_CLUSTER_FILE/);
  const data = { MATYAN_DATA: join(folder, "alone") };
  const away = await runMatyan(["serve", "--port", "0", "--frontier-port", "0"], {
    cwd: folder,
    env: { ...data, KAFKA_BOOTSTRAP_SERVERS: "127.0.0.1:1" },
  });
  expect(away.code).toBe(1);
  expect(away.err).toContain("127.0.0.1:1");
}, 60_000);
