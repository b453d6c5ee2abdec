// A server that is killed while two programs log to it: what was acknowledged is there, once.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Repo, Run } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "matyan-kill-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** `matyan serve` as a process. */
async function startServe(port: number) {
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, "..", "main.ts"),
      "serve",
      "--json",
      "--data",
      folder,
      "--port",
      String(port),
      "--frontier-port",
      "0",
    ],
    { stdout: "pipe", stderr: "ignore" },
  );
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  const { api } = JSON.parse(new TextDecoder().decode(value)) as { api: string };
  return { child, api };
}

test("points of two runs survive a server that is killed three times, each exactly once", async () => {
  let serve = await startServe(0);
  const address = serve.api;
  const port = Number(new URL(address).port);
  const quick = { sender: { backoff: { firstMs: 20, longestMs: 200 } }, onProblem: () => undefined, repo: address };
  const total = 10_000;
  const runs = [await Run.open(quick), await Run.open(quick)];
  const logging = Promise.all(
    runs.map(async (run) => {
      for (let i = 0; i < total; i++) {
        await run.track(i, { name: "n", context: { half: i % 2 } });
        if (i % 500 === 499) await Bun.sleep(40);
      }
      return run.close();
    }),
  );
  for (let kills = 0; kills < 3; kills++) {
    await Bun.sleep(150);
    serve.child.kill("SIGKILL");
    await serve.child.exited;
    serve = await startServe(port);
  }
  for (const closed of await logging) expect(closed).toMatchObject({ refused: 0, undelivered: [] });
  for await (const { metrics } of new Repo(address).queryMetrics("", { points: total })) {
    expect(metrics).toHaveLength(2);
    for (const [half, metric] of metrics.entries())
      expect(Array.from(metric.values)).toEqual(
        Array.from({ length: total / 2 }, (_, i) => 2 * i + Number(metrics[half]!.context["half"])),
      );
  }
  serve.child.kill("SIGTERM");
  expect(await serve.child.exited).toBe(0);
}, 60_000);
