// Streams over real connections: failures are seen, clients that leave free everything, slow ones are waited for (W1, W2).
import { afterAll, afterEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { countingReads, makeRun, pointsOf, type ReadCounts } from "../../search/testing.ts";
import type { Store } from "../../store/index.ts";
import { createRun } from "../../store/runs.ts";
import { SequenceWriter } from "../../store/sequences.ts";
import { failureOf, memoryStore } from "../../store/testing.ts";
import { objectsOf, recordsOf, removeTemporaryBlobs, type StreamApi, streamApi, temporaryBlobs } from "./testing.ts";

afterAll(removeTemporaryBlobs);

const servers: Bun.Server<undefined>[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await server.stop(true);
});

function serve(api: StreamApi): URL {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => api.handle(request) });
  servers.push(server);
  return server.url;
}

/** 600 runs with ten metrics of 100 points: some 20 MB of answer. */
async function manyRuns(): Promise<Store> {
  const store = await memoryStore();
  const points = pointsOf(...Array.from({ length: 100 }, (_, i) => i / 3));
  const sequences = Array.from({ length: 10 }, (_, i) => ({ name: `m${i}`, points }));
  for (let i = 0; i < 600; i++) await makeRun(store, { hash: `run-${i}`, createdAt: i + 1, sequences });
  return store;
}
const shared = manyRuns();

async function countedApi(
  before: (counts: ReadCounts) => void = () => {},
): Promise<{ api: StreamApi; counts: ReadCounts; lines: string[] }> {
  const store = await shared;
  const counts: ReadCounts = { snapshots: 0, open: 0, keys: 0 };
  const database = countingReads(store.database, counts, () => before(counts));
  const lines: string[] = [];
  const options = { log: (line: string) => lines.push(line) };
  return { api: streamApi({ ...store, database }, await temporaryBlobs(), options), counts, lines };
}

const searches = ["run?q=", "metric?q=", "metric?q=&report_progress=false"];

test("a failure inside a stream cuts the connection: the client sees an error, never a clean end (W2)", async () => {
  for (const path of searches) {
    const { api, lines } = await countedApi(({ snapshots }) => {
      if (snapshots >= 3) throw new Error("the disk is gone");
    });
    const headers = { "x-request-id": "request-7" };
    const response = await fetch(`${serve(api)}api/v1/rest/runs/search/${path}`, { headers });
    expect(response.status).toBe(200);
    expect(await failureOf(response.bytes())).toBeInstanceOf(Error);
    // Whoever runs the server reads of it once, under the id that the client has.
    const errors = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === "error");
    const url = `/api/v1/rest/runs/search/${path.replace(/\?.*/, "")}`;
    expect(errors).toMatchObject([{ event: "stream cut", method: "GET", path: url, request_id: "request-7" }]);
    expect(errors[0].error).toContain("the disk is gone");
  }
});

test("a failure before the first byte is an error with a status", async () => {
  const { api } = await countedApi(() => {
    throw new Error("the disk is gone");
  });
  const response = await fetch(`${serve(api)}api/v1/rest/runs/search/run?q=`);
  expect(response.status).toBe(500);
});

/** Waits until nothing is read any more. */
async function quiet(counts: ReadCounts): Promise<void> {
  for (let keys = -1; keys !== counts.keys; ) {
    keys = counts.keys;
    await Bun.sleep(300);
  }
}

test("a client that leaves stops the search", async () => {
  const path = "/runs/search/metric?q=&p=500&report_progress=false";
  const { api: whole, counts: all } = await countedApi();
  await (await whole.get(path)).bytes();
  const { api, counts, lines } = await countedApi();
  const leave = new AbortController();
  const response = await fetch(`${serve(api)}api/v1/rest${path}`, { signal: leave.signal });
  await response.body?.getReader().read();
  leave.abort();
  await quiet(counts);
  expect(counts.open).toBe(0);
  expect(counts.keys).toBeLessThan(all.keys / 2);
  expect(lines.filter((line) => line.includes("stream cut"))).toEqual([]);
});

