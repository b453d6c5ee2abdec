// What the engines of cluster mode are told: the configuration makes these, `open...` of each engine takes them.

/** server/kv/foundationdb */
export interface FoundationDbSettings {
  /** Path of the cluster file. */
  readonly clusterFile: string;
  readonly apiVersion: number;
  /** Path of libfdb_c; undefined for the loader's path and the usual places. */
  readonly library: string | undefined;
  readonly retry: {
    /** Attempts in all, at least 1. */
    readonly maxAttempts: number;
    readonly initialDelaySeconds: number;
    readonly maxDelaySeconds: number;
  };
}

export const saslMechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
export type SaslMechanism = (typeof saslMechanisms)[number];

/** server/bus/kafka */
export interface KafkaSettings {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  readonly topics: { readonly ingestion: string; readonly control: string };
  /** Undefined when brokers ask for no password. */
  readonly sasl: KafkaSasl | undefined;
  /** Undefined for connections in the clear. */
  readonly tls: KafkaTls | undefined;
}

export interface KafkaSasl {
  readonly mechanism: SaslMechanism;
  readonly username: string;
  readonly password: string;
}

export interface KafkaTls {
  /** Paths of PEM files: whom to trust beside the system's authorities, and who we are. */
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly keyPassword: string | undefined;
  /** False trusts any name in the broker's certificate. */
  readonly checkHostname: boolean;
}

export interface ObjectStoreSettings {
  /** How long a presigned URL is good, seconds. */
  readonly presignExpirySeconds: number;
  /** Makes the bucket or container when it is missing; else a missing one is an error. True in development only. */
  readonly createMissing: boolean;
}

/** server/blobs/s3 */
export interface S3Settings extends ObjectStoreSettings {
  /** `http(s)://host[:port]`; addresses are path-style. */
  readonly endpoint: string;
  /** What presigned URLs begin with; undefined for `endpoint`. */
  readonly publicEndpoint: string | undefined;
  /** Empty: the SDK looks for credentials itself. */
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
  readonly region: string;
}

/** server/blobs/gcs. Credentials are the application default ones (GOOGLE_APPLICATION_CREDENTIALS), read by the SDK. */
export interface GcsSettings extends ObjectStoreSettings {
  readonly bucket: string;
  /** STORAGE_EMULATOR_HOST, with its scheme; undefined for Google's own service. */
  readonly emulatorHost: string | undefined;
}

/** server/blobs/azure. Exactly one of connection string and account URL is used; the string comes first. */
export interface AzureSettings extends ObjectStoreSettings {
  readonly container: string;
  readonly connectionString: string | undefined;
  /** With the SDK's default credential (the AZURE_* identity variables). */
  readonly accountUrl: string | undefined;
}
