// Kafka going away under a server: on a broker of its own, which is stopped and started again.
import { afterAll, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { createRunFrame, metricFrame, TestConnection } from "./testing/connection.ts";
import { testFolder } from "./testing/served.ts";
import { eventually, startService } from "./testing/service.ts";
import { testService } from "./testing/services.ts";

const own = { KAFKA_TEST_PORT: "19392" };
const broker = await testService("kafka", own);
const script = fileURLToPath(new URL("../scripts/services/kafka", import.meta.url));

async function kafka(verb: "start" | "stop"): Promise<void> {
  const child = Bun.spawn([script, verb], { env: { ...process.env, ...own }, stdio: ["ignore", "ignore", "inherit"] });
  expect(await child.exited).toBe(0);
}

afterAll(async () => {
  if (broker !== undefined) await kafka("stop");
});

interface ServeTold {
  readonly api: string;
  readonly frontier: string;
}

test.skipIf(broker === undefined)(
  "Kafka away: what can't be published is answered with an error, a delete is remembered, and stopping does not hang",
  async () => {
    await using folder = await testFolder();
    const suffix = crypto.randomUUID().slice(0, 8);
    const env = {
      KAFKA_BOOTSTRAP_SERVERS: broker!,
      KAFKA_DATA_INGESTION_TOPIC: `ingestion-${suffix}`,
      KAFKA_CONTROL_EVENTS_TOPIC: `control-${suffix}`,
      MATYAN_DATA: folder.path,
      METRICS_PORT: "0",
    };
    const start = () => startService<ServeTold>(["serve", "--port", "0", "--frontier-port", "0"], env, folder.path);
    const statusOf = async (url: string, init?: RequestInit) => {
      const response = await fetch(url, init);
      return { status: response.status, text: await response.text() };
    };
    const runOf = ({ api }: ServeTold) => `${api}/api/v1/rest/runs/r1`;
    {
      await using worker = await startService(["worker", "ingest"], env, folder.path);
      await using serve = await start();
      const { told } = serve;
      const client = await TestConnection.open(`${told.frontier}/api/v1/ws/runs/r1`);
      expect((await client.ask([createRunFrame(), metricFrame("loss", 0, 1)])).status).toBe("ok");
      await eventually("the run", async () =>
        (await statusOf(`${runOf(told)}/info/`)).status === 200 ? true : undefined,
      );
      await worker.end("SIGTERM");

      await kafka("stop");
      const refused = await client.ask(metricFrame("loss", 1, 1));
      expect(refused.status).toBe("error");
      expect(refused.error).toStartWith("internal publish error");
      const deleted = await statusOf(`${runOf(told)}/`, { method: "DELETE" });
      expect([deleted.status, JSON.parse(deleted.text)]).toEqual([
        503,
        expect.objectContaining({ error: expect.anything() }),
      ]);
      expect((await statusOf(`${told.api}/api/v1/rest/runs/search/run/?q=`)).text).not.toContain("r1");
      // Archived or not, the answer does not wait for the event.
      const ready = await eventually("readiness to notice", async () => {
        const { status, text } = await statusOf(`${told.frontier}/health/ready/`);
        return status === 503 ? text : undefined;
      });
      expect((JSON.parse(ready) as { checks: Record<string, string> }).checks).toMatchObject({
        store: "ok",
        blob: "ok",
      });
      expect((await serve.end("SIGTERM")).code).toBe(0);
    }
    await kafka("start");
    await using serve = await start();
    await using _ = await startService(["worker", "ingest"], env, folder.path);
    await eventually("the run to be gone", async () =>
      (await statusOf(`${runOf(serve.told)}/info/`)).status === 404 ? true : undefined,
    );
  },
  240_000,
);
