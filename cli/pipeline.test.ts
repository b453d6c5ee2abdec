// The whole cluster on a real Kafka, as people start it: the real Python client logs through the server and two workers into one
// store, whose keys are those that embedded mode makes of the same messages.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { gunzipSync } from "bun";
import { parseMessage } from "../formats/messages/index.ts";
import { openFolderBlobs } from "../server/blobs/folder.ts";
import type { Bus } from "../server/bus/index.ts";
import { openKafkaBus } from "../server/bus/kafka/index.ts";
import { testKafka, testSettings } from "../server/bus/kafka/testing.ts";
import type { KafkaSettings } from "../server/config.ts";
import { embeddedPaths } from "../server/embedded.ts";
import { memoryStore } from "../server/store/testing.ts";
import { createRunFrame, metricFrame, TestConnection } from "../server/testing/connection.ts";
import { foundIn, withoutNotes } from "../server/testing/faults/workload.ts";
import { pythonClient } from "../server/testing/pythonClients.ts";
import { runProgram, startServed, testFolder } from "../server/testing/served.ts";
import { stopTestService, testService } from "../server/testing/services.ts";
import { applyMessages } from "../server/workers/apply.ts";
import { readDeadLetters } from "../server/workers/deadLetters.ts";
import { noBlobs } from "../server/workers/testing.ts";
import { assertDescribed } from "./testingJson.ts";

const address = await testKafka();
const client = address === undefined ? undefined : await pythonClient("0.3.0");
const main = join(import.meta.dir, "main.ts");

interface Cluster extends AsyncDisposable {
  readonly settings: KafkaSettings;
  readonly bus: Bus;
  readonly env: Readonly<Record<string, string>>;
  readonly data: string;
  worker(kind: "ingest" | "control"): Promise<Worker>;
}

interface Worker {
  readonly metrics: string;
  stop(): Promise<{ readonly code: number | null; readonly errors: string }>;
}

