// The SDK's client of an Azure storage account, and what its errors mean.
import { DefaultAzureCredential, type TokenCredential } from "@azure/identity";
import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { MatyanError } from "../../../formats/error.ts";
import type { AzureSettings } from "../../config/engines.ts";
import type { BlobPlace, Refusal } from "../refusal.ts";

/** @throws MatyanError `usage` when neither a connection string nor an account URL is given, or one can't be read */
export function azureClient(settings: AzureSettings, credential?: TokenCredential): BlobServiceClient {
  const { connectionString, accountUrl } = settings;
  const options = {
    retryOptions: { maxTries: 6, retryDelayInMs: 200, maxRetryDelayInMs: 8_000, tryTimeoutInMs: 120_000 },
  };
  try {
    if (connectionString) return BlobServiceClient.fromConnectionString(connectionString, options);
    if (accountUrl) return new BlobServiceClient(accountUrl, credential ?? new DefaultAzureCredential(), options);
  } catch {
    // What the SDK says may repeat the string, and with it the key.
    throw new MatyanError("usage", `${connectionString ? "AZURE_CONN_STR" : "AZURE_ACCOUNT_URL"} can't be read`, {
      hint: "Copy the connection string from the storage account's access keys, or the account's blob service URL.",
    });
  }
  throw new MatyanError("usage", "no Azure storage account is named", {
    hint: "Set AZURE_CONN_STR, or AZURE_ACCOUNT_URL for the account that the machine is signed in to.",
  });
}

export function accountKeyOf(client: Pick<BlobServiceClient, "credential">): StorageSharedKeyCredential | undefined {
  return client.credential instanceof StorageSharedKeyCredential ? client.credential : undefined;
}

export function azurePlace({ container, connectionString = "" }: AzureSettings, accountUrl: string): BlobPlace {
  const secrets = /(?:AccountKey|SharedAccessSignature)=([^;]+)/gi;
  return {
    name: `the container '${container}' at ${accountUrl.split("?", 1)[0]}`,
    secrets: [...connectionString.matchAll(secrets)].map(([, secret]) => secret!),
    hints: {
      denied:
        "Check AZURE_CONN_STR, or with AZURE_ACCOUNT_URL the identity (AZURE_* variables, a managed identity, `az login`): it needs the role Storage Blob Data Contributor.",
      missing: "Make the container, or name the right one with AZURE_CONTAINER.",
      unreachable:
        "Check the address in AZURE_CONN_STR or AZURE_ACCOUNT_URL and that the service runs, then try again.",
    },
  };
}

export function azureRefusal(error: unknown): Refusal {
  if (!(error instanceof Error)) return { status: undefined, code: "", text: String(error) };
  const { code, statusCode, cause, response } = error as {
    code?: unknown;
    statusCode?: unknown;
    cause?: unknown;
    response?: { headers?: { get?(name: string): string | undefined } };
  };
  const status = typeof statusCode === "number" ? statusCode : undefined;
  // An answer to HEAD has no body; a connection's own code says more than the SDK's REQUEST_SEND_ERROR.
  const said = response?.headers?.get?.("x-ms-error-code");
  const beneath = status === undefined && cause instanceof Error ? (cause as { code?: unknown }).code : undefined;
  const known = [said, beneath, code].find((each): each is string => typeof each === "string" && each !== "");
  const name = error.name === "Error" || error.name === "RestError" ? "" : error.name;
  return { status, code: known ?? name, text: error.message };
}
