// Every variable: what it holds, what it is without being set, who reads it. docs/configuration.md shows this table.
import { saslMechanisms } from "./engines.ts";
import type { Kind } from "./kinds.ts";
import * as kinds from "./kinds.ts";
import type { Role } from "./types.ts";

/** Variables of a group are read only where what they configure is in use. */
export const groups = {
  mode: "Mode and data",
  serve: "Serving",
  foundationdb: "FoundationDB",
  kafka: "Kafka",
  blobs: "Object stores",
  s3: "S3",
  gcs: "Google Cloud Storage",
  azure: "Azure Blob Storage",
  workers: "Workers",
  jobs: "Jobs",
  ignored: "Accepted and without effect",
} as const;
export type Group = keyof typeof groups;

export interface Variable<T> {
  readonly kind: Kind<T>;
  readonly default: T;
  readonly group: Group;
  readonly roles: readonly Role[];
  /** One or two sentences in Markdown. */
  readonly about: string;
  /** Never shown, not even where it is wrong. */
  readonly secret?: true;
  /** Read when the variable itself is not set. */
  readonly alias?: string;
}

const everyone: readonly Role[] = ["api", "frontier", "ingest-worker", "control-worker", "jobs"];
const servers: readonly Role[] = ["api", "frontier"];
const workers: readonly Role[] = ["ingest-worker", "control-worker"];
const services: readonly Role[] = [...servers, ...workers];
const withStore: readonly Role[] = ["api", ...workers, "jobs"];
/** What the ingestion worker stores has no blobs in it. */
const withBlobs: readonly Role[] = ["api", "frontier", "control-worker", "jobs"];
const nobody: readonly Role[] = [];

interface Facts {
  readonly group: Group;
  readonly roles: readonly Role[];
  readonly about: string;
  readonly secret?: true;
  readonly alias?: string;
}

function variable<T>(kind: Kind<T>, fallback: NoInfer<T>, facts: Facts): Variable<T> {
  return { kind, default: fallback, ...facts };
}

/** A variable that has no value unless it is set. */
function optional<T>(kind: Kind<T>, facts: Facts): Variable<T | undefined> {
  return {
    kind: { ...kind, format: (value) => (value === undefined ? "" : kind.format(value)) },
    default: undefined,
    ...facts,
  };
}

/** The key that the existing services use when none is set. It is public. */
export const publicBlobUriSecret = "Juw5-cLlemQI2jAWvceOUB3_CrVfBmI99YIzkpGUXR4=";
export const devS3Key = "rustfsadmin";
export const defaultDataDir = "./.matyan";

const mode = {
  MATYAN_MODE: optional(kinds.choice(["embedded", "cluster"]), {
    group: "mode",
    roles: everyone,
    about: "One data folder, or the distributed engines. Without it see [Mode](#mode).",
  }),
  MATYAN_ENVIRONMENT: variable(kinds.text, "development", {
    group: "mode",
    roles: everyone,
    alias: "ENVIRONMENT",
    about: "`production` refuses to start with defaults of development; buckets are made only in `development`.",
  }),
  MATYAN_DATA: variable(kinds.text, defaultDataDir, {
    group: "mode",
    roles: everyone,
    about: "Folder of the embedded store, its blobs and the web UI. `--data` comes before it.",
  }),
  MATYAN_DURABILITY: variable(kinds.choice(["full", "normal"]), "full", {
    group: "mode",
    roles: withStore,
    about: "What a commit of the embedded store survives: a power cut, or only the end of the process.",
  }),
  LOG_LEVEL: variable(kinds.logLevel, "info", {
    group: "mode",
    roles: services,
    about: "With `info` and `debug` a line of JSON for each request.",
  }),
};

