// The rules of production: what each role is refused with, and where the existing services are wrong.
import { describe, expect, test } from "bun:test";
import { Configuration } from "./configuration.ts";
import type { Role } from "./types.ts";
import { publicBlobUriSecret } from "./variables.ts";

const secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const s3 = { S3_ACCESS_KEY: "a", S3_SECRET_KEY: "b", S3_ENDPOINT: "https://s3.example.org" };
const fit = {
  MATYAN_ENVIRONMENT: "production",
  FDB_CLUSTER_FILE: "/etc/foundationdb/fdb.cluster",
  KAFKA_BOOTSTRAP_SERVERS: "kafka:9092",
  BLOB_URI_SECRET: secret,
  ...s3,
};

function refused(role: Role, environment: Record<string, string | undefined>): string[] {
  const problems = new Configuration({ environment }).allProblems([role]);
  return problems.map(({ message }) => message.replace("in production, ", ""));
}

const allRoles: readonly Role[] = ["api", "frontier", "ingest-worker", "control-worker", "jobs"];

test("a deployment that sets what it must is fit in every role", () => {
  for (const role of allRoles) expect([role, refused(role, fit)]).toEqual([role, []]);
});

test("a bare cluster is told all that is missing at once, each role what it needs", () => {
  const bare = { MATYAN_ENVIRONMENT: "production", MATYAN_MODE: "cluster" };
  const s3Missing = ["S3_ACCESS_KEY must be set", "S3_SECRET_KEY must be set", "S3_ENDPOINT must be set"];
  const kafkaMissing = "KAFKA_BOOTSTRAP_SERVERS must be set";
  expect(refused("api", bare)).toEqual(["BLOB_URI_SECRET must be set", ...s3Missing, kafkaMissing]);
  expect(refused("frontier", bare)).toEqual([...s3Missing, kafkaMissing]);
  expect(refused("ingest-worker", bare)).toEqual([kafkaMissing]);
  expect(refused("control-worker", bare)).toEqual([...s3Missing, kafkaMissing]);
  expect(refused("jobs", bare)).toEqual(s3Missing);
});

test("the same without production is fine, and so is production's word in another case or by its alias", () => {
  expect(refused("api", { MATYAN_MODE: "cluster" })).toEqual([]);
  expect(refused("jobs", { MATYAN_MODE: "cluster", MATYAN_ENVIRONMENT: " Production" })).toHaveLength(3);
  expect(refused("jobs", { MATYAN_MODE: "cluster", ENVIRONMENT: "PRODUCTION" })).toHaveLength(3);
});

describe("each rule", () => {
  const api = (more: Record<string, string | undefined>) => refused("api", { ...fit, ...more });

  test("secrets and keys of development are refused, blanks too", () => {
    expect(api({ BLOB_URI_SECRET: publicBlobUriSecret })).toEqual([
      "BLOB_URI_SECRET must not be the public key of development",
    ]);
    expect(api({ BLOB_URI_SECRET: publicBlobUriSecret.replace("=", "") })).toHaveLength(1);
    expect(api({ BLOB_URI_SECRET: "" })).toEqual(["BLOB_URI_SECRET must not be blank"]);
    expect(api({ BLOB_URI_SECRET: "no key" })).toEqual(["BLOB_URI_SECRET is no Fernet key"]);
    expect(api({ S3_ACCESS_KEY: "rustfsadmin" })).toEqual(["S3_ACCESS_KEY must not be the key of development"]);
    expect(api({ S3_SECRET_KEY: " " })).toEqual(["S3_SECRET_KEY must not be blank"]);
    // Both blank: the SDK's own credentials.
    expect(api({ S3_ACCESS_KEY: "", S3_SECRET_KEY: "" })).toEqual([]);
    expect(api({ FDB_CLUSTER_FILE: "", MATYAN_MODE: "cluster" })).toEqual(["FDB_CLUSTER_FILE must not be blank"]);
  });

  test("addresses of this machine are refused wherever they stand", () => {
    for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0", "a.localhost"]) {
      expect(api({ S3_ENDPOINT: `http://${host}:9000` })).toHaveLength(1);
      expect(api({ KAFKA_BOOTSTRAP_SERVERS: `kafka:9092,${host}:9092` })).toHaveLength(1);
    }
    expect(refused("frontier", { ...fit, S3_PUBLIC_ENDPOINT: "http://localhost:9000" })).toEqual([
      "S3_PUBLIC_ENDPOINT must not be an address of this machine (localhost)",
    ]);
  });

  test("other object stores have rules of their own, and S3's keys no longer count", () => {
    const other = { S3_ACCESS_KEY: undefined, S3_SECRET_KEY: undefined, S3_ENDPOINT: undefined };
    expect(api({ ...other, BLOB_BACKEND_TYPE: "gcs" })).toEqual([]);
    expect(api({ ...other, BLOB_BACKEND_TYPE: "gcs", GCS_BUCKET: "" })).toEqual(["GCS_BUCKET must not be blank"]);
    expect(api({ ...other, BLOB_BACKEND_TYPE: "gcs", STORAGE_EMULATOR_HOST: "gcs:4443" })).toHaveLength(1);
    expect(api({ ...other, BLOB_BACKEND_TYPE: "azure" })).toHaveLength(1);
    expect(api({ ...other, BLOB_BACKEND_TYPE: "azure", AZURE_ACCOUNT_URL: "https://a.blob.core.windows.net" })).toEqual(
      [],
    );
    const emulator = { BLOB_BACKEND_TYPE: "azure", AZURE_CONN_STR: "UseDevelopmentStorage=true" };
    expect(api({ ...other, ...emulator })).toEqual(["AZURE_CONN_STR must not be that of an emulator"]);
  });

  test("workers need no secret of the API (W32), and the API needs Kafka (9.4)", () => {
    const { BLOB_URI_SECRET: _, ...withoutSecret } = fit;
    for (const role of ["ingest-worker", "control-worker", "frontier", "jobs"] as const)
      expect(refused(role, withoutSecret)).toEqual([]);
    const { KAFKA_BOOTSTRAP_SERVERS: __, ...withoutKafka } = fit;
    expect(refused("api", withoutKafka)).toEqual(["KAFKA_BOOTSTRAP_SERVERS must be set"]);
  });

  test("one data folder in production needs only a secret of its own", () => {
    const alone = { MATYAN_ENVIRONMENT: "production" };
    expect(refused("api", alone)).toEqual(["BLOB_URI_SECRET must be set"]);
    expect(refused("api", { ...alone, BLOB_URI_SECRET: secret })).toEqual([]);
    expect(refused("jobs", alone)).toEqual([]);
  });
});

test("a refusal names everything in one error, without secrets", () => {
  const configuration = new Configuration({
    environment: {
      ...fit,
      KAFKA_BOOTSTRAP_SERVERS: "",
      S3_SECRET_KEY: "hunter2",
      S3_ENDPOINT: "http://localhost",
      BLOB_URI_SECRET: "",
    },
  });
  const { message, code } = configuration.fault(["api"])!;
  expect(code).toBe("usage");
  expect(message).toStartWith("MATYAN_ENVIRONMENT is production");
  for (const name of ["KAFKA_BOOTSTRAP_SERVERS", "S3_ENDPOINT", "BLOB_URI_SECRET"]) expect(message).toContain(name);
  expect(message).not.toContain("hunter2");
});
