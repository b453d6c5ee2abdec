// Which engines follow from what is set: the rules of docs/configuration.md, each with a case.
import { describe, expect, test } from "bun:test";
import { Configuration } from "./configuration.ts";

type Case = readonly [set: Record<string, string>, data: string | undefined, engines: string];

const fdb = { FDB_CLUSTER_FILE: "fdb.cluster" };
const kafka = { KAFKA_BOOTSTRAP_SERVERS: "kafka:9092" };
const data = { MATYAN_DATA: "/srv/matyan" };
const embedded = "embedded: embedded folder embedded";
const cluster = "cluster: foundationdb s3 kafka";
const mixed = "cluster: embedded folder kafka";

/** What is set, what `--data` says, and mode: store blobs bus. */
const cases: readonly Case[] = [
  [{}, undefined, embedded],
  [{}, "d", embedded],
  [data, undefined, embedded],
  [{ BLOB_BACKEND_TYPE: "s3" }, undefined, embedded],
  [fdb, undefined, cluster],
  [kafka, undefined, "cluster: undefined s3 kafka"],
  [{ ...fdb, ...kafka }, undefined, cluster],
  [{ ...fdb, ...data }, undefined, cluster],
  [fdb, "d", embedded],
  [{ ...kafka, ...data }, undefined, mixed],
  [kafka, "d", mixed],
  [{ ...kafka, ...fdb }, "d", mixed],
  [{ ...kafka, ...data, BLOB_BACKEND_TYPE: "gcs" }, undefined, "cluster: embedded gcs kafka"],
  [{ ...fdb, BLOB_BACKEND_TYPE: "folder" }, undefined, "cluster: foundationdb folder kafka"],
  [{ ...fdb, BLOB_BACKEND_TYPE: "azure" }, undefined, "cluster: foundationdb azure kafka"],
  [{ ...fdb, ...kafka, MATYAN_MODE: "embedded" }, undefined, embedded],
  [{ MATYAN_MODE: "cluster" }, undefined, cluster],
  [{ MATYAN_MODE: "cluster", ...data }, undefined, mixed],
  [{ MATYAN_MODE: "cluster", ...fdb }, "d", mixed],
  [{ MATYAN_MODE: "CLUSTER", ...fdb, FDB_CLUSTER_FILE: "" }, undefined, cluster],
];

test("mode, store, blobs and bus follow from what is set", () => {
  for (const [environment, folder, engines] of cases) {
    const { choice } = new Configuration({ environment, options: { MATYAN_DATA: folder } });
    const { mode, store, blobs, bus } = choice;
    expect([environment, folder, `${mode}: ${store} ${blobs} ${bus}`]).toEqual([environment, folder, engines]);
  }
});

test("Kafka without a store is enough for a frontier over an object store; all others are told to name one", () => {
  const problems = (role: "frontier" | "api" | "ingest-worker" | "jobs", more: Record<string, string> = {}) =>
    new Configuration({ environment: { ...kafka, ...more } }).problems([role]).map(({ message }) => message);
  const wanted = ["KAFKA_BOOTSTRAP_SERVERS is set, but no store is named"];
  expect(problems("frontier")).toEqual([]);
  for (const role of ["api", "ingest-worker", "jobs"] as const) expect(problems(role)).toEqual(wanted);
  expect(problems("frontier", { BLOB_BACKEND_TYPE: "folder" })).toEqual(wanted);
});

describe("contradictions", () => {
  const problems = (environment: Record<string, string>) =>
    new Configuration({ environment: { ...fdb, ...environment } }).problems(["api"]).map(({ name }) => name);

  test("SASL needs user and password, a certificate its key, Azure an account", () => {
    expect(problems({ KAFKA_SECURITY_PROTOCOL: "SASL_SSL", KAFKA_SASL_USERNAME: "u" })).toEqual([
      "KAFKA_SASL_PASSWORD",
    ]);
    expect(problems({ KAFKA_SSL_CERTFILE: "c.pem" })).toEqual(["KAFKA_SSL_KEYFILE"]);
    expect(problems({ BLOB_BACKEND_TYPE: "azure" })).toEqual(["AZURE_CONN_STR"]);
    expect(problems({ BLOB_BACKEND_TYPE: "azure", AZURE_ACCOUNT_URL: "https://a.blob.core.windows.net" })).toEqual([]);
  });
});

test("what engines are told is what was set", () => {
  const { config } = new Configuration({
    environment: {
      ...fdb,
      FDB_CLUSTER_FILE: "/etc/fdb.cluster",
      FDB_LIBRARY: "/lib/libfdb_c.so",
      FDB_RETRY_MAX_ATTEMPTS: "9",
      KAFKA_BOOTSTRAP_SERVERS: "a:1,b:2",
      KAFKA_SECURITY_PROTOCOL: "SASL_SSL",
      KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
      KAFKA_SASL_USERNAME: "u",
      KAFKA_SASL_PASSWORD: "p",
      KAFKA_SSL_CAFILE: "ca.pem",
      S3_ENDPOINT: "http://s3:9000/",
      S3_PUBLIC_ENDPOINT: "https://files.example.org",
      MATYAN_ENVIRONMENT: "staging",
      S3_PRESIGN_EXPIRY: "60",
    },
  });
  expect(config.store).toEqual({
    engine: "foundationdb",
    clusterFile: "/etc/fdb.cluster",
    apiVersion: 730,
    library: "/lib/libfdb_c.so",
    retry: { maxAttempts: 9, initialDelaySeconds: 0.05, maxDelaySeconds: 2 },
  });
  expect(config.blobs).toEqual({
    engine: "s3",
    endpoint: "http://s3:9000",
    publicEndpoint: "https://files.example.org",
    accessKey: "rustfsadmin",
    secretKey: "rustfsadmin",
    bucket: "matyan-artifacts",
    region: "us-east-1",
    presignExpirySeconds: 60,
    createMissing: false,
  });
  expect(config.kafka).toEqual({
    brokers: ["a:1", "b:2"],
    topics: { ingestion: "data-ingestion", control: "control-events" },
    sasl: { mechanism: "SCRAM-SHA-512", username: "u", password: "p" },
    tls: { caFile: "ca.pem", certFile: undefined, keyFile: undefined, keyPassword: undefined, checkHostname: true },
  });
  const plain = new Configuration({ environment: { ...kafka, ...data, KAFKA_SASL_USERNAME: "u" } }).config.kafka!;
  expect([plain.sasl, plain.tls]).toEqual([undefined, undefined]);
  expect(new Configuration({ environment: {} }).config.kafka).toBeUndefined();
});

test("a worker without a port for metrics has 0 or less", () => {
  const port = (METRICS_PORT: string) => new Configuration({ environment: { METRICS_PORT } }).worker.metricsPort;
  expect(["0", "-1", "9101", ""].map(port)).toEqual([undefined, undefined, 9_101, 9_090]);
});
