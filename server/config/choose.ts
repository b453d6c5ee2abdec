// Which engines a process works with: one data folder, or those of a cluster, or some of each.
import type { Problem } from "./problems.ts";
import type { Role } from "./types.ts";
import type { Settings } from "./values.ts";
import { type Group, type Name, names, variables } from "./variables.ts";

export interface Choice {
  readonly mode: "embedded" | "cluster";
  /** What decided, for people: `KAFKA_BOOTSTRAP_SERVERS is set`. */
  readonly because: string;
  /** Undefined when Kafka is there and no store is named: enough for a frontier. */
  readonly store: "embedded" | "foundationdb" | undefined;
  readonly blobs: "folder" | "s3" | "gcs" | "azure";
  readonly bus: "embedded" | "kafka";
}

/**
 * MATYAN_MODE decides; without it, cluster mode follows from KAFKA_BOOTSTRAP_SERVERS, and from FDB_CLUSTER_FILE unless a folder
 * was named by `--data`. In cluster mode the store is that folder's, else FoundationDB when FDB_CLUSTER_FILE is set, else that
 * of MATYAN_DATA, else FoundationDB if the mode was asked for by name.
 */
export function choose(settings: Settings): Choice {
  const { values } = settings;
  const dataSource = settings.all.get("MATYAN_DATA")!.source;
  const hasCluster = settings.isSet("FDB_CLUSTER_FILE");
  const hasKafka = settings.isSet("KAFKA_BOOTSTRAP_SERVERS");
  const isNamed = values.MATYAN_MODE !== undefined;
  const because = isNamed
    ? "MATYAN_MODE says so"
    : hasKafka
      ? "KAFKA_BOOTSTRAP_SERVERS is set"
      : dataSource === "option"
        ? "--data names a folder"
        : hasCluster
          ? "FDB_CLUSTER_FILE is set"
          : "neither FDB_CLUSTER_FILE nor KAFKA_BOOTSTRAP_SERVERS is set";
  const isCluster = isNamed ? values.MATYAN_MODE === "cluster" : hasKafka || (hasCluster && dataSource !== "option");
  if (!isCluster) return { mode: "embedded", because, store: "embedded", blobs: "folder", bus: "embedded" };
  const byFolder = dataSource === "default" ? undefined : "embedded";
  const store =
    dataSource === "option"
      ? "embedded"
      : hasCluster
        ? "foundationdb"
        : (byFolder ?? (isNamed ? "foundationdb" : undefined));
  const blobs = values.BLOB_BACKEND_TYPE ?? (store === "embedded" ? "folder" : "s3");
  return { mode: "cluster", because, store, blobs, bus: "kafka" };
}

/** The variables that count for processes of these roles: those of engines that are not chosen do not. */
export function inUse(choice: Choice, roles: readonly Role[]): ReadonlySet<Name> {
  const isUsed: Partial<Record<Group, boolean>> = {
    foundationdb: choice.store === "foundationdb",
    kafka: choice.bus === "kafka",
    s3: choice.blobs === "s3",
    gcs: choice.blobs === "gcs",
    azure: choice.blobs === "azure",
    ignored: false,
  };
  const deciding: readonly Name[] = [
    "MATYAN_MODE",
    ...(choice.mode === "cluster" ? (["BLOB_BACKEND_TYPE"] as const) : []),
  ];
  const isShared = (name: Name) => name === "S3_PRESIGN_EXPIRY";
  return new Set(
    names.filter((name) => {
      const { group, roles: readers } = variables[name];
      if (deciding.includes(name)) return true;
      return (isShared(name) || (isUsed[group] ?? group !== "blobs")) && readers.some((role) => roles.includes(role));
    }),
  );
}

/** What can't be, although each value is sound. */
export function contradictions(settings: Settings, choice: Choice, roles: readonly Role[]): Problem[] {
  const { values } = settings;
  const problems: Problem[] = [];
  const used = inUse(choice, roles);
  const needsStore = roles.some((role) => role !== "frontier") || choice.blobs === "folder";
  if (choice.store === undefined && needsStore)
    problems.push({
      name: "FDB_CLUSTER_FILE",
      message: "KAFKA_BOOTSTRAP_SERVERS is set, but no store is named",
      hint: "Set FDB_CLUSTER_FILE, or name the folder of an embedded store with MATYAN_DATA or --data.",
    });
  if (used.has("KAFKA_SASL_USERNAME") && values.KAFKA_SECURITY_PROTOCOL?.startsWith("SASL"))
    for (const name of ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"] as const)
      if (values[name] === undefined)
        problems.push({
          name,
          message: `KAFKA_SECURITY_PROTOCOL is ${values.KAFKA_SECURITY_PROTOCOL}, but ${name} is not set`,
          hint: "Set user name and password, or a protocol without SASL.",
        });
  if (
    used.has("KAFKA_SSL_CERTFILE") &&
    values.KAFKA_SSL_CERTFILE !== undefined &&
    values.KAFKA_SSL_KEYFILE === undefined
  )
    problems.push({
      name: "KAFKA_SSL_KEYFILE",
      message: "KAFKA_SSL_CERTFILE is set, but KAFKA_SSL_KEYFILE is not",
      hint: "Set it to the PEM file of the certificate's private key.",
    });
  if (used.has("AZURE_CONN_STR") && values.AZURE_CONN_STR === undefined && values.AZURE_ACCOUNT_URL === undefined)
    problems.push({
      name: "AZURE_CONN_STR",
      message: "BLOB_BACKEND_TYPE is azure, but neither AZURE_CONN_STR nor AZURE_ACCOUNT_URL is set",
      hint: "Set the connection string, or the account's URL for the default credential.",
    });
  return problems;
}
