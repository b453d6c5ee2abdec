// Cluster mode on a real Kafka and real object stores, the store in a folder or FoundationDB: what clients log goes through frontier, Kafka and
// workers; files by upload URLs of the object store; deletes back the same way.
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { azureAddress, azureTestKey, gcsAddress, s3Address, uniqueName } from "./blobs/testing/engines.ts";
import { testKafka, testSettings } from "./bus/kafka/testing.ts";
import { Configuration } from "./config.ts";
import { clusterFile, library, missingFoundationDb } from "./kv/testing/foundationdb.ts";
import { openBlobs, openBus } from "./stack.ts";
import { createRunFrame, metricFrame, TestConnection } from "./testing/connection.ts";
import { testFolder } from "./testing/served.ts";
import { eventually, startService } from "./testing/service.ts";

const broker = await testKafka();

interface ServeTold {
  readonly api: string;
  readonly frontier: string;
  readonly store: string;
  readonly blobs: string;
  readonly bus: string;
}

interface Presigned {
  readonly upload_url: string;
  readonly s3_key: string;
  readonly headers: Record<string, string> | null;
}

interface Place {
  readonly name: string;
  readonly address: string | undefined;
  readonly env: () => Record<string, string>;
  readonly headers: Record<string, string> | null;
  readonly uri: (bucket: string) => string;
  /** The emulator of GCS checks no signature. */
  readonly isSigned: boolean;
}

const bucketOf = (env: Record<string, string>) => env["S3_BUCKET"] ?? env["GCS_BUCKET"] ?? env["AZURE_CONTAINER"]!;

const places: readonly Place[] = [
  {
    name: "S3",
    address: s3Address,
    env: () => ({
      BLOB_BACKEND_TYPE: "s3",
      S3_ENDPOINT: s3Address!,
      S3_ACCESS_KEY: "test-key",
      S3_SECRET_KEY: "test-secret",
      S3_BUCKET: uniqueName(),
    }),
    headers: null,
    uri: (bucket) => `s3://${bucket}/`,
    isSigned: true,
  },
  {
    name: "GCS",
    address: gcsAddress,
    env: () => ({ BLOB_BACKEND_TYPE: "gcs", STORAGE_EMULATOR_HOST: gcsAddress!, GCS_BUCKET: uniqueName() }),
    headers: null,
    uri: (bucket) => `gs://${bucket}/`,
    isSigned: false,
  },
  {
    name: "Azure",
    address: azureAddress,
    env: () => {
      const account = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${azureTestKey}`;
      return {
        BLOB_BACKEND_TYPE: "azure",
        AZURE_CONN_STR: `${account};BlobEndpoint=${azureAddress}/devstoreaccount1`,
        AZURE_CONTAINER: uniqueName(),
      };
    },
    headers: { "x-ms-blob-type": "BlockBlob" },
    uri: (container) => `azure://${container}/`,
    isSigned: true,
  },
];

/** Kafka with topics of its own, and the store in `data`. */
function clusterEnv(data: string): Record<string, string> {
  const { topics } = testSettings(broker!);
  return {
    KAFKA_BOOTSTRAP_SERVERS: broker!,
    KAFKA_DATA_INGESTION_TOPIC: topics.ingestion,
    KAFKA_CONTROL_EVENTS_TOPIC: topics.control,
    MATYAN_DATA: data,
    METRICS_PORT: "0",
  };
}

const serveArgs = ["serve", "--port", "0", "--frontier-port", "0"];

async function answer(url: string, init?: RequestInit): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, body: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text };
}

