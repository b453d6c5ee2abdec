// The whole configuration of a process: what is set and from where, what follows from it, and whether a role can start with it.
import { resolve } from "node:path";
import { MatyanError } from "../../formats/error.ts";
import { type Choice, choose, contradictions, inUse } from "./choose.ts";
import type { AzureSettings, FoundationDbSettings, GcsSettings, KafkaSettings, S3Settings } from "./engines.ts";
import { ConfigError, type Problem } from "./problems.ts";
import { isProduction, missingForProduction } from "./production.ts";
import type { LogLevel, Role } from "./types.ts";
import { hasOwnS3Keys, Settings, type Sources } from "./values.ts";
import { type Name, variables } from "./variables.ts";

export type StoreSettings =
  | { readonly engine: "embedded" }
  | ({ readonly engine: "foundationdb" } & FoundationDbSettings)
  /** Kafka without a store: enough for a frontier. */
  | { readonly engine: "none" };

export type BlobSettings =
  | { readonly engine: "folder" }
  | ({ readonly engine: "s3" } & S3Settings)
  | ({ readonly engine: "gcs" } & GcsSettings)
  | ({ readonly engine: "azure" } & AzureSettings);

/** What every command works with. */
export interface Config {
  readonly mode: "embedded" | "cluster";
  /** Absolute path of the folder that holds the embedded store and its blobs, and the web UI. */
  readonly dataDir: string;
  /** What an acknowledged commit of the embedded store survives: `full` a power cut, `normal` only the end of the process. */
  readonly durability: "full" | "normal";
  readonly store: StoreSettings;
  readonly blobs: BlobSettings;
  /** Where buckets and topics that are missing are made. */
  readonly isDevelopment: boolean;
  /** Undefined in embedded mode. */
  readonly kafka: KafkaSettings | undefined;
  /** What is wrong with all that. Whoever opens the store or blobs refuses with it; commands that do neither don't care. */
  readonly fault: ConfigError | undefined;
}

/** What the REST API takes from the environment. */
export interface ApiSettings {
  /** Origins whose pages may call the API; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** A Fernet key, which blob URIs are sealed with. */
  readonly blobUriSecret: string;
  /** Whether requests are counted. */
  readonly metricsEnabled: boolean;
  readonly logLevel: LogLevel;
}

/** What servers take from the environment; options come before it. */
export interface ServeSettings {
  /** The address to listen on. */
  readonly host: string;
  readonly port: number;
  readonly frontierPort: number;
  /** How long an upload URL is good, seconds. */
  readonly presignExpirySeconds: number;
  /** Scheme, host and port of our own upload URLs; undefined for the address that the client used. */
  readonly uploadOrigin: string | undefined;
  /** The largest blob of our own upload URLs, bytes. */
  readonly maxUploadBytes: number;
  /** How long stopping waits for what was taken to be on the bus, seconds. */
  readonly flushSeconds: number;
}

export interface WorkerSettings {
  readonly batchMessages: number;
  readonly batchWaitMs: number;
  /** Bounds of one transaction. */
  readonly transaction: { readonly messages: number; readonly bytes: number };
  /** Undefined for no health and metrics. */
  readonly metricsPort: number | undefined;
  readonly logLevel: LogLevel;
}

export interface JobSettings {
  readonly tombstoneHours: number;
  /** 0 for no lock. */
  readonly lockSeconds: number;
}

/** pipeline.md 7.2, 7.3: what the existing services take when nothing is set. */
export const apiDefaults: ApiSettings = {
  corsOrigins: variables.CORS_ORIGINS.default,
  blobUriSecret: variables.BLOB_URI_SECRET.default,
  metricsEnabled: variables.METRICS_ENABLED.default,
  logLevel: variables.LOG_LEVEL.default,
};

const productionHeading = "MATYAN_ENVIRONMENT is production, and these settings are not fit for it";

export class Configuration {
  readonly settings: Settings;
  readonly choice: Choice;

  /** @throws MatyanError `usage` when `--data` is empty. All else that is wrong is among the problems. */
  constructor(sources: Sources) {
    if (sources.options?.["MATYAN_DATA"]?.trim() === "")
      throw new MatyanError("usage", "--data names no folder", { hint: "Give a folder, or leave the option out." });
    this.settings = new Settings(sources);
    this.choice = choose(this.settings);
  }

  get isDevelopment(): boolean {
    return this.settings.values.MATYAN_ENVIRONMENT.trim().toLowerCase() === "development";
  }

  get isProduction(): boolean {
    return isProduction(this.settings);
  }

  /** What keeps processes of these roles from starting; the rules of production not among it. */
  problems(roles: readonly Role[]): Problem[] {
    const { settings, choice } = this;
    return [...settings.problemsOf(inUse(choice, roles)), ...contradictions(settings, choice, roles)];
  }

  /** The same with the rules of production, if they are to be kept; of one variable only what comes first. */
  allProblems(roles: readonly Role[], isProduction: boolean = this.isProduction): Problem[] {
    const problems = this.problems(roles);
    if (!isProduction) return problems;
    const wrong = new Set(problems.map(({ name }) => name));
    const missing = missingForProduction(this.settings, this.choice, roles);
    return [...problems, ...missing.filter(({ name }) => !wrong.has(name))];
  }

  /** The variables that count for processes of these roles. */
  inUse(roles: readonly Role[]): ReadonlySet<Name> {
    return inUse(this.choice, roles);
  }

  /** All that keeps processes of these roles from starting, in production its rules too. */
  fault(roles: readonly Role[]): ConfigError | undefined {
    const problems = this.allProblems(roles);
    if (problems.length === 0) return undefined;
    return new ConfigError(problems, this.isProduction ? productionHeading : undefined);
  }

