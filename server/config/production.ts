// What production must not be started with (pipeline.md 7.4): defaults of development, public secrets, addresses of this machine.
import type { Choice } from "./choose.ts";
import { inUse } from "./choose.ts";
import { type Problem, withoutSecrets } from "./problems.ts";
import type { Role } from "./types.ts";
import { hasOwnS3Keys, type Settings } from "./values.ts";
import { devS3Key, type Name, publicBlobUriSecret, variables } from "./variables.ts";

/** The existing services check for the exact word, and start unchecked with `Production`. */
export function isProduction(settings: Settings): boolean {
  return settings.values.MATYAN_ENVIRONMENT.trim().toLowerCase() === "production";
}

const hints: Partial<Record<Name, string>> = {
  BLOB_URI_SECRET: "Set it to 32 random bytes in URL-safe base64: openssl rand -base64 32 | tr '+/' '-_'",
  FDB_CLUSTER_FILE: "Set it to the path of the cluster file.",
  KAFKA_BOOTSTRAP_SERVERS: "Set it to the brokers: host:port, several with commas between.",
  S3_ACCESS_KEY: "Set it to the account's key.",
  S3_SECRET_KEY: "Set it to the account's secret.",
  S3_ENDPOINT: "Set it to the address of the S3 service, as https://s3.eu-central-1.amazonaws.com.",
  S3_PUBLIC_ENDPOINT: "Set it to the address at which clients reach the S3 service.",
  STORAGE_EMULATOR_HOST: "Unset it.",
  AZURE_CONN_STR: "Set it to that of the storage account.",
  AZURE_ACCOUNT_URL: "Set it to the storage account's URL.",
};

/**
 * All that is missing for these roles. Other than in the existing services: S3's keys count only where S3 is used, workers
 * need no BLOB_URI_SECRET, the API needs Kafka, and blanks and addresses of this machine are refused everywhere.
 */
export function missingForProduction(settings: Settings, choice: Choice, roles: readonly Role[]): Problem[] {
  const used = inUse(choice, roles);
  const { values } = settings;
  const problems: Problem[] = [];
  const refuse = (name: Name, fault: string, hint = hints[name] ?? `Set it to ${variables[name].kind.wanted}.`) =>
    problems.push({ name, message: `in production, ${name} ${fault}`, hint });
  const mustBeSet = (name: Name) => {
    if (!used.has(name) || settings.isSet(name)) return true;
    refuse(name, settings.all.get(name)!.isBlank ? "must not be blank" : "must be set");
    return false;
  };
  const mustNotBeLocal = (name: Name, address: string | undefined) => {
    const host = used.has(name) && address !== undefined ? localHost(address) : undefined;
    if (host !== undefined) refuse(name, `must not be an address of this machine (${host})`);
  };

  if (used.has("BLOB_URI_SECRET") && mustBeSet("BLOB_URI_SECRET") && sameKey(values.BLOB_URI_SECRET))
    refuse("BLOB_URI_SECRET", "must not be the public key of development");
  if (used.has("FDB_CLUSTER_FILE") && settings.all.get("FDB_CLUSTER_FILE")!.isBlank)
    refuse("FDB_CLUSTER_FILE", "must not be blank");
  for (const name of ["S3_ACCESS_KEY", "S3_SECRET_KEY"] as const)
    if (used.has(name) && hasOwnS3Keys(settings) && mustBeSet(name) && values[name] === devS3Key)
      refuse(name, "must not be the key of development");
  if (mustBeSet("S3_ENDPOINT")) mustNotBeLocal("S3_ENDPOINT", values.S3_ENDPOINT);
  mustNotBeLocal("S3_PUBLIC_ENDPOINT", values.S3_PUBLIC_ENDPOINT);
  for (const name of ["S3_BUCKET", "GCS_BUCKET", "AZURE_CONTAINER"] as const)
    if (used.has(name) && settings.all.get(name)!.isBlank) refuse(name, "must not be blank");
  if (used.has("STORAGE_EMULATOR_HOST") && values.STORAGE_EMULATOR_HOST !== undefined)
    refuse("STORAGE_EMULATOR_HOST", "must not be set: it stands for an emulator");
  if (used.has("AZURE_CONN_STR") && isEmulator(values.AZURE_CONN_STR))
    refuse("AZURE_CONN_STR", "must not be that of an emulator");
  mustNotBeLocal("AZURE_ACCOUNT_URL", values.AZURE_ACCOUNT_URL);
  if (mustBeSet("KAFKA_BOOTSTRAP_SERVERS"))
    for (const broker of values.KAFKA_BOOTSTRAP_SERVERS) mustNotBeLocal("KAFKA_BOOTSTRAP_SERVERS", `kafka://${broker}`);
  return problems;
}

function sameKey(secret: string): boolean {
  return secret.replace(/=+$/, "") === publicBlobUriSecret.replace(/=+$/, "");
}

function isEmulator(connection: string | undefined): boolean {
  return connection !== undefined && /UseDevelopmentStorage\s*=\s*true|devstoreaccount1/i.test(connection);
}

/** The host of an address that only this machine can reach. */
function localHost(address: string): string | undefined {
  const { hostname } = new URL(address);
  const isLocal = /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[::1\]|\[::\])$/i.test(hostname);
  return isLocal ? withoutSecrets(hostname) : undefined;
}
