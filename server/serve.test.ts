// One process that is the whole system: starting, stopping, dying, and its neighbours.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { openEmbeddedStack } from "./embedded.ts";
import { floatPoints } from "./frontier/testing.ts";
import { deleteRun } from "./store/deletion.ts";
import { requestDelete } from "./store/runs.ts";
import { createRunFrame, metricFrame, TestConnection } from "./testing/connection.ts";
import { matyan, type Served, startServed, testFolder } from "./testing/served.ts";

const okStatus = { status: "ok" };

async function json(url: string): Promise<unknown> {
  return await (await fetch(url)).json();
}

async function logTo(address: string, run: string, steps: number): Promise<void> {
  const client = await TestConnection.open(`${address}/api/v1/ws/runs/${run}`);
  expect((await client.ask(createRunFrame())).status).toBe("ok");
  for (let step = 0; step < steps; step++)
    expect((await client.ask(metricFrame("loss", step, step))).status).toBe("ok");
  await client.close();
}

async function stepsStored(data: string, run: string): Promise<number[]> {
  await using stack = await openEmbeddedStack({ dataDir: data, durability: "normal" }, { missing: "fail" });
  return Object.keys(await floatPoints(stack.store, run, "loss")).map(Number);
}

test("API and frontier answer on their ports, the frontier's routes on both, and the rest of the API only on its own", async () => {
  await using folder = await testFolder();
  await using served = await startServed({ data: folder.path });
  for (const address of [served.api, served.frontier]) {
    expect(await json(`${address}/health/live/`)).toEqual(okStatus);
    expect(await json(`${address}/health/ready`)).toMatchObject({ status: "ok", checks: { blob: "ok" } });
    const body = JSON.stringify({ run_id: "r", artifact_path: "a" });
    const presigned = (await (
      await fetch(`${address}/api/v1/rest/artifacts/presign`, { method: "POST", body })
    ).json()) as {
      upload_url: string;
    };
    expect(presigned.upload_url).toStartWith(`${address}/api/v1/blobs/r/a?`);
    await logTo(address, `of${new URL(address).port}`, 2);
  }
  expect(await json(`${served.frontier}/api/v1/rest/version`)).toMatchObject({ component: "frontier" });
  expect(await json(`${served.api}/api/v1/rest/version/`)).toMatchObject({ component: "backend" });
  expect((await fetch(`${served.frontier}/api/v1/rest/projects/`)).status).toBe(404);
  expect((await fetch(`${served.api}/api/v1/rest/projects/`)).status).toBe(200);
  const metrics = await (await fetch(`${served.frontier}/metrics`)).text();
  expect(metrics).toContain('matyan_ws_messages_total{message_type="log_metric"} 4');
  expect(metrics).toContain("matyan_ws_connections_active ");
  expect(metrics).toContain("matyan_apply_messages_applied_total ");
  expect((await fetch(served.api)).headers.get("content-type")).toContain("text/plain");
  expect(await (await fetch(served.api)).text()).toContain("run `matyan ui install`");
});

test("SIGTERM under load: what was acknowledged is stored, the exit code is 0, and no note of the server is left", async () => {
  await using folder = await testFolder();
  await using served = await startServed({ data: folder.path });
  const acknowledged: number[] = [];
  const client = await TestConnection.open(`${served.frontier}/api/v1/ws/runs/run1`);
  await client.ask(createRunFrame());
  const frame = (step: number) => JSON.stringify(metricFrame("loss", step, step));
  for (let step = 0; step < 2_000; step++) client.send(frame(step));
  for (let step = 0; step < 100; step++) acknowledged.push(step) && expect((await client.next()).status).toBe("ok");
  const start = performance.now();
  const ended = served.end("SIGTERM");
  for (let step = 100; ; step++) {
    const reply = await client.next().catch(() => undefined);
    if (reply === undefined) break;
    expect(reply.status).toBe("ok");
    acknowledged.push(step);
  }
  expect((await client.closed).code).toBe(1001);
  expect(await ended).toEqual({ code: 0, errors: "" });
  expect(performance.now() - start).toBeLessThan(10_000);
  const stored = await stepsStored(folder.path, "run1");
  expect(stored).toEqual(acknowledged);
  expect((await readdir(folder.path)).filter((name) => name.endsWith(".json"))).toEqual([]);
}, 60_000);

test("a second SIGINT ends the process at once", async () => {
  await using folder = await testFolder();
  await using served = await startServed({ data: folder.path });
  process.kill(served.pid, "SIGINT");
  const { code } = await served.end("SIGINT");
  // The first one may have been enough already.
  expect([0, 130]).toContain(code!);
}, 60_000);

test("a second server on a folder is refused and names the first one; other commands may use the folder", async () => {
  await using folder = await testFolder();
  await using served = await startServed({ data: folder.path });
  await logTo(served.api, "run1", 1);
  const second = await matyan("serve", "--data", folder.path, "--port", "0", "--frontier-port", "0");
  expect(second.code).toBe(1);
  expect(second.errors).toContain(`is already served by process ${served.pid} (${served.api}, ${served.frontier})`);
  const listed = await matyan("runs", "ls", "--data", folder.path, "--json");
  expect(listed.code).toBe(0);
  expect(listed.out).toContain("run1");
}, 60_000);