  /** @throws ConfigError */
  check(roles: readonly Role[]): void {
    const fault = this.fault(roles);
    if (fault !== undefined) throw fault;
  }

  /** For a service, which starts only when all is well. @throws ConfigError */
  configFor(roles: readonly Role[]): Config {
    this.check(roles);
    return { ...this.config, fault: undefined };
  }

  get config(): Config {
    const { values } = this.settings;
    return {
      mode: this.choice.mode,
      dataDir: resolve(values.MATYAN_DATA),
      durability: values.MATYAN_DURABILITY,
      store: this.#store(),
      blobs: this.#blobs(),
      kafka: this.#kafka(),
      isDevelopment: this.isDevelopment,
      fault: this.fault(["jobs"]),
    };
  }

  get api(): ApiSettings {
    const { values } = this.settings;
    return {
      corsOrigins: values.CORS_ORIGINS,
      blobUriSecret: values.BLOB_URI_SECRET,
      metricsEnabled: values.METRICS_ENABLED,
      logLevel: values.LOG_LEVEL,
    };
  }

  get serve(): ServeSettings {
    const { values } = this.settings;
    return {
      host: values.MATYAN_HOST,
      port: values.MATYAN_PORT,
      frontierPort: values.MATYAN_FRONTIER_PORT,
      presignExpirySeconds: values.S3_PRESIGN_EXPIRY,
      uploadOrigin: values.MATYAN_UPLOAD_ORIGIN,
      maxUploadBytes: values.MATYAN_MAX_UPLOAD_BYTES,
      flushSeconds: values.SHUTDOWN_FLUSH_TIMEOUT,
    };
  }

  get worker(): WorkerSettings {
    const { values } = this.settings;
    return {
      batchMessages: values.INGEST_BATCH_SIZE,
      batchWaitMs: values.INGEST_BATCH_TIMEOUT_MS,
      transaction: { messages: values.INGEST_MAX_MESSAGES_PER_TXN, bytes: values.INGEST_MAX_TXN_BYTES },
      metricsPort: values.METRICS_PORT > 0 ? values.METRICS_PORT : undefined,
      logLevel: values.LOG_LEVEL,
    };
  }

  get jobs(): JobSettings {
    const { values } = this.settings;
    return {
      tombstoneHours: values.TOMBSTONE_CLEANUP_OLDER_THAN_HOURS,
      lockSeconds: values.CLEANUP_JOB_LOCK_TTL_SECONDS,
    };
  }

  #store(): StoreSettings {
    const { values } = this.settings;
    if (this.choice.store !== "foundationdb") return { engine: this.choice.store ?? "none" };
    return {
      engine: "foundationdb",
      clusterFile: resolve(values.FDB_CLUSTER_FILE),
      apiVersion: values.FDB_API_VERSION,
      library: values.FDB_LIBRARY,
      retry: {
        maxAttempts: values.FDB_RETRY_MAX_ATTEMPTS,
        initialDelaySeconds: values.FDB_RETRY_INITIAL_DELAY_SEC,
        maxDelaySeconds: values.FDB_RETRY_MAX_DELAY_SEC,
      },
    };
  }

  #blobs(): BlobSettings {
    const { values } = this.settings;
    const shared = {
      presignExpirySeconds: values.S3_PRESIGN_EXPIRY,
      createMissing: this.isDevelopment,
    };
    switch (this.choice.blobs) {
      case "folder":
        return { engine: "folder" };
      case "s3":
        return {
          engine: "s3",
          endpoint: values.S3_ENDPOINT,
          publicEndpoint: values.S3_PUBLIC_ENDPOINT,
          // Both blank: the SDK looks for credentials itself (AWS_* variables, profiles, the role of machine or pod).
          accessKey: hasOwnS3Keys(this.settings) ? values.S3_ACCESS_KEY : "",
          secretKey: hasOwnS3Keys(this.settings) ? values.S3_SECRET_KEY : "",
          bucket: values.S3_BUCKET,
          region: values.S3_REGION,
          ...shared,
        };
      case "gcs":
        return { engine: "gcs", bucket: values.GCS_BUCKET, emulatorHost: values.STORAGE_EMULATOR_HOST, ...shared };
      case "azure":
        return {
          engine: "azure",
          container: values.AZURE_CONTAINER,
          connectionString: values.AZURE_CONN_STR,
          accountUrl: values.AZURE_ACCOUNT_URL,
          ...shared,
        };
    }
  }

  #kafka(): KafkaSettings | undefined {
    const { values } = this.settings;
    if (this.choice.bus === "embedded") return undefined;
    const protocol = values.KAFKA_SECURITY_PROTOCOL ?? "PLAINTEXT";
    const { KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = values;
    const hasPassword = protocol.startsWith("SASL") && username !== undefined && password !== undefined;
    return {
      brokers: values.KAFKA_BOOTSTRAP_SERVERS,
      topics: { ingestion: values.KAFKA_DATA_INGESTION_TOPIC, control: values.KAFKA_CONTROL_EVENTS_TOPIC },
      sasl: hasPassword ? { mechanism: values.KAFKA_SASL_MECHANISM ?? "PLAIN", username, password } : undefined,
      tls: protocol.endsWith("SSL")
        ? {
            caFile: values.KAFKA_SSL_CAFILE,
            certFile: values.KAFKA_SSL_CERTFILE,
            keyFile: values.KAFKA_SSL_KEYFILE,
            keyPassword: values.KAFKA_SSL_PASSWORD,
            checkHostname: values.KAFKA_SSL_CHECK_HOSTNAME,
          }
        : undefined,
    };
  }
}