async function presign(address: string, body: object): Promise<Presigned> {
  const response = await fetch(`${address}/api/v1/rest/artifacts/presign`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const presigned = (await response.json()) as Presigned;
  expect([response.status, Object.keys(presigned)]).toEqual([200, ["upload_url", "s3_key", "headers"]]);
  return presigned;
}

/** As the Python client does it: the content type asked for, and the headers that came along. */
async function put(presigned: Presigned, type: string, bytes: string): Promise<number> {
  const headers = { "content-type": type, ...presigned.headers };
  const response = await fetch(presigned.upload_url, { method: "PUT", headers, body: bytes });
  await response.text();
  return response.status;
}

async function controlEvents(env: Record<string, string>): Promise<Record<string, unknown>[]> {
  const bus = await openBus(new Configuration({ environment: env }).config, { clientId: "test" });
  const events: Record<string, unknown>[] = [];
  for await (const { records } of bus!.read(env["KAFKA_CONTROL_EVENTS_TOPIC"]!))
    for (const { value } of records) events.push(JSON.parse(Buffer.from(value!).toString()));
  await bus!.close();
  return events;
}

/** A run from its first message to its deletion, on the store that `storeEnv` names or the one in a folder. */
async function wholeWay(place: Place, storeEnv: Record<string, string> = {}): Promise<void> {
  await using folder = await testFolder();
  const run = randomBytes(16).toString("hex");
  const env: Record<string, string> = { ...clusterEnv(folder.path), ...place.env(), ...storeEnv };
  await using serve = await startService<ServeTold>(serveArgs, env, folder.path);
  const { api, frontier } = serve.told;
  expect(serve.told).toMatchObject({
    store: "FDB_CLUSTER_FILE" in storeEnv ? "foundationdb" : "embedded",
    blobs: env["BLOB_BACKEND_TYPE"],
    bus: "kafka",
  });
  expect(await answer(`${frontier}/health/ready/`)).toEqual({
    status: 200,
    body: { status: "ok", checks: { store: "ok", blob: "ok", kafka: "ok" } },
  });
  expect(await answer(`${api}/health/ready/`)).toMatchObject({
    status: 200,
    body: { checks: { fdb: "ok", kafka: { control_producer: true, ingestion_producer: true }, blob: "ok" } },
  });

  const client = await TestConnection.open(`${frontier}/api/v1/ws/runs/${run}`);
  const frames = [createRunFrame(), ...[0, 1, 2].map((step) => metricFrame("loss", step, step))];
  expect(await client.ask(frames)).toEqual({ status: "ok", error: null });
  const info = `${api}/api/v1/rest/runs/${run}/info/`;
  // Acknowledged is what Kafka has: nobody stored it yet.
  expect((await answer(info)).status).toBe(404);

  const paths = ["model.pt", "a b/ü %2F+#?&=.txt", "seq/x/1.png", "plain"];
  for (const path of paths) {
    const type = path.endsWith("png") ? "image/png" : "application/octet-stream";
    const presigned = await presign(frontier, { run_id: run, artifact_path: path, content_type: type });
    expect([presigned.s3_key, presigned.headers]).toEqual([`${run}/${path}`, place.headers]);
    // It is good for this key alone.
    const other = { ...presigned, upload_url: presigned.upload_url.replace(`/${run}/`, "/r2/") };
    if (place.isSigned) expect(await put(other, type, "other")).toBe(403);
    expect([path, Math.floor((await put(presigned, type, `of ${path}`)) / 100)]).toEqual([path, 2]);
    const ref = {
      type: "blob_ref",
      run_id: run,
      s3_key: presigned.s3_key,
      artifact_path: path,
      content_type: type,
    };
    expect((await client.ask(ref)).status).toBe("ok");
  }
  await client.close();

  await using ingest = await startService(["worker", "ingest"], env, folder.path);
  await using control = await startService(["worker", "control"], env, folder.path);
  const known = await eventually("the run and its files", async () => {
    const { status, body } = await answer(info);
    const { artifacts = [] } = body as { artifacts?: { path: string; uri: string }[] };
    return status === 200 && artifacts.length === 3 ? artifacts : undefined;
  });
  // Images belong to their sequences.
  expect(known.map(({ path }) => path).toSorted()).toEqual(paths.filter((path) => !path.startsWith("seq/")).toSorted());
  for (const { uri } of known) expect(uri).toStartWith(place.uri(bucketOf(env)));
  for (const { path } of known) {
    const download = `${api}/api/v1/rest/runs/${run}/artifacts/download/?path=${encodeURIComponent(path)}`;
    expect(await (await fetch(download)).text()).toBe(`of ${path}`);
  }

  const archive = {
    method: "PUT",
    body: JSON.stringify({ archived: true }),
    headers: { "content-type": "application/json" },
  };
  expect((await answer(`${api}/api/v1/rest/runs/${run}/`, archive)).status).toBe(200);
  expect((await answer(`${api}/api/v1/rest/runs/${run}/`, { method: "DELETE" })).status).toBe(200);
  await eventually("the run to be gone", async () => ((await answer(info)).status === 404 ? true : undefined));
  const blobs = await openBlobs(new Configuration({ environment: env }).config);
  await eventually("the files to be gone", async () => {
    for await (const __ of blobs.list(`${run}/`)) return undefined;
    return true;
  });
  await blobs.close();
  expect((await controlEvents(env)).map(({ type, payload }) => [type, payload])).toEqual([
    ["run_archived", { run_id: run, archived: true }],
    ["run_deleted", { run_id: run }],
  ]);
  // The cluster may be others' as well: nothing is left in it.
  expect((await answer(`${api}/api/v1/rest/runs/${run}/clear-tombstone/`, { method: "POST" })).status).toBe(204);
  for (const service of [serve, ingest, control]) expect((await service.end("SIGTERM")).code).toBe(0);
}

const throughAll = "what is logged, uploaded and deleted takes its way through the cluster";

describe.each(places.map((place) => [place.name, place] as const))("on %s", (_, place) => {
  test.skipIf(broker === undefined || place.address === undefined)(throughAll, () => wholeWay(place), 120_000);
});

describe("on FoundationDB and S3", () => {
  const isThere = missingFoundationDb === undefined && broker !== undefined && s3Address !== undefined;
  if (missingFoundationDb !== undefined)
    console.warn(`cluster tests on FoundationDB are skipped: ${missingFoundationDb}`);
  test.skipIf(!isThere)(
    throughAll,
    () => wholeWay(places[0]!, { FDB_CLUSTER_FILE: clusterFile!, ...(library && { FDB_LIBRARY: library }) }),
    120_000,
  );
});

const onKafka = test.skipIf(broker === undefined);
const onS3 = test.skipIf(broker === undefined || s3Address === undefined);

onS3(
  "a frontier alone needs Kafka and an object store, and no store",
  async () => {
    await using folder = await testFolder();
    const { MATYAN_DATA: _, ...cluster } = { ...clusterEnv(folder.path), ...places[0]!.env() };
    // As where clients are outside of the network that the services are in.
    const outside = s3Address!.replace("127.0.0.1", "localhost");
    const env: Record<string, string> = { ...cluster, S3_PUBLIC_ENDPOINT: outside, S3_PRESIGN_EXPIRY: "77" };
    await using serve = await startService<ServeTold>(["frontier", "--port", "0"], env, folder.path);
    expect(serve.told).toMatchObject({ api: null, store: "none", blobs: "s3", bus: "kafka" });
    const { frontier } = serve.told;
    expect((await answer(`${frontier}/health/ready/`)).body).toEqual({
      status: "ok",
      checks: { blob: "ok", kafka: "ok" },
    });
    const client = await TestConnection.open(`${frontier}/api/v1/ws/runs/r1`);
    expect((await client.ask(createRunFrame())).status).toBe("ok");
    await client.close();
    const presigned = await presign(frontier, { run_id: "r1", artifact_path: "a" });
    expect(presigned.upload_url).toStartWith(`${outside}/${env["S3_BUCKET"]}/r1/a?`);
    expect(new URL(presigned.upload_url).searchParams.get("X-Amz-Expires")).toBe("77");
    expect(await put(presigned, "application/octet-stream", "bytes")).toBe(200);
    // Our own door for uploads is shut.
    expect((await fetch(`${frontier}/api/v1/blobs/r1/a`, { method: "PUT", body: "x" })).status).toBe(404);
    expect((await serve.end("SIGTERM")).code).toBe(0);
  },
  60_000,
);

onS3(
  "a bucket or topic that is missing ends the start outside of development, and is named",
  async () => {
    await using folder = await testFolder();
    const env: Record<string, string> = {
      ...clusterEnv(folder.path),
      ...places[0]!.env(),
      MATYAN_ENVIRONMENT: "staging",
    };
    const start = (more: Record<string, string>) =>
      startService<ServeTold>(serveArgs, { ...env, ...more }, folder.path);
    expect(start({})).rejects.toThrow(env["S3_BUCKET"]);
    const withoutBucket = { BLOB_BACKEND_TYPE: "folder" };
    expect(start(withoutBucket)).rejects.toThrow(`no topic '${env["KAFKA_DATA_INGESTION_TOPIC"]}'`);
  },
  60_000,
);

onKafka(
  "with blobs in the folder, clients upload to the frontier, and a worker stores what that makes known",
  async () => {
    await using folder = await testFolder();
    const env = clusterEnv(folder.path);
    await using serve = await startService<ServeTold>(serveArgs, env, folder.path);
    await using _ = await startService(["worker", "ingest"], env, folder.path);
    const { api, frontier } = serve.told;
    const presigned = await presign(frontier, { run_id: "r2", artifact_path: "a b" });
    expect(presigned.upload_url).toStartWith(`${frontier}/api/v1/blobs/r2/a%20b?`);
    const client = await TestConnection.open(`${frontier}/api/v1/ws/runs/r2`);
    expect((await client.ask(createRunFrame())).status).toBe("ok");
    await client.close();
    expect(await put(presigned, "application/octet-stream", "bytes")).toBe(200);
    const download = `${api}/api/v1/rest/runs/r2/artifacts/download/?path=a%20b`;
    await eventually("the file", async () => {
      const response = await fetch(download);
      return (await response.text()) === "bytes" ? true : undefined;
    });
  },
  60_000,
);