test("after kill -9 the next server starts without anybody's help, with all that was acknowledged", async () => {
  await using folder = await testFolder();
  for (let round = 0; round < 3; round++) {
    await using served = await startServed({ data: folder.path });
    await logTo(served.frontier, `run${round}`, 5);
    await served.end("SIGKILL");
  }
  for (let round = 0; round < 3; round++)
    expect(await stepsStored(folder.path, `run${round}`)).toEqual([0, 1, 2, 3, 4]);
}, 60_000);

test("upload URLs stay valid over a restart", async () => {
  await using folder = await testFolder();
  const first = await startServed({ data: folder.path });
  const body = JSON.stringify({ run_id: "r", artifact_path: "a" });
  const presigned = await fetch(`${first.api}/api/v1/rest/artifacts/presign`, { method: "POST", body });
  const url = new URL(((await presigned.json()) as { upload_url: string }).upload_url);
  await first.end("SIGKILL");
  await using second = await startServed({ data: folder.path });
  url.port = new URL(second.api).port;
  expect((await fetch(url, { method: "PUT", body: "bytes" })).status).toBe(200);
}, 60_000);

test("a port in use, a folder that is a file, a UI that is none: each an error that names it, and exit code 1 or 2", async () => {
  await using folder = await testFolder();
  await using served = await startServed({ data: join(folder.path, "one") });
  const serve = (...args: readonly string[]) => matyan("serve", ...args);
  const two = join(folder.path, "two");
  const taken = await serve("--data", two, "--port", new URL(served.api).port);
  expect([taken.code, taken.errors]).toEqual([
    1,
    expect.stringContaining(`port ${new URL(served.api).port} of 127.0.0.1 is in use`),
  ]);
  expect(taken.errors).toContain("--port");
  const frontier = await serve("--data", two, "--port", "0", "--frontier-port", new URL(served.api).port);
  expect([frontier.code, frontier.errors]).toEqual([1, expect.stringContaining("--frontier-port")]);
  const file = join(folder.path, "file");
  await Bun.write(file, "x");
  const bad = await serve("--data", file, "--port", "0");
  expect([bad.code, bad.errors]).toEqual([1, expect.stringContaining(`can't use the data folder ${file}`)]);
  const ui = await serve("--data", two, "--port", "0", "--frontier-port", "0", "--ui", join(folder.path, "none"));
  expect([ui.code, ui.errors]).toEqual([1, expect.stringContaining("there is no web UI at")]);
  const host = await serve("--data", two, "--port", "0", "--host", "203.0.113.7");
  expect([host.code, host.errors]).toEqual([2, expect.stringContaining("'203.0.113.7' is no address of this machine")]);
  // None of them kept the folder.
  await using works = await startServed({ data: two });
  expect(await json(`${works.api}/health/live`)).toEqual(okStatus);
}, 60_000);

test("roles: an API and a frontier share a folder, each with only its own routes", async () => {
  await using folder = await testFolder();
  // One is asked for both ports and opens its own.
  const start = async (role: string): Promise<Served> =>
    await startServed({ data: folder.path, args: ["--role", role] });
  await using api = await start("api");
  await using frontier = await start("frontier");
  expect([api.frontier, frontier.api]).toEqual([null, null] as unknown as string[]);
  await logTo(frontier.frontier, "run1", 3);
  expect(await json(`${api.api}/api/v1/rest/runs/run1/info/`)).toMatchObject({ props: { active: true } });
  expect((await fetch(`${api.api}/api/v1/ws/runs/run1`)).status).toBe(404);
  const again = await matyan("serve", "--data", folder.path, "--port", "0", "--frontier-port", "0", "--role", "api");
  expect([again.code, again.errors]).toEqual([1, expect.stringContaining("already served")]);
}, 60_000);

test("a run that was hidden for its delete when the server died is deleted by the next one", async () => {
  await using folder = await testFolder();
  {
    await using served = await startServed({ data: folder.path });
    await logTo(served.api, "run1", 3);
  }
  {
    await using stack = await openEmbeddedStack({ dataDir: folder.path, durability: "normal" }, { missing: "fail" });
    await stack.database.transact((tx) => requestDelete(tx, stack.store, "run1", 1));
  }
  await using served = await startServed({ data: folder.path });
  while ((await stepsStored(folder.path, "run1")).length > 0) await Bun.sleep(10);
  while ((await fetch(`${served.api}/api/v1/rest/runs/run1/info/`)).status !== 404) await Bun.sleep(10);
}, 60_000);

test("a delete that a crash cut short is finished by the next server", async () => {
  await using folder = await testFolder();
  const blob = join(folder.path, "blobs", "run1");
  {
    await using served = await startServed({ data: folder.path });
    await logTo(served.api, "run1", 3);
  }
  await mkdir(blob, { recursive: true });
  await Bun.write(join(blob, "a.txt"), "left behind");
  {
    await using stack = await openEmbeddedStack({ dataDir: folder.path, durability: "normal" }, { missing: "fail" });
    // Stopped after the first transaction, as a crash would.
    const cutShort = deleteRun(stack.store, "run1", { now: 1, files: "later", signal: AbortSignal.abort() });
    await cutShort.catch(() => undefined);
    expect(Object.keys(await floatPoints(stack.store, "run1", "loss"))).toHaveLength(3);
  }
  await using served = await startServed({ data: folder.path });
  while (existsSync(join(blob, "a.txt"))) await Bun.sleep(10);
  expect(await stepsStored(folder.path, "run1")).toEqual([]);
  expect((await fetch(`${served.api}/api/v1/rest/runs/run1/info/`)).status).toBe(404);
}, 60_000);
