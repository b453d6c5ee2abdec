// Live figures of a cluster on a real Kafka: what was published, what is done, what waits, dead letters; from a server and beside it.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { testKafka, testSettings } from "../bus/kafka/testing.ts";
import { Configuration } from "../config.ts";
import { openBus } from "../stack.ts";
import { createRunFrame, metricFrame, TestConnection } from "../testing/connection.ts";
import { matyan, runProgram, testFolder } from "../testing/served.ts";
import { eventually, startService } from "../testing/service.ts";

const mainFile = join(import.meta.dir, "../../cli/main.ts");

const broker = await testKafka();
const onKafka = broker === undefined ? test.skip : test;

onKafka(
  "a cluster's figures are what Kafka has (needs Kafka)",
  async () => {
    await using folder = await testFolder();
    const { topics } = testSettings(broker!);
    const env: Record<string, string> = {
      ...{ KAFKA_BOOTSTRAP_SERVERS: broker!, MATYAN_DATA: folder.path, METRICS_PORT: "0", BLOB_BACKEND_TYPE: "folder" },
      ...{ KAFKA_DATA_INGESTION_TOPIC: topics.ingestion, KAFKA_CONTROL_EVENTS_TOPIC: topics.control },
    };
    const serveArgs = ["serve", "--port", "0", "--frontier-port", "0"];
    await using serve = await startService<{ api: string; frontier: string }>(serveArgs, env, folder.path);
    const live = async () => JSON.parse(await (await fetch(`${serve.told.api}/api/v1/rest/system/live/`)).text());
    expect(await live()).toMatchObject({
      received: { messages: 0 },
      applied: { messages: 0 },
      lag: { messages: 0 },
      letters: { open: 0, more: false },
      missing: { queue: "messages go to Kafka at once: see the lag" },
    });

    const client = await TestConnection.open(`${serve.told.frontier}/api/v1/ws/runs/${"ab".repeat(16)}`);
    const points = Array.from({ length: 50 }, (_, step) => metricFrame("loss", step, step));
    expect(await client.ask([createRunFrame(), ...points])).toEqual({ status: "ok", error: null });
    await client.close();
    const waiting = await eventually("51 messages", async () => {
      const figures = await live();
      return figures.received.messages === 51 ? figures : undefined;
    });
    expect(waiting).toMatchObject({ applied: { messages: 0 }, lag: { messages: 51 } });

    // One that nobody can apply.
    const bus = (await openBus(new Configuration({ environment: env }).config, { clientId: "test" }))!;
    await bus.producer.publish(topics.ingestion, [{ key: "x", value: "no message" }]);
    await bus.close();
    await using worker = await startService(["worker", "ingest"], env, folder.path);
    const done = await eventually("all to be done", async () => {
      const figures = await live();
      return figures.lag.messages === 0 && figures.letters.open === 1 ? figures : undefined;
    });
    expect(done).toMatchObject({
      received: { messages: 52 },
      applied: { messages: 52 },
      runs: { active: 1, more: false },
    });

    // Beside the server, by the configuration alone.
    const { out, code } = await runProgram([process.execPath, mainFile, "top", "--json"], { ...env });
    expect(code).toBe(0);
    expect(JSON.parse(out).figures).toMatchObject({
      lag: { messages: 0 },
      letters: { open: 1 },
      received: { messages: 52 },
    });
    void worker;
  },
  120_000,
);

test("a Kafka that does not answer is a reason, and the rest is told", async () => {
  await using folder = await testFolder();
  await matyan("ingest", "--data", folder.path);
  const env = { KAFKA_BOOTSTRAP_SERVERS: "127.0.0.1:1", MATYAN_DATA: folder.path, BLOB_BACKEND_TYPE: "folder" };
  const { out, code } = await runProgram([process.execPath, mainFile, "top", "--json"], env);
  expect(code).toBe(0);
  const { figures, missing } = JSON.parse(out);
  expect(figures.runs).toEqual({ active: 0, more: false });
  for (const name of ["received", "applied", "lag", "letters"])
    expect(missing[name]).toContain("no connection to Kafka");
}, 60_000);
