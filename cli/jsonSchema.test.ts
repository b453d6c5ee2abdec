// Every command's `--json` is as docs/json.schema.json says: each is run once here, on a real store and against a real server.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobLock } from "../server/jobs/jobLock.ts";
import { openEmbedded } from "../server/kv/embedded.ts";
import { openStore } from "../server/store/index.ts";
import { makeWheel } from "../server/ui/testWheel.ts";
import { commands } from "./commands/index.ts";
import { findCommand } from "./completion/words.ts";
import { runMatyan, startMatyan } from "./testing.ts";
import { assertDescribed, describedCommands } from "./testingJson.ts";

const fixtures = join(import.meta.dir, "../fixtures");
const folder = mkdtempSync(join(tmpdir(), "matyan-shapes-"));
const hash = "0123456789abcdef0123456789abcdef";
const exercised = new Set<string>();

/** They need Kafka: pipeline.test.ts holds them to the schema. */
const withKafka = ["worker ingest", "worker control", "dlq ls", "dlq show", "dlq retry", "dlq drop"];

async function run(...args: string[]): Promise<string> {
  exercised.add(findCommand(args)?.entry.path.join(" ") ?? args[0]!);
  // Others on this machine may have the usual ports, which doctor looks at.
  const env = { MATYAN_PORT: "0", MATYAN_FRONTIER_PORT: "0" };
  const { code, out, err } = await runMatyan([...args, "--json"], { cwd: folder, env });
  expect({ args, code, err: err.split("\n").filter((line) => line.startsWith('{"error"')) }).toEqual({
    args,
    code: 0,
    err: [],
  });
  expect({ args, isEmpty: out === "" }).toEqual({ args, isEmpty: false });
  return out;
}

beforeAll(async () => {
  await run("restore", join(fixtures, "archives/example-archive-full/matyan-backup-20261122-104931"));
});

afterAll(() => rmSync(folder, { recursive: true }));

test("the schema describes every command that has a name of its own, and nothing else", () => {
  const names = commands.filter(({ hidden }) => !hidden).map(({ path }) => path.join(" "));
  expect(describedCommands.toSorted()).toEqual([...names, "--version"].toSorted());
});

test("a field that the schema does not have, or a wrong type, is found", () => {
  const found = (line: string) => () => assertDescribed(["locks", "release", "--json"], { out: line, err: "" });
  expect(found('{"name":"reindex","released":true}')).not.toThrow();
  expect(found('{"name":"reindex","released":true,"more":1}')).toThrow("additional properties");
  expect(found('{"name":"reindex","released":"yes"}')).toThrow("boolean");
  expect(found('{"name":"reindex"}')).toThrow("required");
});

test("archives and runs", async () => {
  await run("convert", "tensorboard", join(fixtures, "tensorboard/logs"), "converted.tar.gz");
  await run("verify", "converted.tar.gz");
  await run("restore", "converted.tar.gz", "--dry-run");
  await run("restore", "converted.tar.gz");
  await run("backup", "saved.tar.gz");
  await run("copy", "--from", "saved.tar.gz", "--to", "other");
  await run("runs", "ls", "--columns", "hash,metric:loss,param:hparams.lr");
  await run("runs", "show", hash);
  await run("runs", "tail", hash, "--no-follow");
  await run("runs", "plot", hash, "--metric", "loss");
  await run("runs", "images", hash);
  await run("runs", "diff", hash, "fedcba98", "--all");
  await run("runs", "export", "-o", "points.csv");
  await run("query", "True");
  await run("query", "True", "--metrics");
  await run("query", "run.active", "--explain");
  await run("inspect", "--limit", "20");
});

test("files, and changes of runs", async () => {
  writeFileSync(join(folder, "notes.txt"), "hello");
  mkdirSync(join(folder, "got"));
  await run("artifacts", "log", hash, "notes.txt");
  await run("artifacts", "ls", hash);
  await run("artifacts", "get", hash, "--out", "got");
  await run("runs", "tag", "best", hash, "--yes");
  await run("runs", "untag", "best", hash, "--yes");
  await run("runs", "rename", "another", hash, "--yes");
  await run("runs", "archive", hash, "--yes");
  await run("runs", "unarchive", hash, "--yes");
  await run("runs", "finish", "fedcba98", "--yes");
  await run("runs", "delete", "fedcba98", "--yes");
  const recorded = Buffer.from(Bun.gunzipSync(readFileSync(join(fixtures, "exchanges/messages.jsonl.gz")))).toString();
  writeFileSync(join(folder, "messages.jsonl"), recorded.split("\n").slice(0, 20).join("\n"));
  await run("ingest", "messages.jsonl");
});

test("jobs and what looks under the hood", async () => {
  await run("reindex");
  await run("reindex", "--check");
  await run("finish-stale");
  await run("cleanup-orphan-blobs", "--dry-run");
  await run("cleanup-tombstones");
  const store = await openStore(await openEmbedded({ path: join(folder, ".matyan/store.db"), durability: "normal" }));
  await JobLock.acquire(store, "reindex", { ttl: 600, now: () => Date.now() / 1_000, lost: () => undefined });
  await run("locks", "ls");
  await run("locks", "release", "reindex");
  await store.database.close();
  await run("top");
  writeFileSync(join(folder, "ui.whl"), makeWheel());
  await run("ui", "install", "ui.whl");
  await run("doctor");
  await run("config");
  await run("config", "check");
  await run("completion", "bash");
  await run("man", "runs", "ls");
  await run("man", "--out", "man");
  await run("--version");
});

test("servers say where they listen", async () => {
  for (const args of [
    ["serve", "--port", "0", "--frontier-port", "0"],
    ["frontier", "--port", "0"],
  ]) {
    exercised.add(args[0]!);
    const child = startMatyan([...args, "--json"], { cwd: folder });
    const reader = child.stdout.getReader();
    let out = "";
    while (!out.includes("\n")) {
      const { done, value } = await reader.read();
      if (done) break;
      out += new TextDecoder().decode(value);
    }
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect(out).toContain('"api"');
    assertDescribed([...args, "--json"], { out, err: "" });
  }
});

test("no command was left out", () => {
  const left = describedCommands.filter((name) => !exercised.has(name));
  expect(left.toSorted()).toEqual(withKafka.toSorted());
});
