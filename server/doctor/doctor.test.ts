// What doctor says of real folders, whole and broken, of services that are away, and of real ones where they run.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { uniqueName } from "../blobs/testing/engines.ts";
import { testSettings } from "../bus/kafka/testing.ts";
import { Configuration, type Environment, type Role } from "../config.ts";
import { embeddedPaths, openEmbeddedStack } from "../embedded.ts";
import { startServed, type TestFolder, testFolder } from "../testing/served.ts";
import { eventually, startService } from "../testing/service.ts";
import { testService } from "../testing/services.ts";
import { skewOf } from "./blobChecks.ts";
import { runChecks } from "./checks.ts";
import { type CheckResult, examine } from "./index.ts";

/** The results by name. Ports are left to the system: whoever runs the tests may serve. */
async function look(environment: Environment, role?: Role): Promise<ReadonlyMap<string, CheckResult>> {
  const configuration = new Configuration({
    environment: { MATYAN_PORT: "0", MATYAN_FRONTIER_PORT: "0", ...environment },
  });
  const { checks } = await examine(configuration, { role, timeoutMs: 20_000, now: 1_000_000 });
  return new Map(checks.map((check) => [check.name, check]));
}

function said(results: ReadonlyMap<string, CheckResult>, name: string): string {
  const { severity, findings } = results.get(name)!;
  return `${severity}: ${findings.map(({ message, hint = "" }) => `${message} ${hint}`).join("\n")}`;
}

async function madeFolder(): Promise<TestFolder> {
  const folder = await testFolder();
  const { close, blobs } = await openEmbeddedStack({ dataDir: folder.path, durability: "normal" });
  await blobs.put("run/file", Buffer.from("x"));
  await close();
  return folder;
}

/** Whatever else runs on this machine has any port. */
const anyPorts = { MATYAN_PORT: "0", MATYAN_FRONTIER_PORT: "0" };
const embedded = (folder: TestFolder) => ({ MATYAN_MODE: "embedded", MATYAN_DATA: folder.path, ...anyPorts });

test("a whole folder has no failure", async () => {
  await using folder = await madeFolder();
  const results = await look(embedded(folder));
  for (const { name, severity } of results.values()) expect([name, severity]).not.toEqual([name, "failure"]);
  for (const name of ["store", "indexes", "deletions", "job locks", "blobs"])
    expect(results.get(name)?.severity).toBe("ok");
});

test("a folder that is not there is told, and not made", async () => {
  await using folder = await testFolder();
  const path = join(folder.path, "later");
  const results = await look({ MATYAN_MODE: "embedded", MATYAN_DATA: path });
  expect(said(results, "data folder")).toContain("does not exist yet");
  expect(said(results, "store")).toStartWith("warning");
  expect(existsSync(path)).toBe(false);
});

test("a file in place of the folder is a failure", async () => {
  await using folder = await testFolder();
  const path = join(folder.path, "file");
  await writeFile(path, "");
  expect(said(await look({ MATYAN_MODE: "embedded", MATYAN_DATA: path }), "data folder")).toContain("is no folder");
});

test("a store file of other bytes is a failure, and what needs it is skipped", async () => {
  await using folder = await madeFolder();
  const { store } = embeddedPaths({ dataDir: folder.path });
  await rm(`${store}-wal`, { force: true });
  await truncate(store, 0);
  await writeFile(store, "no database ".repeat(1_000));
  const results = await look(embedded(folder));
  expect(results.get("store")?.severity).toBe("failure");
  expect(results.get("indexes")?.severity).toBe("skipped");
});

test("a place of blobs that is a file is a failure", async () => {
  await using folder = await testFolder();
  await mkdir(folder.path, { recursive: true });
  await writeFile(embeddedPaths({ dataDir: folder.path }).blobs, "");
  expect((await look(embedded(folder))).get("blobs")?.severity).toBe("failure");
});

test("a server that has the folder is named, and its ports are known as ours", async () => {
  await using folder = await madeFolder();
  await using served = await startServed({ data: folder.path });
  const ports = { MATYAN_PORT: new URL(served.api).port, MATYAN_FRONTIER_PORT: new URL(served.frontier).port };
  const results = await look({ ...embedded(folder), ...ports });
  expect(said(results, "server")).toContain(`process ${served.pid}`);
  expect(said(results, "ports")).toStartWith("ok");
});

test("a port that another program has is a failure", async () => {
  await using folder = await testFolder();
  using other = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("other") });
  const results = await look({ ...embedded(folder), MATYAN_HOST: "127.0.0.1", MATYAN_PORT: String(other.port) });
  expect(said(results, "ports")).toContain(`${other.port} is taken by another program`);
});

test("settings that are wrong are told, and nothing else is guessed from them", async () => {
  const results = await look({ MATYAN_PORT: "many" }, "api");
  expect(said(results, "configuration")).toContain("MATYAN_PORT");
  expect(said(results, "store, blobs and Kafka")).toStartWith("skipped");
});