const serve = {
  MATYAN_HOST: variable(kinds.text, "127.0.0.1", {
    group: "serve",
    roles: servers,
    about: "Address to listen on. `--host` comes before it.",
  }),
  MATYAN_PORT: variable(kinds.integer(0, 65_535), 53_800, {
    group: "serve",
    roles: ["api"],
    about: "Port of API and web UI. `--port` comes before it.",
  }),
  MATYAN_FRONTIER_PORT: variable(kinds.integer(0, 65_535), 53_801, {
    group: "serve",
    roles: ["frontier"],
    about: "Port of the frontier. `--frontier-port` comes before it.",
  }),
  CORS_ORIGINS: variable(
    kinds.origins,
    [
      ...["3000", "8000", "8080", "53800"].map((port) => `http://localhost:${port}`),
      ...["8000", "53800"].map((port) => `http://127.0.0.1:${port}`),
    ],
    {
      group: "serve",
      roles: ["api"],
      about: "Origins whose pages may call the API: a JSON list, or with commas between; `*` for all.",
    },
  ),
  BLOB_URI_SECRET: variable(kinds.fernetKey, publicBlobUriSecret, {
    group: "serve",
    roles: ["api"],
    secret: true,
    about: "A Fernet key, which the URIs of images and audio are sealed with. The default is public.",
  }),
  METRICS_ENABLED: variable(kinds.flag, true, {
    group: "serve",
    roles: servers,
    about: "Whether HTTP requests are counted.",
  }),
  S3_PRESIGN_EXPIRY: variable(kinds.integer(1, 7 * 86_400), 3_600, {
    group: "serve",
    roles: ["frontier"],
    about: "How long an upload URL is good, seconds: of every object store and of our own.",
  }),
  MATYAN_UPLOAD_ORIGIN: optional(kinds.origin, {
    group: "serve",
    roles: ["frontier"],
    about: "Scheme, host and port of our own upload URLs; without it the address that the client used.",
  }),
  MATYAN_MAX_UPLOAD_BYTES: variable(kinds.size(1), 100 * 1024 ** 3, {
    group: "serve",
    roles: ["frontier"],
    about: "The largest blob that our own upload URLs take, in bytes or as `20GB` or `20GiB`.",
  }),
  SHUTDOWN_FLUSH_TIMEOUT: variable(kinds.float(0), 5, {
    group: "serve",
    roles: ["frontier"],
    about: "How long stopping waits for what was taken to be on Kafka, seconds; at most 8 in all.",
  }),
};

const foundationdb = {
  FDB_CLUSTER_FILE: variable(kinds.text, "fdb.cluster", {
    group: "foundationdb",
    roles: withStore,
    about: "Path of the cluster file. Set, it chooses cluster mode.",
  }),
  FDB_API_VERSION: variable(kinds.integer(700, 730), 730, {
    group: "foundationdb",
    roles: withStore,
    about: "Version of the client API.",
  }),
  FDB_LIBRARY: optional(kinds.text, {
    group: "foundationdb",
    roles: withStore,
    about: "Path of `libfdb_c`; without it the loader's path and the usual places.",
  }),
  FDB_RETRY_MAX_ATTEMPTS: variable(kinds.integer(1, 1_000), 5, {
    group: "foundationdb",
    roles: withStore,
    about: "Attempts at a transaction in all.",
  }),
  FDB_RETRY_INITIAL_DELAY_SEC: variable(kinds.float(0), 0.05, {
    group: "foundationdb",
    roles: withStore,
    about: "Pause before the second attempt, seconds; it doubles.",
  }),
  FDB_RETRY_MAX_DELAY_SEC: variable(kinds.float(0), 2, {
    group: "foundationdb",
    roles: withStore,
    about: "The longest pause, seconds.",
  }),
};

