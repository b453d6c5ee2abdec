// The blob stores that tests run on: the folder always, object stores where `scripts/test --services` started a server.
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AzureSettings, GcsSettings, S3Settings } from "../../config/engines.ts";
import { testService } from "../../testing/services.ts";
import { openAzureBlobs } from "../azure/index.ts";
import { openFolderBlobs } from "../folder.ts";
import { openGcsBlobs } from "../gcs/index.ts";
import type { BlobStore } from "../index.ts";
import { openS3Blobs } from "../s3/index.ts";

export interface TestEngine {
  readonly name: string;
  /** False when this machine can't have the server, or nobody asked for it. */
  readonly available: boolean;
  /** An empty store in a place of its own. */
  open(): Promise<TestStore>;
  /** Whether the engine refuses the key, as the service that it is for can't name it. */
  readonly refuses: (key: string) => boolean;
  /** Keys that this very server can't hold, though the service that it stands for can. */
  readonly cannotHold: (key: string) => boolean;
  /** False where `a` and `a/b` can't both be, since a folder is beneath. */
  readonly holdsNested: boolean;
  /** The order that it lists in: UTF-8 bytes, but for one emulator. */
  readonly order: (a: string, b: string) => number;
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

export function gcsTestSettings(emulatorHost: string, bucket = uniqueName()): GcsSettings {
  return { ...common, bucket, emulatorHost };
}

/** The emulator's own account and key, which are the same everywhere. */
export const azureTestKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

export function azureTestSettings(address: string, container = uniqueName(), key = azureTestKey): AzureSettings {
  const account = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${key}`;
  const connectionString = `${account};BlobEndpoint=${address}/devstoreaccount1`;
  return { ...common, container, connectionString, accountUrl: undefined };
}

export function uniqueName(): string {
  return `test-${randomUUID()}`;
}

export const [s3Address, s3MemoryAddress, gcsAddress, azureAddress] = await Promise.all([
  testService("s3"),
  testService("s3-memory"),
  testService("gcs"),
  testService("azure"),
]);

const none = () => false;
const hasDots = (key: string) => key.split("/").some((segment) => segment === "." || segment === "..");
const byUtf8 = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const byUtf16 = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

export const engines: readonly TestEngine[] = [
  {
    name: "a folder",
    available: true,
    refuses: none,
    cannotHold: none,
    holdsNested: true,
    order: byUtf8,
    async open() {
      const dir = await mkdtemp(join(tmpdir(), "matyan-blobs-"));
      const blobs = await openFolderBlobs(join(dir, "blobs"));
      return { blobs, dispose: () => rm(dir, { recursive: true, force: true }) };
    },
  },
  {
    name: "S3 (versitygw)",
    available: s3Address !== undefined,
    refuses: hasDots,
    // It keeps objects as files.
    cannotHold: (key) =>
      /^\/|\/\/|\/$|\u0000/.test(key) || key.split("/").some((segment) => Buffer.byteLength(segment) > 255),
    holdsNested: false,
    order: byUtf8,
    open: () => opened(openS3Blobs(s3TestSettings(s3Address!))),
  },
  {
    name: "S3 (moto)",
    available: s3MemoryAddress !== undefined,
    refuses: hasDots,
    cannotHold: (key) => /[\t\n]/.test(key),
    holdsNested: true,
    order: byUtf8,
    open: () => opened(openS3Blobs(s3TestSettings(s3MemoryAddress!))),
  },
  {
    name: "GCS (fake-gcs-server)",
    available: gcsAddress !== undefined,
    refuses: (key) => hasDots(key) || /[\r\n]/.test(key),
    cannotHold: none,
    holdsNested: true,
    order: byUtf8,
    open: () => opened(openGcsBlobs(gcsTestSettings(gcsAddress!))),
  },
  {
    name: "Azure (azurite)",
    available: azureAddress !== undefined,
    refuses: (key) => hasDots(key) || /[\u0000-\u001f\\]/.test(key),
    cannotHold: none,
    holdsNested: true,
    order: byUtf16,
    open: () => opened(openAzureBlobs(azureTestSettings(azureAddress!))),
  },
];

async function opened(blobs: BlobStore): Promise<TestStore> {
  await blobs.check();
  return { blobs, dispose: () => blobs.close() };
}

/** All of a blob, or undefined when there is none. */
export async function readAll(
  blobs: BlobStore,
  key: string,
  range?: { start: number; end?: number },
): Promise<Buffer | undefined> {
  const chunks = await blobs.get(key, { range });
  return chunks === undefined ? undefined : Buffer.concat(await Array.fromAsync(chunks));
}

export async function keysIn(blobs: BlobStore, prefix = ""): Promise<string[]> {
  return (await Array.fromAsync(blobs.list(prefix))).map((entry) => entry.key);
}

export async function* inChunks(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** `length` bytes with a period of 251. */
export function patterned(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31) % 251;
  return bytes;
}