test("Kafka and an object store that are away are failures with a reason, and the rest is looked at", async () => {
  await using folder = await testFolder();
  const results = await look(
    {
      ...{ MATYAN_DATA: folder.path, KAFKA_BOOTSTRAP_SERVERS: "127.0.0.1:1" },
      ...{ BLOB_BACKEND_TYPE: "s3", S3_ENDPOINT: "http://127.0.0.1:1", S3_BUCKET: "bucket" },
    },
    "frontier",
  );
  expect(said(results, "kafka")).toContain("no connection to Kafka at 127.0.0.1:1");
  expect(results.get("topics")?.severity).toBe("skipped");
  expect(results.get("blobs")?.severity).toBe("failure");
  expect(results.get("Bun")?.severity).toBe("ok");
}, 60_000);

test("a check that does not end is a failure in its time, and holds up no other", async () => {
  const never = { name: "never", run: () => new Promise<never>(() => undefined) };
  const [first, second] = await runChecks([never, { name: "quick", run: async () => [] }], 20);
  expect(first?.findings[0]?.message).toContain("no answer within");
  expect(second?.severity).toBe("ok");
});

test("a clock is judged by how far it is off", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const at = (seconds: number) => skewOf(new Date(now + seconds * 1_000).toUTCString(), now).severity;
  expect([at(0), at(-20), at(120), at(-3_600)]).toEqual(["ok", "ok", "warning", "failure"]);
  expect(skewOf(null, now).severity).toBe("skipped");
});

const kafka = await testService("kafka");
const s3 = await testService("s3");

test.skipIf(kafka === undefined)("a real Kafka without our topics answers, and each topic is told", async () => {
  await using folder = await testFolder();
  const topics = { KAFKA_DATA_INGESTION_TOPIC: "doctor-none-a", KAFKA_CONTROL_EVENTS_TOPIC: "doctor-none-b" };
  const results = await look({ MATYAN_DATA: folder.path, KAFKA_BOOTSTRAP_SERVERS: kafka!, ...topics }, "frontier");
  expect(results.get("kafka")?.severity).toBe("ok");
  expect(said(results, "topics")).toContain("there is no topic 'doctor-none-a'");
});

test.skipIf(kafka === undefined || s3 === undefined)(
  "a whole cluster with one worker has no failure: what is there, and which worker is not, is told",
  async () => {
    await using folder = await madeFolder();
    const { topics } = testSettings(kafka!);
    const settings = {
      ...{ MATYAN_DATA: folder.path, KAFKA_BOOTSTRAP_SERVERS: kafka! },
      ...{ KAFKA_DATA_INGESTION_TOPIC: topics.ingestion, KAFKA_CONTROL_EVENTS_TOPIC: topics.control },
      ...{ BLOB_BACKEND_TYPE: "s3", S3_ENDPOINT: s3!, S3_BUCKET: uniqueName() },
      ...{ S3_ACCESS_KEY: "test-key", S3_SECRET_KEY: "test-secret", METRICS_PORT: "0" },
    };
    const ports = ["--port", "0", "--frontier-port", "0"];
    await using _server = await startService(["serve", ...ports], settings, folder.path);
    await using _worker = await startService(["worker", "ingest"], settings, folder.path);
    const results = await eventually("the worker's partitions", async () => {
      const found = await look(settings);
      return said(found, "workers").includes("ingestion-workers: 1 worker, 0 messages wait") ? found : undefined;
    });
    for (const { name, severity } of results.values()) expect([name, severity]).not.toEqual([name, "failure"]);
    expect(said(results, "kafka")).toStartWith("ok: 1 broker, cluster ");
    expect(said(results, "topics")).toContain(`${topics.ingestion}: 6 partitions`);
    expect(said(results, "workers")).toContain("matyan worker control");
    expect(said(results, "blobs")).toContain("written, read back and deleted");
    expect(said(results, "upload URLs")).toContain("PUT, GET and DELETE went through");
    expect(said(results, "clock")).toStartWith("ok");
    expect(said(results, "dead letters")).toStartWith("ok: none");
  },
  60_000,
);

test.skipIf(s3 === undefined)("a real S3 without the bucket is a failure that names it", async () => {
  await using folder = await testFolder();
  // Without Kafka all is in one folder, whatever the object store.
  const results = await look(
    {
      ...{ MATYAN_DATA: folder.path, KAFKA_BOOTSTRAP_SERVERS: "127.0.0.1:1", BLOB_BACKEND_TYPE: "s3" },
      ...{ S3_ENDPOINT: s3!, S3_BUCKET: "doctor-none", S3_ACCESS_KEY: "test-key", S3_SECRET_KEY: "test-secret" },
    },
    "frontier",
  );
  expect(said(results, "blobs")).toContain("doctor-none");
});