const kafka = {
  KAFKA_BOOTSTRAP_SERVERS: variable(kinds.brokers, ["localhost:9092"], {
    group: "kafka",
    roles: services,
    about: "Brokers, with commas between. Set, it chooses cluster mode.",
  }),
  KAFKA_DATA_INGESTION_TOPIC: variable(kinds.topic, "data-ingestion", {
    group: "kafka",
    roles: ["api", "frontier", "ingest-worker"],
    about: "Topic of what clients log.",
  }),
  KAFKA_CONTROL_EVENTS_TOPIC: variable(kinds.topic, "control-events", {
    group: "kafka",
    roles: ["api", ...workers],
    about: "Topic of what follows from changes: blobs to delete.",
  }),
  KAFKA_SECURITY_PROTOCOL: optional(kinds.choice(["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), {
    group: "kafka",
    roles: services,
    about: "How brokers are spoken to; PLAINTEXT without it. The two with SSL work here.",
  }),
  KAFKA_SASL_MECHANISM: optional(kinds.choice(saslMechanisms), {
    group: "kafka",
    roles: services,
    about: "For the two protocols with SASL; PLAIN without it.",
  }),
  KAFKA_SASL_USERNAME: optional(kinds.text, { group: "kafka", roles: services, about: "For SASL." }),
  KAFKA_SASL_PASSWORD: optional(kinds.text, { group: "kafka", roles: services, secret: true, about: "For SASL." }),
  KAFKA_SSL_CAFILE: optional(kinds.text, {
    group: "kafka",
    roles: services,
    about: "PEM file of authorities to trust; without it the system's.",
  }),
  KAFKA_SSL_CERTFILE: optional(kinds.text, {
    group: "kafka",
    roles: services,
    about: "PEM file of our certificate, when brokers ask for one.",
  }),
  KAFKA_SSL_KEYFILE: optional(kinds.text, { group: "kafka", roles: services, about: "PEM file of its private key." }),
  KAFKA_SSL_PASSWORD: optional(kinds.text, {
    group: "kafka",
    roles: services,
    secret: true,
    about: "Of the private key, when it is encrypted.",
  }),
  KAFKA_SSL_CHECK_HOSTNAME: variable(kinds.flag, true, {
    group: "kafka",
    roles: services,
    about: "Whether a broker's certificate must bear its name.",
  }),
};

const blobs = {
  BLOB_BACKEND_TYPE: optional(kinds.choice(["s3", "gcs", "azure", "folder"]), {
    group: "blobs",
    roles: withBlobs,
    about:
      "Where blobs are in cluster mode: `s3` without it, `folder` (of the data folder) when the store is embedded.",
  }),
  S3_ENDPOINT: variable(kinds.url, "http://localhost:9000", {
    group: "s3",
    roles: withBlobs,
    about: "Address of the S3 service; buckets follow in the path.",
  }),
  S3_PUBLIC_ENDPOINT: optional(kinds.url, {
    group: "s3",
    roles: ["frontier"],
    about: "What upload URLs begin with, when clients reach the service by another address.",
  }),
  S3_ACCESS_KEY: variable(kinds.text, devS3Key, {
    group: "s3",
    roles: withBlobs,
    about:
      "Key of the account. With both keys set to nothing the SDK finds credentials itself: `AWS_*` variables, profiles, the role of machine or pod.",
  }),
  S3_SECRET_KEY: variable(kinds.text, devS3Key, { group: "s3", roles: withBlobs, secret: true, about: "Its secret." }),
  S3_BUCKET: variable(kinds.bucket, "matyan-artifacts", { group: "s3", roles: withBlobs, about: "The bucket." }),
  S3_REGION: variable(kinds.text, "us-east-1", { group: "s3", roles: withBlobs, about: "The region." }),
  GCS_BUCKET: variable(kinds.bucket, "matyan-artifacts", {
    group: "gcs",
    roles: withBlobs,
    about: "The bucket. Credentials are the application default ones (`GOOGLE_APPLICATION_CREDENTIALS`).",
  }),
  STORAGE_EMULATOR_HOST: optional(kinds.emulatorHost, {
    group: "gcs",
    roles: withBlobs,
    about: "Address of an emulator instead of Google's service.",
  }),
  AZURE_CONTAINER: variable(kinds.bucket, "matyan-artifacts", {
    group: "azure",
    roles: withBlobs,
    about: "The container.",
  }),
  AZURE_CONN_STR: optional(kinds.text, {
    group: "azure",
    roles: withBlobs,
    secret: true,
    about: "Connection string; it comes before the account's URL.",
  }),
  AZURE_ACCOUNT_URL: optional(kinds.url, {
    group: "azure",
    roles: withBlobs,
    about: "Account URL, for the SDK's default credential (`AZURE_*` identity variables).",
  }),
};

const work = {
  INGEST_BATCH_SIZE: variable(kinds.integer(1, 1_000_000), 200, {
    group: "workers",
    roles: ["ingest-worker"],
    about: "Messages taken at a time, at most.",
  }),
  INGEST_BATCH_TIMEOUT_MS: variable(kinds.integer(0, 60_000), 100, {
    group: "workers",
    roles: ["ingest-worker"],
    about: "How long a batch is waited for, milliseconds.",
  }),
  INGEST_MAX_MESSAGES_PER_TXN: variable(kinds.integer(1, 1_000_000), 100, {
    group: "workers",
    roles: ["ingest-worker"],
    about: "Messages of one transaction, at most.",
  }),
  INGEST_MAX_TXN_BYTES: variable(kinds.integer(1_000, 10_000_000), 8_388_608, {
    group: "workers",
    roles: ["ingest-worker"],
    about: "Estimated bytes of one transaction, at most.",
  }),
  METRICS_PORT: variable(kinds.integer(-65_535, 65_535), 9_090, {
    group: "workers",
    roles: workers,
    about: "Port of a worker's health and metrics; 0 or less for none.",
  }),
  TOMBSTONE_CLEANUP_OLDER_THAN_HOURS: variable(kinds.integer(0), 168, {
    group: "jobs",
    roles: ["jobs"],
    about: "Tombstones younger than this stay.",
  }),
  CLEANUP_JOB_LOCK_TTL_SECONDS: variable(kinds.integer(0), 0, {
    group: "jobs",
    roles: ["jobs"],
    about: "How long a job's lock holds without being renewed; 0 for no lock.",
  }),
};

function ignored(fallback: string, about: string): Variable<string> {
  return variable(kinds.text, fallback, { group: "ignored", roles: nobody, about });
}

/** Of the existing services: deployments that set them need not be changed. */
const withoutEffect = {
  HOST: ignored("0.0.0.0", "The existing frontier does not read it either: see `MATYAN_HOST`."),
  PORT: ignored("53801", "The existing frontier does not read it either: see `MATYAN_FRONTIER_PORT`."),
  SERVER_URL: ignored("http://localhost:53800", "The existing backend does not use it either."),
  PROJECT_PARAMS_CACHE_TTL: ignored("30", "Answers follow the store, without a cache that ages."),
  PROJECT_PARAMS_CACHE_MAXSIZE: ignored("32", "As above."),
  RUN_SEARCH_QUEUE_MAXSIZE: ignored("256", "Streams wait for their reader; there is no queue."),
  LAZY_METRIC_QUEUE_MAXSIZE: ignored("256", "As above."),
  CUSTOM_SEARCH_QUEUE_MAXSIZE: ignored("128", "As above."),
  METRIC_CANDIDATE_RUN_CONCURRENCY: ignored("2", "Reads are batched by the store."),
  METRIC_TRACE_CHUNK_CONCURRENCY: ignored("2", "As above."),
  FDB_THREAD_POOL_SIZE: ignored("16", "There is no thread pool."),
  QUERY_TIMING_ENABLED: ignored("false", "`LOG_LEVEL=info` logs how long each request took."),
};

export const variables = { ...mode, ...serve, ...foundationdb, ...kafka, ...blobs, ...work, ...withoutEffect };

export type Name = keyof typeof variables;
export type Values = { readonly [N in Name]: (typeof variables)[N] extends Variable<infer T> ? T : never };
export const names = Object.keys(variables) as Name[];

/** What `names` are of, when the kinds do not matter. */
export function variableOf(name: Name): Variable<unknown> {
  return variables[name] as Variable<unknown>;
}