async function cluster(broker = address!): Promise<Cluster> {
  const settings = testSettings(broker);
  const folder = await testFolder();
  const data = join(folder.path, "data");
  const env = {
    MATYAN_MODE: "cluster",
    MATYAN_DATA: data,
    KAFKA_BOOTSTRAP_SERVERS: broker,
    KAFKA_DATA_INGESTION_TOPIC: settings.topics.ingestion,
    KAFKA_CONTROL_EVENTS_TOPIC: settings.topics.control,
  };
  const bus = await openKafkaBus(settings, { clientId: "matyan-pipeline-test" });
  const children: Bun.Subprocess[] = [];
  return {
    settings,
    bus,
    env,
    data,
    worker: async (kind) => {
      const child = Bun.spawn([process.execPath, main, "worker", kind, "--metrics-port", "0", "--json"], {
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      children.push(child);
      const errors = new Response(child.stderr).text();
      let text = "";
      for await (const chunk of child.stdout) {
        text += Buffer.from(chunk).toString();
        if (text.includes("\n")) break;
      }
      if (text === "") throw new Error(`the worker does not start: ${await errors}`);
      assertDescribed(["worker", kind, "--json"], { out: text, err: "" });
      const { metrics_port: port } = JSON.parse(text) as { metrics_port: number };
      const stop = async () => {
        child.kill("SIGTERM");
        return { code: await child.exited, errors: await errors };
      };
      return { metrics: `http://127.0.0.1:${port}`, stop };
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(children.map((child) => child.exited));
      await bus.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Of all partitions; only those that the worker has are told. */
async function lagOf(workers: readonly Worker[]): Promise<{ partitions: number; lag: number }> {
  let [partitions, lag] = [0, 0];
  for (const { metrics } of workers) {
    const text = await (await fetch(`${metrics}/metrics`)).text();
    for (const [, value] of text.matchAll(/^matyan_ingestion_lag\{[^}]*\} (\d+)$/gm)) {
      partitions++;
      lag += Number(value);
    }
  }
  return { partitions, lag };
}

async function messagesOf(bus: Bus, topic: string): Promise<string[]> {
  const batches = await Array.fromAsync(bus.read(topic));
  return batches.flatMap(({ records }) => records.map(({ value }) => Buffer.from(value!).toString()));
}

/** What embedded mode makes of the messages; those that it refuses are in neither store. */
async function embeddedOf(messages: readonly string[]): Promise<Map<string, string>> {
  const store = await memoryStore();
  await applyMessages(store, noBlobs(), messages.map(parseMessage));
  return withoutNotes(store);
}

/** The messages as the existing services' models read and write them. */
async function asTheExistingServices(python: string, messages: readonly string[]): Promise<unknown[]> {
  const child = Bun.spawn([python, join(import.meta.dir, "../server/testing/python/parse_messages.py")], {
    stdin: new Blob([messages.join("\n")]),
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await child.stdout.text();
  expect(await child.exited).toBe(0);
  return text.trimEnd().split("\n").map(withoutOddNumbers);
}

/** The document of a text in which NaN and the infinities, which JSON does not have, stand for null, as the old frontier writes them. */
function withoutOddNumbers(text: string): unknown {
  return JSON.parse(text.replace(/:(?:NaN|-?Infinity)(?=[,}])/g, ":null"));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await Bun.sleep(200);
}

if (address === undefined || client === undefined)
  test.skip("the cluster on a real Kafka, which needs scripts/test --services", () => undefined);
else {
  if ("missing" in client) test.skip(`the real Python client on a cluster: ${client.missing}`, () => undefined);
  else
    test("what the real Python client logs through Kafka and two workers is what embedded mode stores", async () => {
      await using stage = await cluster();
      await using served = await startServed({ data: stage.data, env: stage.env });
      const workers = [await stage.worker("ingest"), await stage.worker("ingest")];
      const control = await stage.worker("control");
      const { ingestion } = stage.settings.topics;
      const script = join(import.meta.dir, "../server/testing/python/log_session.py");
      const environment = { MATYAN_BACKEND_URL: served.api, MATYAN_FRONTIER_URL: served.frontier, NO_PROXY: "*" };
      const logged = await runProgram([client.python, script, served.api, stage.data], environment);
      if (logged.code !== 0) throw new Error(logged.errors);
      expect(logged.errors).not.toMatch(/\| (?:WARNING|ERROR|CRITICAL) /);
      const { hash } = JSON.parse(logged.out.trim().split("\n").at(-1)!) as { hash: string };
      const messages = await messagesOf(stage.bus, ingestion);
      expect(messages.length).toBeGreaterThan(500);
      expect(await asTheExistingServices(client.python, messages)).toEqual(messages.map(withoutOddNumbers));
      const expected = await embeddedOf(messages);
      await until(async () => Bun.deepEquals(await foundIn(embeddedPaths({ dataDir: stage.data }).store), expected));
      expect(await Array.fromAsync(readDeadLetters(stage.bus, ingestion))).toEqual([]);
      for (const { metrics } of [...workers, control]) {
        expect((await fetch(`${metrics}/health/live`)).status).toBe(200);
        expect((await fetch(`${metrics}/health/ready`)).status).toBe(200);
      }
      // Deleted through the API, the run goes by way of both topics, its files last.
      const blobs = await openFolderBlobs(embeddedPaths({ dataDir: stage.data }).blobs, { durability: "normal" });
      expect((await Array.fromAsync(blobs.list(`${hash}/`))).length).toBeGreaterThan(5);
      const removal = await fetch(`${served.api}/api/v1/rest/runs/${hash}/`, { method: "DELETE" });
      expect(removal.status).toBe(200);
      await until(async () => (await Array.fromAsync(blobs.list(`${hash}/`))).length === 0);
      expect(await messagesOf(stage.bus, stage.settings.topics.control)).toEqual([
        expect.stringContaining(`"payload":{"run_id":"${hash}"}`),
      ]);
      await until(async () => Bun.deepEquals(await lagOf(workers), { partitions: 6, lag: 0 }));
      for (const worker of [...workers, control]) {
        const { code, errors } = await worker.stop();
        expect([code, errors]).toEqual([0, ""]);
      }
    });

  test("the recorded messages of the existing services are consumed, and give the keys that they give in embedded mode", async () => {
    await using stage = await cluster();
    const { ingestion } = stage.settings.topics;
    const text = gunzipSync(await Bun.file("fixtures/exchanges/messages.jsonl.gz").bytes());
    const lines = Buffer.from(text).toString().trimEnd().split("\n");
    const isMessage = (line: string) => line.includes('"timestamp":');
    const worker = await stage.worker("ingest");
    const keyOf = (line: string) => (isMessage(line) ? parseMessage(line).runId : "no message");
    await stage.bus.producer.publish(
      ingestion,
      lines.map((line) => ({ key: keyOf(line), value: line })),
    );
    const expected = await embeddedOf(lines.filter(isMessage));
    const { store } = embeddedPaths({ dataDir: stage.data });
    // Partitions are read side by side: a tag that several runs have gets its id from whichever came first.
    const keysOf = (contents: ReadonlyMap<string, string>) =>
      [...contents.keys()]
        .filter((key) => key.startsWith("runs "))
        .map((key) => key.replace(/(02746167730002)[0-9a-f]{72}00$/, "$1"));
    await until(async () => keysOf(await foundIn(store)).length === keysOf(expected).length);
    const found = await foundIn(store);
    expect(keysOf(found)).toEqual(keysOf(expected));
    await until(async () => (await lagOf([worker])).lag === 0);
    const letters = await Array.fromAsync(readDeadLetters(stage.bus, ingestion));
    expect(letters).toHaveLength(1 + lines.filter((line) => !isMessage(line)).length);
    const listed = await runProgram([process.execPath, main, "dlq", "ls", "--json"], stage.env);
    expect(listed.out.trim().split("\n")).toHaveLength(letters.length);
    assertDescribed(["dlq", "ls", "--json"], { out: listed.out, err: "" });
    const { id } = letters[0]!;
    const shown = await runProgram([process.execPath, main, "dlq", "show", id, "--json"], stage.env);
    assertDescribed(["dlq", "show", "--json"], { out: shown.out, err: "" });
    expect(JSON.parse(shown.out)).toMatchObject({ id, done: null, value: Buffer.from(letters[0]!.value!).toString() });
    const dropped = await runProgram([process.execPath, main, "dlq", "drop", "--all", "--json"], stage.env);
    expect([dropped.code, dropped.errors]).toEqual([0, ""]);
    assertDescribed(["dlq", "drop", "--json"], { out: dropped.out, err: "" });
    const left = await runProgram([process.execPath, main, "dlq", "ls", "--json"], stage.env);
    expect([left.code, left.out]).toEqual([0, ""]);
    expect((await worker.stop()).code).toBe(0);
  });

  test("while no broker answers, the frontier says so within a client's patience, and goes on when one is back", async () => {
    const own = { KAFKA_TEST_PORT: "19394" };
    const broker = await testService("kafka", own);
    try {
      await using stage = await cluster(broker);
      await using served = await startServed({ data: stage.data, env: stage.env, args: ["--role", "frontier"] });
      const connection = await TestConnection.open(`${served.frontier}/api/v1/ws/runs/r`);
      expect(await connection.ask(createRunFrame())).toEqual({ status: "ok", error: null });
      await stopTestService("kafka", own);
      const reply = await connection.ask(metricFrame("loss", 0, 1.5));
      expect(reply.status).toBe("error");
      expect(reply.error).toContain("publish");
      expect((await fetch(`${served.frontier}/health/ready/`)).status).toBe(503);
      await testService("kafka", own);
      while ((await connection.ask(metricFrame("loss", 1, 2.5))).status !== "ok") await Bun.sleep(200);
      const { ingestion } = stage.settings.topics;
      const messages = await messagesOf(stage.bus, ingestion);
      expect(messages.some((message) => message.includes('"value":2.5,"step":1,'))).toBe(true);
      await connection.close();
      expect((await served.end("SIGTERM")).code).toBe(0);
    } finally {
      await stopTestService("kafka", own);
    }
  });
}
