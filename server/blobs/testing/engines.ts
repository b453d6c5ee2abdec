// The blob stores that tests run on: the folder always, object stores where `scripts/test --services` started a server.
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { S3Settings } from "../../config/engines.ts";
import { testService } from "../../testing/services.ts";
import { openFolderBlobs } from "../folder.ts";
import type { BlobStore } from "../index.ts";
import { openS3Blobs } from "../s3/index.ts";

export interface TestEngine {
  readonly name: string;
  /** False when this machine can't have the server, or nobody asked for it. */
  readonly available: boolean;
  /** An empty store in a place of its own. */
  open(): Promise<TestStore>;
  /** Keys that this very server can't hold, though the service that it stands for can. */
  readonly cannotHold: (key: string) => boolean;
  /** Whether it lists in the order of UTF-8 bytes, as the service that it stands for does. */
  readonly listsInOrder: boolean;
}

export interface TestStore {
  readonly blobs: BlobStore;
  dispose(): Promise<void>;
}

const common = { presignExpirySeconds: 600, createMissing: true };

/** Of scripts/services/s3. */
export function s3TestSettings(endpoint: string, bucket = uniqueName()): S3Settings {
  const keys = { accessKey: "test-key", secretKey: "test-secret" };
  return { ...common, ...keys, endpoint, publicEndpoint: undefined, bucket, region: "us-east-1" };
}

export function uniqueName(): string {
  return `test-${randomUUID()}`;
}

export const s3Address = await testService("s3");

const folder: TestEngine = {
  name: "a folder",
  available: true,
  cannotHold: () => false,
  listsInOrder: true,
  async open() {
    const dir = await mkdtemp(join(tmpdir(), "matyan-blobs-"));
    const blobs = await openFolderBlobs(join(dir, "blobs"));
    return { blobs, dispose: () => rm(dir, { recursive: true, force: true }) };
  },
};

const s3: TestEngine = {
  name: "S3 (versitygw)",
  available: s3Address !== undefined,
  cannotHold: () => false,
  listsInOrder: true,
  open: () => opened(openS3Blobs(s3TestSettings(s3Address!))),
};

async function opened(blobs: BlobStore): Promise<TestStore> {
  await blobs.check();
  return { blobs, dispose: () => blobs.close() };
}

export const engines: readonly TestEngine[] = [folder, s3];
