// The SDK's client of Google Cloud Storage or its emulator, and what its errors mean.
import { IdempotencyStrategy, Storage, type StorageOptions } from "@google-cloud/storage";
import type { GcsSettings } from "../../config/engines.ts";
import type { BlobPlace, Refusal } from "../refusal.ts";

/** Credentials are the application default ones; the emulator gets none. */
export function gcsClient({ emulatorHost }: GcsSettings, options: StorageOptions): Storage {
  const storage = new Storage({
    ...(emulatorHost === undefined ? {} : { apiEndpoint: emulatorHost, projectId: "emulated" }),
    ...options,
    retryOptions: {
      // All that is written here may be written twice.
      idempotencyStrategy: IdempotencyStrategy.RetryAlways,
      maxRetries: 5,
      maxRetryDelay: 8,
      totalTimeout: 60,
      ...options.retryOptions,
    },
  });
  // Where STORAGE_EMULATOR_HOST is set, the SDK leaves the API's path out of its addresses.
  if (emulatorHost !== undefined) storage.baseUrl = `${storage.apiEndpoint}/storage/v1`;
  return storage;
}

export function gcsPlace({ bucket, emulatorHost }: GcsSettings): BlobPlace {
  return {
    name: `the bucket '${bucket}' ${emulatorHost === undefined ? "in Google Cloud Storage" : `at ${emulatorHost}`}`,
    secrets: [],
    hints: {
      denied:
        "Name a service account's key file with GOOGLE_APPLICATION_CREDENTIALS, or run where one is attached; it needs the role Storage Object Admin for this bucket.",
      missing: "Make the bucket, or name the right one with GCS_BUCKET.",
      unreachable:
        emulatorHost === undefined
          ? "Check the network's way to storage.googleapis.com, then try again."
          : "Check STORAGE_EMULATOR_HOST and that the emulator runs, then try again.",
    },
  };
}

export function gcsRefusal(error: unknown): Refusal {
  if (!(error instanceof Error)) return { status: undefined, code: "", text: String(error) };
  const { code, status, cause } = error as { code?: unknown; status?: unknown; cause?: unknown };
  const answered = [status, code].map(Number).find((each) => each >= 100 && each < 600);
  if (answered !== undefined) return { status: answered, code: "", text: spoken(error.message) };
  // A failed connection's own code lies beneath the SDK's wrappings.
  if (typeof code !== "string" && cause instanceof Error) return gcsRefusal(cause);
  return { status: undefined, code: typeof code === "string" ? code : "", text: error.message };
}

/** The message of the service, which comes as JSON from some requests. */
function spoken(message: string): string {
  try {
    const parsed = JSON.parse(message) as { error?: { message?: unknown } };
    return typeof parsed.error?.message === "string" ? parsed.error.message : message;
  } catch {
    return message;
  }
}