test("a client that does not read is waited for: no snapshot is open and nothing is read ahead meanwhile", async () => {
  const { api, counts } = await countedApi();
  const url = serve(api);
  const socket = connect(Number(url.port), url.hostname);
  sockets.push(socket);
  socket.pause();
  socket.write(`GET /api/v1/rest/runs/search/metric?q=&p=500 HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
  await quiet(counts);
  const { keys } = counts;
  expect(counts.open).toBe(0);
  const { api: other, counts: all } = await countedApi();
  const whole = (await (await other.get("/runs/search/metric?q=&p=500")).bytes()).length;
  expect(whole).toBeGreaterThan(15_000_000);
  expect(keys).toBeLessThan(all.keys / 2);
});

test("a page of many matches ends, however many more there are, and leaves nothing behind (W1)", async () => {
  const { api, counts } = await countedApi();
  const url = serve(api);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => fetch(`${url}api/v1/rest/runs/search/run?limit=45`).then(objectsOf)),
  );
  for (const runs of answers) expect(runs.size).toBe(45);
  expect(counts.open).toBe(0);
});

test("objects of any size and density are read as they are sent, never all at once", async () => {
  const store = await memoryStore();
  // 48 MB in values of 600 kB, each of 7 chunks.
  const figure = new Map([["data", "x".repeat(600_000)]]);
  const points = pointsOf(...Array.from({ length: 80 }, () => figure));
  await makeRun(store, { hash: "big", sequences: [{ name: "f", dtype: "figure", points: points.slice(0, 10) }] });
  const writer = new SequenceWriter(store, { hash: "big", contextId: 0, name: "f" });
  for (let at = 10; at < points.length; at += 10)
    await store.database.transact((tx) => writer.write(tx, points.slice(at, at + 10)));
  const counts: ReadCounts = { snapshots: 0, open: 0, keys: 0 };
  const api = streamApi({ ...store, database: countingReads(store.database, counts) }, await temporaryBlobs());
  for (const density of [50_000, 0, 70]) {
    counts.keys = 0;
    const response = await api.get(`/runs/search/figures?q=&record_density=${density}`);
    const reader = response.body!.getReader();
    await reader.read();
    const first = counts.keys;
    while (!(await reader.read()).done);
    expect(counts.keys).toBeGreaterThan(70 * 7);
    expect([density, first < counts.keys / 2]).toEqual([density, true]);
    expect(counts.open).toBe(0);
  }
});

test("the total of the progress is known from the beginning, never falls, and is true in the end, over many runs", async () => {
  const store = await memoryStore();
  const hashes = Array.from({ length: 6_200 }, (_, i) => `run-${i}`);
  for (let at = 0; at < hashes.length; at += 100)
    await store.database.transact(async (tx) => {
      for (const hash of hashes.slice(at, at + 100)) await createRun(tx, store, hash, { createdAt: 1 + (at % 7) });
    });
  for (const i of [0, 3_000, 6_199])
    await makeRun(store, { hash: `run-${i}`, sequences: [{ name: "m", points: pointsOf(1) }] });
  const api = streamApi(store, await temporaryBlobs());
  const totalsOf = async (path: string) => {
    const frames = (await recordsOf(await api.get(path))).filter(([key]) => String(key).startsWith("progress_"));
    const pairs = frames.map(([, node]) => (node as readonly bigint[]).map(Number));
    expect(pairs.pop()).toEqual([0, 0]);
    return pairs;
  };
  // Every run is looked at: by creation time, from an index that has most of them, and from one that has all.
  for (const path of [
    "run?q=True or run.archived&exclude_params=1",
    "metric?q=True",
    "metric?q=True or run.archived",
  ]) {
    const pairs = await totalsOf(`/runs/search/${path}`);
    expect(pairs.length).toBeGreaterThan(2);
    const totals = pairs.map(([, total]) => total!);
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
    expect(pairs.filter(([checked, total]) => checked! > total!)).toEqual([]);
    expect([path, totals.at(-1)]).toEqual([path, hashes.length]);
    expect(totals[0]!).toBeGreaterThan(0);
  }
  expect((await totalsOf("/runs/search/run?limit=3&exclude_params=1")).at(-1)).toEqual([3, 3]);
  const active = (await recordsOf(await api.get("/runs/active"))).filter(([key]) =>
    String(key).startsWith("progress_"),
  );
  expect((active.at(-1)![1] as readonly bigint[]).map(Number)).toEqual([hashes.length, hashes.length]);
});
